"""An open loop: texts arrive at given moments, whether or not the system is ready for them. Pure, given a clock.

Latency is counted from the moment a text was due, not from the moment the system took it. So one slow answer also
counts for every text that waited behind it. (Leaving that out is known as coordinated omission.)
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence


def poisson(rate: float, seconds: float, *, seed: int) -> list[float]:
    """Return when texts are due, in seconds from the start: a Poisson process, whose gaps are exponential.

    Args:
        rate: texts a second.
        seconds: length of the whole process.
        seed: the same seed gives every system the same arrivals.
    """
    # A generator of its own: the arrivals must not depend on what else draws random numbers.
    source = random.Random(seed)
    due: list[float] = []
    # Exponential gaps are what independent clients make: bursts and pauses, and not an even beat.
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
    longest: float = math.inf,
) -> list[float]:
    """Return the seconds from due to answered of each arrival. Texts that wait are answered together, up to `batch`.

    Args:
        tag: answers a list of texts.
        texts: used one after the other, and again from the first.
        due: from `poisson`.
        batch: largest number of texts in one call, as a server would take them from its queue.
        clock, sleep: in seconds.
        longest: seconds from the start, after which the rest gets no answer: fewer are returned than came.
    """
    begun = clock()
    latencies: list[float] = []
    while len(latencies) < len(due):
        first = len(latencies)
        now = clock() - begun
        if now > longest:
            break
        # Nobody waits: sleep until the next text is due, as a server would block on its queue.
        if due[first] > now:
            sleep(due[first] - now)
            continue
        last = first
        # Everyone who arrived while the last call ran shares the next one.
        while last < len(due) and last - first < batch and due[last] <= now:
            last += 1
        tag([texts[index % len(texts)] for index in range(first, last)])
        # One reading of the clock for the whole batch: all its texts are answered at this moment.
        answered = clock() - begun
        latencies += [answered - moment for moment in due[first:last]]
    return latencies
