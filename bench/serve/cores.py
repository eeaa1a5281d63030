"""Which CPUs servers and their client run on: all of them together, or some for servers and the others for the client.

Where they share, a client that computes takes from the server what it measures. Where they do not, every server has the
same CPUs for itself, and a Tagger that they are compared with has these alone.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass


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
    """The first half of the CPUs for servers, the others for the client; None where there is one CPU alone."""
    usable = sorted(os.sched_getaffinity(0))
    half = len(usable) // 2
    return Cores(frozenset(usable[:half]), frozenset(usable[half:])) if half else None


@contextlib.contextmanager
def on_cores(cores: frozenset[int]) -> Iterator[None]:
    """Processes that are started meanwhile may use these CPUs alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
