"""The values of options, from their text; argparse turns an ArgumentTypeError into its own error."""

from __future__ import annotations

import argparse
from typing import Literal

from runtime.decode.options import threshold_of


def not_negative(value: str) -> int:
    """A whole number from 0 on."""
    if not value.isdecimal():
        raise argparse.ArgumentTypeError(f"{value!r} is not a number from 0 on")
    return int(value)


def stride(value: str) -> int | Literal["auto"]:
    """A number of tokens, or "auto"."""
    if value == "auto":
        return "auto"
    try:
        return int(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{value!r} is neither a number nor auto") from None


def context(value: str) -> int | Literal["auto"]:
    """A number of tokens from 1 on, or "auto"."""
    if value == "auto":
        return "auto"
    if not value.isdecimal() or not int(value):
        raise argparse.ArgumentTypeError(f"{value!r} is neither a number from 1 on nor auto")
    return int(value)


def setting(value: str) -> tuple[str, str]:
    """NAME=VALUE."""
    name, equals, given = value.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{value!r} is not NAME=VALUE")
    return name, given


def pair(value: str) -> tuple[str, str]:
    """GOLD=MODEL, two entity types."""
    gold, _, name = value.partition("=")
    if not gold or not name:
        raise argparse.ArgumentTypeError(f"{value!r} is not GOLD=MODEL")
    return gold, name


def threshold(value: str) -> tuple[str, float]:
    """LABEL=SCORE with a score of 0 to 1."""
    try:
        return threshold_of(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{value!r} is not LABEL=SCORE with a score of 0 to 1") from None
