"""Which batches an engine is built for."""

from __future__ import annotations

from export.engines.options import SLOTS
from runtime.bundle.manifest import Profile

SHORTEST = 64
"""The shortest rows, in tokens."""


def profiles_for(max_length: int, *, slots: int = SLOTS) -> tuple[Profile, ...]:
    """Batches that an engine is run on: every length of packed rows, each with a few numbers of rows.

    Args:
        max_length: most tokens of a window.
        slots: (rows x length) of the largest batches.
    """
    lengths = [SHORTEST]
    while lengths[-1] < max_length:
        lengths.append(2 * lengths[-1])
    return tuple(Profile(rows, length) for length in lengths for rows in _rows(max(1, slots // length)))


def ranges_of(profiles: tuple[Profile, ...]) -> list[tuple[Profile, Profile]]:
    """The same batches as a range for each length: from one row to the most.

    Four ranges make a smaller plan, sooner, than a profile for each batch; see docs/gpu.md.
    """
    most = {length: max(each.rows for each in profiles if each.length == length) for length in _lengths(profiles)}
    return [(Profile(1, length), Profile(rows, length)) for length, rows in most.items()]


def _lengths(profiles: tuple[Profile, ...]) -> list[int]:
    return sorted({profile.length for profile in profiles})


def _rows(most: int) -> list[int]:
    """Numbers of rows: the most, a quarter of it, a quarter of that... and 1, for a text that comes alone."""
    rows = []
    while most >= 4:
        rows.append(most)
        most //= 4
    return [*rows, 1]
