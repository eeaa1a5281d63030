"""What every part of a benchmark needs: its systems and texts, the checkpoint's answers, and stages on the screen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.measure.process import JobRunner, Worker
from bench.measure.roofline import open_products
from bench.measure.roofline_probe import RooflineProbe
from bench.measure.rounds import MeasuredSystem
from bench.plan import Plan
from bench.schema.result import Accuracy, Measured
from bench.systems.base import Failure, Setting, Spec, System
from bench.workloads.answers import NOTHING_EXPECTED, Expected, spans_of
from bench.workloads.reference import reference_labels
from bench.workloads.subject import Subject
from bench.workloads.texts import Workload
from runtime.text.conll import Sentence
from runtime.text.words import split_words

# bert-large's weights take 1.3 GB in fp32, and a backend holds two or three copies of them while it opens.
LARGE_ROOM = 4_500_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Everything that a benchmark needs.

    Attributes:
        specs: the systems, in the order of the table.
        large: returns the systems for bert-large's shape, once its folder has been made.
        large_folder: where that folder is made.
        subject: the checkpoint and its bundle.
        corpus: sentences; empty where only the user's texts are tagged.
        texts: the user's own texts, if any.
        plan: how much is measured.
        threads: how many each system gets.
        large_room: bytes of memory that must be free before one more of the large systems is opened.
        scores: whether answers are scored; nothing can be said of those of random weights.
        start: starts the process of a system.
        reference: the job that asks the checkpoint; see bench.workloads.reference.
        expected: returns its answers, where it was asked before.
        roofline: opens what measures the machine's matrix-multiplication rate.
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
    scores: bool = True
    start: Callable[[int], JobRunner] = Worker
    reference: Callable[..., list[list[str] | None]] = reference_labels
    expected: Callable[[], Expected] | None = None
    roofline: Callable[[Setting], System] = open_products


@dataclass(frozen=True, slots=True)
class Comparison:
    """A benchmark under way.

    Attributes:
        bench: what it was given.
        systems: all of them, running or not.
        probing: opens what measures the roofline beside them.
        notes: sentences for the reader; more are added on the way.
    """

    bench: Bench
    systems: list[MeasuredSystem]
    probing: Future[RooflineProbe]
    notes: list[str]

    @property
    def probe(self) -> RooflineProbe:
        """What measures the roofline, once it is open."""
        return self.probing.result()

    def on(self, workload: str) -> list[MeasuredSystem]:
        """Return the systems that are measured on that workload; see Spec.workloads."""
        return [one for one in self.systems if not one.spec.workloads or workload in one.spec.workloads]


def reference_of(bench: Bench, workload: Workload, notes: list[str]) -> Expected:
    """Ask the checkpoint about each text. If that fails there is nothing to compare with, and a note says so."""
    subject = bench.subject
    given = [tuple(text.tokens) for text in workload.texts]
    offsets = [split_words(text) for text in workload.raw]
    # Whole raw texts, in words by Nerve's rules: what the backend and cutting into sentences change is counted against
    # these.
    cut = [tuple(text[start:end] for start, end in spans) for text, spans in zip(workload.raw, offsets)]
    # Most sentences are cut as the corpus cuts them, and are asked about once.
    asked = list(dict.fromkeys([*given, *cut]))
    runner = bench.start(bench.threads)
    try:
        # Both in one call: opening the checkpoint takes longer than answering.
        answers = runner.call(
            bench.reference, subject.checkpoint, asked, subject.labels, subject.max_length, bench.threads
        )
    except Failure as failure:
        notes.append(f"{workload.name}: the checkpoint was not asked, so changed labels are not known ({failure})")
        return NOTHING_EXPECTED
    finally:
        runner.close()
    labels = dict(zip(asked, answers))
    told = zip([labels[words] for words in cut], offsets)
    twins = [None if tags is None else spans_of(tags, spans) for tags, spans in told]
    return Expected([labels[words] for words in given], {"words": twins})


def measured_of(bench: Bench, workload: Workload, checkpoint: Accuracy | None) -> Measured:
    """Return what is known of a workload before it is timed."""
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
    """Print what is being done, and how long it took."""
    print(f"{name:<20}", end=" ", flush=True)
    begun = time.perf_counter()
    try:
        yield
    finally:
        print(f"{time.perf_counter() - begun:7.1f} s", flush=True)
