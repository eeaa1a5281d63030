"""One text at a time: how many milliseconds a candidate takes, and with which threads and row lengths it takes fewest.

A backend gets windows as long as sentences of news, one in each call. Its set-ups take turns, some calls each, so that
other work of the machine slows all of them. Threads and row lengths are chosen together: a graph for any length
prepares its operators on one thread, so that more threads gain little there, and much in a graph for one length. Those
cost memory and time at the start, so a plainer set-up is taken where it is hardly slower. All set-ups of a large model
would take too much memory at once: there each takes turns with the best one so far.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import numpy as np

from export.tune.weights import bytes_of
from runtime.backends.base import Backend, BackendOptions
from runtime.backends.registry import certified_rows, open_candidate
from runtime.batch.batches import Batch, SpecialTokens
from runtime.batch.ragged import starts_from_counts
from runtime.batch.windows import windows_of
from runtime.bundle.store import Bundle, Candidate, Manifest, OneTextSpeed
from runtime.logits import batches

Clock = Callable[[], float]
# Sentences, and how often each is run: some hundred calls tell a median well.
SENTENCES, ROUNDS = 48, 5
# Calls of one set-up before the next has its turn.
_TURN = 8
# Seconds that one set-up may take; a large model then has fewer rounds.
_SECONDS = 2.0
# A set-up with more threads or compiled graphs must take this share less.
_GAIN = 0.05
# Threads that are tried between one and all: a sentence is too little work for many.
_SOME_THREADS = 4
# Bytes of graphs and weights up to which all set-ups are open at once.
_TOGETHER = 2 * 2**30
# Mean and deviation of the logarithm of a sentence's tokens; a log-normal fit to CoNLL-2003.
MEAN, DEVIATION = 2.75, 0.75
_SPECIAL_TOKENS = SpecialTokens((0,), (0,))


@dataclass(frozen=True, slots=True)
class SetUp:
    """How a backend is opened for one text at a time; see BackendOptions."""

    threads: int
    lengths: tuple[int, ...]


# Seconds of each call of each set-up; all are open at once and take turns.
Measure = Callable[[Sequence[SetUp]], dict[SetUp, list[float]]]


def one_text_speed(bundle: Bundle, candidate: Candidate, *, threads: int, clock: Clock) -> OneTextSpeed:
    """The fastest set-up of a candidate for one text at a time, and how fast it is.

    Args:
        bundle: holds the candidate.
        candidate: certified, and able to run here.
        threads: CPUs to use at most.
        clock: seconds from any moment on.
    """
    # Other rows than those that the certificate covers would not be served.
    tried = to_try(certified_rows(bundle.certificate(candidate)), threads=threads)
    measured = partial(_measured, bundle, candidate, clock)
    best, seconds = fastest(tried, weights=bytes_of(bundle, candidate), measured=measured)
    p50, p99 = np.quantile(seconds, [0.5, 0.99], method="inverted_cdf").tolist()
    return OneTextSpeed(round(1000 * p50, 3), round(1000 * p99, 3), best.threads, best.lengths)


def to_try(rows: tuple[int, ...], *, threads: int) -> list[SetUp]:
    """All set-ups to try, the plainest first.

    Args:
        rows: lengths that the certificate covers; empty: none.
        threads: CPUs to use at most.
    """
    counts = sorted({1, min(_SOME_THREADS, threads), threads})
    return [SetUp(count, lengths) for lengths in dict.fromkeys([(), rows]) for count in counts]


def fastest(tried: Sequence[SetUp], *, weights: int, measured: Measure) -> tuple[SetUp, list[float]]:
    """The plainest of the fastest set-ups, and the seconds of its calls.

    Args:
        tried: all of them, the plainest first.
        weights: bytes that one graph holds.
        measured: opens set-ups together and times them in turns.
    """
    best, *others = tried
    graphs = sum(1 + len(each.lengths) for each in tried)
    together = graphs * weights <= _TOGETHER or not others
    for challengers in [others] if together else [[one] for one in others]:
        seconds = measured([best, *challengers])
        best = plainest(seconds)
    return best, seconds[best]


def plainest(seconds: dict[SetUp, list[float]]) -> SetUp:
    """The first set-up that no later one beats by more than _GAIN."""
    # The mean, so that long sentences count; of medians, so that a moment in which the machine was busy does not.
    means = {
        each: float(np.median(np.reshape(taken, (-1, SENTENCES)), axis=0).mean()) for each, taken in seconds.items()
    }
    best, *others = seconds
    for other in others:
        if means[other] < (1 - _GAIN) * means[best]:
            best = other
    return best


def _measured(bundle: Bundle, candidate: Candidate, clock: Clock, tried: Sequence[SetUp]) -> dict[SetUp, list[float]]:
    """Seconds of every call of every set-up; all are open at once and take turns."""
    with ExitStack() as stack:
        opened: dict[SetUp, tuple[Backend, list[Batch]]] = {}
        for each in tried:
            options = BackendOptions(threads=each.threads, goal="latency", lengths=each.lengths)
            backend = open_candidate(candidate, bundle, options)
            stack.callback(backend.close)
            opened[each] = backend, list(_single_rows(backend, bundle.manifest))
        # The first calls ask for memory and do not count, but tell how many rounds there is time for.
        rough = max(sum(_timed(backend, rows, clock)) for backend, rows in opened.values())
        seconds: dict[SetUp, list[float]] = {each: [] for each in tried}
        for _ in range(max(1, min(ROUNDS, int(_SECONDS / max(rough, 1e-9))))):
            for first in range(0, SENTENCES, _TURN):
                for each, (backend, rows) in opened.items():
                    seconds[each] += _timed(backend, rows[first : first + _TURN], clock)
        return seconds


def _timed(backend: Backend, rows: Sequence[Batch], clock: Clock) -> list[float]:
    moments = [clock()]
    for row in rows:
        backend.logits(row)
        moments.append(clock())
    return [after - before for before, after in itertools.pairwise(moments)]


def _single_rows(backend: Backend, manifest: Manifest) -> Iterator[Batch]:
    """Batches of one sentence each, of random tokens: the speed does not depend on which these are."""
    chance = np.random.default_rng(1)
    longest = manifest.max_length - len(_SPECIAL_TOKENS)
    for length in np.clip(np.exp(chance.normal(MEAN, DEVIATION, SENTENCES)).astype(int), 1, longest).tolist():
        ids = chance.integers(0, manifest.vocabulary, length)
        windows = windows_of(starts_from_counts([length]), capacity=longest, stride=0)
        for placed in batches(backend, ids, windows, _SPECIAL_TOKENS):
            yield placed.batch
