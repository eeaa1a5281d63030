"""How the figures of a benchmark are measured, in words, for its report."""

from __future__ import annotations

from bench.measure.rounds import PAUSE
from bench.plan import Plan


def method_of(plan: Plan, *, threads: int) -> list[str]:
    """Return a sentence or two for each question that a critical reader would ask."""
    return [
        f"Every system runs in its own process on the same {threads} CPUs (affinity), with as many threads.",
        "Timed: raw text in, entities with character offsets out, inside that process, Python's garbage collector off.",
        f"{plan.rounds} interleaved rounds (A B C A B C), {1000 * PAUSE:.0f} ms between runs, after a warm-up"
        f"{_warm_up(plan)}; a run repeats the texts until it lasts {plan.run_seconds:g} s. "
        "Speeds are those of the median run.",
        "Settings (texts or rows of a batch, streams, threads) are chosen for each baseline by a search on the "
        "same kind of text; what was tried is in the JSON. Nerve runs as `Tagger.open` runs it: with "
        'goal="throughput", and for one text at a time with goal="latency".',
        "Intervals: 95% bootstrap of the ratio of medians. Faster and slower are said only if that interval and a "
        "95% interval for 20 comparisons at once (Student's t on logarithms, Bonferroni, a spread of 1% at least) both "
        "leave out 1.",
        "The roofline is the machine's fastest matrix multiplication in that precision, timed in the same rounds; the "
        "share counts the linear layers alone, and no other work.",
        "F1 and changed labels: entities are brought back to the corpus's words by their offsets; a word belongs to an "
        "entity if they share a character. Systems are given words joined by spaces, as raw text; the "
        "checkpoint itself is given the words. So cutting words otherwise counts as changed labels, for everyone. "
        "What the backend changed is counted against the checkpoint in fp32 on the same whole text, cut into words as "
        "the system cuts it (for pipelines: by the pipeline in fp32). Nerve reads sentence by sentence, so cutting a "
        "text into sentences counts here, too; certificates have what the backend alone changed. "
        "Over 10 labels in 10,000 or 0.1 points of F1 is flagged.",
        "Cold start: from starting a process to its first answer. Peak memory: VmHWM of a process that tagged the "
        "sentences" + (", the search included." if plan.quick else " with the chosen setting and nothing else."),
        "Load: Poisson arrivals, the same for all; texts that wait are answered together, up to the chosen batch; "
        "latency counts from the moment a text was due.",
    ]


def _warm_up(plan: Plan) -> str:
    """Return how long a warm-up goes on; see bench.measure.jobs.settled."""
    if plan.warm_ups == 1:
        return ""
    return f" of three runs or more, {plan.warm_ups} at most, until two in a row are within 20% of the shortest"
