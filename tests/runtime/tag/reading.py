"""Bytes -> items by one format's reader, for tests of what reads and of what writes."""

from __future__ import annotations

import io

from runtime.tag.input.detect import Input
from runtime.tag.input.item import Item
from runtime.tag.input.read import READERS, Reading, Start


def read(kind: Input, raw: bytes, reading: Reading | None = None, *, more: bool = False) -> list[Item]:
    """The items of an input named x."""
    return list(READERS[kind](io.BytesIO(raw), Start("x", more=more), reading or Reading()))


def problems(kind: Input, raw: bytes, reading: Reading | None = None) -> list[str]:
    """The messages of the broken items among them."""
    return [str(item.problem) for item in read(kind, raw, reading) if item.problem]
