"""What every part of a run needs: what is compared and on what, the checkpoint's answers, and stages on the screen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.measure.process import Place, Worker
from bench.measure.roofline import open_products
from bench.plan import Plan
from bench.schema.result import Accuracy, Measured
from bench.systems.base import Failure, Setting, Spec, System
from bench.workloads.answers import NOTHING_EXPECTED, Expected, spans_of
from bench.workloads.reference import reference_labels
from bench.workloads.subject import Subject
from bench.workloads.texts import Workload
from runtime.text.conll import Sentence
from runtime.text.words import split_words

# bert-large's weights in fp32 are 1.3 GB, and engines hold two or three copies of them while they open.
LARGE_ROOM = 4_500_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Everything that a run needs.

    Attributes:
        specs: what is compared, in the order of the table.
        large: the same for bert-large's shape, once its folder is there; empty leaves it out.
        large_folder: where that is made.
        subject: the checkpoint and bundle.
        corpus: sentences; empty where only the user's texts are tagged.
        texts: the user's own, if any.
        plan: how much.
        threads: that every system gets.
        large_room: bytes of memory that must be free before one more of the large systems is opened.
        start: makes processes.
        reference: the job that asks the checkpoint; see bench.reference.
        limits: opens what measures the machine's matrix-product rate.
    """

    specs: Sequence[Spec]
    large: Callable[[], Sequence[Spec]]
    large_folder: Path
    subject: Subject
    corpus: Sequence[Sentence]
    texts: Workload | None
    plan: Plan
    threads: int
    large_room: int = LARGE_ROOM
    start: Callable[[int], Place] = Worker
    reference: Callable[..., list[list[str] | None]] = reference_labels
    limits: Callable[[Setting], System] = open_products


def reference_of(bench: Bench, workload: Workload, notes: list[str]) -> Expected:
    """What the checkpoint says of each text; nothing, with a note, if it could not be asked."""
    subject = bench.subject
    given = [text.tokens for text in workload.texts]
    offsets = [split_words(text) for text in workload.raw]
    cut = [[text[start:end] for start, end in spans] for text, spans in zip(workload.raw, offsets)]
    place = bench.start(bench.threads)
    try:
        labels = place.call(
            bench.reference,
            subject.checkpoint,
            [*given, *cut],
            subject.labels,
            subject.max_length,
            bench.threads,
        )
    except Failure as failure:
        notes.append(f"{workload.name}: the checkpoint was not asked, so changed labels are not known ({failure})")
        return NOTHING_EXPECTED
    finally:
        place.close()
    told = zip(labels[len(given) :], offsets)
    twins = [None if tags is None else spans_of(tags, spans) for tags, spans in told]
    return Expected(labels[: len(given)], {"words": twins})


def measured_of(bench: Bench, workload: Workload, checkpoint: Accuracy | None) -> Measured:
    """What is known of a workload before it is timed."""
    return Measured(
        name=workload.name,
        sha256=workload.sha256,
        seed=workload.seed,
        texts=len(workload.texts),
        words=workload.words,
        tokens=bench.subject.tokens(workload),
        flops_per_token=bench.subject.flops,
        checkpoint=checkpoint,
    )


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Say on the screen what is being done, and what it took."""
    print(f"{name:<20}", end=" ", flush=True)
    begun = time.perf_counter()
    try:
        yield
    finally:
        print(f"{time.perf_counter() - begun:7.1f} s", flush=True)
