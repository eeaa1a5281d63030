"""Which CPUs servers and their client run on: all of them together, or some for servers and the others for the client.

Where they share, a client that computes takes from the server what it measures. Where they do not, every server has the
same CPUs for itself, and a Tagger that they are compared with has these alone. Threads of one core stay together.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cores:
    """See the module.

    Attributes:
        server: numbers of the CPUs that servers and Taggers may use.
        client: of those that the client may use.
    """

    server: frozenset[int]
    client: frozenset[int]


def shared_cores() -> Cores:
    """All CPUs that this process may use, for both."""
    usable = frozenset(os.sched_getaffinity(0))
    return Cores(usable, usable)


def split_cores() -> Cores | None:
    """The first half of the cores for servers, the others for the client; None where there is one core alone."""
    groups = by_core(sorted(os.sched_getaffinity(0)))
    half = len(groups) // 2
    return Cores(frozenset().union(*groups[:half]), frozenset().union(*groups[half:])) if half else None


def by_core(usable: Sequence[int], folder: Path = Path("/sys/devices/system/cpu")) -> list[frozenset[int]]:
    """The CPUs, those of one core together; each for itself where Linux does not tell.

    Args:
        usable: numbers of CPUs.
        folder: where Linux tells of each CPU.
    """
    groups: dict[str, set[int]] = {}
    for number in usable:
        told = folder / f"cpu{number}" / "topology" / "thread_siblings_list"
        core = told.read_text() if told.is_file() else str(number)
        groups.setdefault(core.strip(), set()).add(number)
    return [frozenset(group) for group in groups.values()]


@contextlib.contextmanager
def on_cores(cores: frozenset[int]) -> Iterator[None]:
    """Processes that are started meanwhile may use these CPUs alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
