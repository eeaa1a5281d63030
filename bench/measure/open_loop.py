"""An open loop: texts arrive when they arrive, whether or not the system is ready. Pure, given a clock.

Latency counts from the moment a text was due and not from when the system got round to it; so a slow answer is charged
to every text that waited behind it (what is left out otherwise is known as coordinated omission).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence


def poisson(rate: float, seconds: float, *, seed: int) -> list[float]:
    """When texts are due, in seconds from the start: a Poisson process, so the gaps are exponential.

    Args:
        rate: texts a second.
        seconds: how long it goes on.
        seed: the same seed gives the same arrivals, to every system.
    """
    source = random.Random(seed)
    due: list[float] = []
    now = source.expovariate(rate)
    while now < seconds:
        due.append(now)
        now += source.expovariate(rate)
    return due


def open_loop(
    tag: Callable[[Sequence[str]], object],
    texts: Sequence[str],
    due: Sequence[float],
    *,
    batch: int,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> list[float]:
    """Seconds from due to answered, for each arrival. All that wait are answered together, up to `batch` of them.

    Args:
        tag: the system.
        texts: taken in turn, over and over.
        due: from `poisson`.
        batch: most texts of one call, as a server with a queue would gather them.
        clock, sleep: seconds.
    """
    begun = clock()
    latencies: list[float] = []
    while len(latencies) < len(due):
        first = len(latencies)
        now = clock() - begun
        if due[first] > now:
            sleep(due[first] - now)
            continue
        last = first
        while last < len(due) and last - first < batch and due[last] <= now:
            last += 1
        tag([texts[index % len(texts)] for index in range(first, last)])
        answered = clock() - begun
        latencies += [answered - moment for moment in due[first:last]]
    return latencies
