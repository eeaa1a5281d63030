"""How much is measured: the full benchmark and the quick one. Only data.

On 2 cores the full one is meant to take 20 minutes without bert-large, and the quick one 3.
"""

from __future__ import annotations

from dataclasses import dataclass

SEED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The sizes of a benchmark.

    Attributes:
        quick: whether it is the quick one.
        sentences: how many are timed. scored: how many are scored, 0 for all.
        rounds: runs of each system. run_seconds: least length of a run.
        cold_starts: processes started to time the first answer.
        search_texts: sentences that each setting is tried on.
        latency_words: words of a single text, 0 for a sentence as it is.
        latency_rounds, latency_calls: rounds, and calls of each system in a round.
        rates: arrivals a second of the open loop. load_seconds: length of the loop at each rate.
        documents: how many, of 200 to 5,000 words.
        heat_words, heat_batches: axes of the heat map. heat_seconds: fields that would take longer stay empty.
        large_sentences: how many are timed with bert-large's shape. large_rounds: runs of each system.
        drawn_again: whether sentences are drawn again and again, so that there are as many as are to be timed.
        least_rounds: with so many runs, a system's speed stays when it ends in a later round; 0: it needs all rounds.
        longest_run: seconds; a baseline that would take longer tags every second, third, ... text alone. 0: no limit.
        warm_ups: most runs of a system's warm-up, which ends when runs no longer get faster; 1: one run.
        warm_up_seconds: no further one begins after so many.
        latency_seconds: a round of a slow system has fewer calls, so that it lasts about so long. 0: all calls.
    """

    quick: bool
    sentences: int
    scored: int
    rounds: int
    run_seconds: float
    cold_starts: int
    search_texts: int
    latency_words: tuple[int, ...]
    latency_rounds: int
    latency_calls: int
    rates: tuple[float, ...]
    load_seconds: float
    documents: int
    heat_words: tuple[int, ...]
    heat_batches: tuple[int, ...]
    heat_seconds: float
    large_sentences: int
    large_rounds: int
    drawn_again: bool = False
    least_rounds: int = 0
    longest_run: float = 0.0
    warm_ups: int = 1
    warm_up_seconds: float = 0.0
    latency_seconds: float = 0.0


# Five rounds are the fewest from which the second interval can show a difference of a few percent.
FULL = Plan(
    quick=False,
    sentences=1000,
    scored=0,
    rounds=5,
    run_seconds=0.5,
    cold_starts=3,
    search_texts=128,
    latency_words=(0, 8, 32, 128),
    latency_rounds=4,
    latency_calls=40,
    # From a rate that all systems can take to one that saturates most of them.
    rates=(20, 50, 100, 200, 400),
    load_seconds=2.5,
    documents=3,
    heat_words=(4, 16, 64, 256),
    heat_batches=(1, 8, 32, 128),
    heat_seconds=1.5,
    # 45 rows of 64 tokens, in batches of eight: few enough to last minutes, enough to keep streams busy to the end.
    large_sentences=128,
    large_rounds=3,
)
# Enough to see that all works, and differences of a tenth or more.
QUICK = Plan(
    quick=True,
    sentences=100,
    scored=100,
    rounds=3,
    run_seconds=0.2,
    cold_starts=1,
    search_texts=16,
    latency_words=(0, 64),
    latency_rounds=2,
    latency_calls=15,
    rates=(20, 100),
    load_seconds=0.5,
    documents=0,
    heat_words=(),
    heat_batches=(),
    heat_seconds=0.0,
    large_sentences=0,
    large_rounds=0,
)
