"""A profile: a named choice of candidate, threads, streams and rows. export.tune makes it for one goal on a machine."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal

from runtime.bundle.certificate import Candidate
from runtime.bundle.schema import SchemaError

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
# Far beyond any machine and any row that there is.
_MOST_THREADS, _MOST_SLOTS, _MOST_LENGTHS = 4096, 1 << 20, 16

Figures = dict[str, float | int | None]


@dataclass(frozen=True, slots=True)
class RunProfile:
    """How a bundle is run.

    Attributes:
        name: lower-case letters, digits and hyphens.
        candidate: what runs.
        goal: what it was chosen for; see runtime.backends.base.
        threads, streams, slots, lengths: see runtime.backends.base.BackendOptions.
        machine: what it was measured on, for people.
        wanted: what was asked of it, by name: p99_ms, texts_per_second, f1, memory_bytes.
        measured: what it came to: p50_ms, p99_ms, texts_per_second, memory_bytes, changed_per_10k, f1.
    """

    name: str
    candidate: Candidate
    goal: Literal["throughput", "latency"]
    threads: int
    streams: int
    slots: int
    lengths: tuple[int, ...] = ()
    machine: str = ""
    wanted: Figures = field(default_factory=dict)
    measured: Figures = field(default_factory=dict)


def is_profile_name(name: str) -> bool:
    """Whether a profile may have that name."""
    return _NAME.fullmatch(name) is not None


def check_profiles(profiles: Sequence[RunProfile], files: Collection[str]) -> None:
    """Hold the profiles of a manifest against its files, and their numbers against what a machine can have.

    Raises:
        SchemaError: one is of no use.
    """
    if len({one.name for one in profiles}) < len(profiles):
        raise SchemaError("profiles: two of one name")
    for one in profiles:
        place = f"profiles.{one.name[:40]}"
        if not is_profile_name(one.name):
            raise SchemaError(f"{place}: no plain name")
        if one.candidate.file not in files:
            raise SchemaError(f"{place}: {one.candidate.file[:60]!r} is neither a graph nor an engine")
        if not 1 <= one.streams <= one.threads <= _MOST_THREADS:
            raise SchemaError(f"{place}: {one.streams} streams of {one.threads} threads")
        if not 1 <= one.slots <= _MOST_SLOTS:
            raise SchemaError(f"{place}: {one.slots:,} token slots")
        check_lengths(one.lengths, place)


def check_lengths(lengths: Sequence[int], place: str) -> None:
    """Refuse row lengths that do not rise, or more and longer ones than a graph is ever compiled for.

    Raises:
        SchemaError: they are such; `place` is where they stand.
    """
    rising = list(lengths) == sorted(set(lengths))
    if not rising or len(lengths) > _MOST_LENGTHS or not all(1 <= each <= _MOST_SLOTS for each in lengths):
        raise SchemaError(f"{place}: row lengths that do not rise")
