"""python -m bench.gpu.host BUNDLE --corpus FOLDER: what the CPU reaches beside a GPU that answers at once.

A GPU answers faster than Python makes tokens and entities, so that the CPU beside it bounds a small model. Here a
backend answers at once, with the batches and the chunks of one on a GPU; no GPU is needed. The steps are told in CPU
time, which other work on the machine changes little, and Tagger.tag by the clock, on the threads that it takes. The
last line is the same as JSON.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.report.tables import Table
from bench.systems.stopwatch import step_by_step
from bench.workloads.texts import read_corpus, sentences_of
from runtime.backends.onnxruntime_cuda import Settings, packing_on_gpu
from runtime.batch.batches import Batch
from runtime.batch.flow import flow_of
from runtime.bundle.manifest import TOKENIZER
from runtime.bundle.store import Bundle, Device, Layout
from runtime.bundle.third_party import open_folder
from runtime.command_line import Parser, count, run
from runtime.encode.tokenizer import Encoder
from runtime.tagger import Tagger
from runtime.text.label_schemes import label_set_of

PROG = "python -m bench.gpu.host"
# One token id in so many begins an entity: in CoNLL-2003, a sentence has 1.7 of them.
_ONE_IN = 6
_SEED = 13


@dataclass(frozen=True, slots=True)
class HostSpeed:
    """What the CPU needs for a sentence, in microseconds of CPU time, the backend's left out.

    Attributes:
        texts: how many were tagged at once.
        entities: found in them.
        new: to find words, tokens and sentences of texts whose words were not seen before.
        seen: the same for texts that were seen before.
        rows: to put tokens into rows, and to pick labels.
        made: to make entities.
        rate: sentences a second of Tagger.tag with its threads, texts seen before: the median of the passes.
        best: the same of the best pass.
    """

    texts: int
    entities: int
    new: float
    seen: float
    rows: float
    made: float
    rate: float
    best: float


class AtOnce:
    """A Backend that answers at once: each token id has its label. See runtime.backends.base.Backend."""

    layout: Layout = "packed"
    device: Device = "cuda"
    version = "0"

    def __init__(self, *, vocabulary: int, labels: int, max_length: int) -> None:
        settings = Settings()
        self.streams = settings.streams
        self.packing = packing_on_gpu("packed", slots=settings.slots, max_length=max_length)
        chosen = np.random.default_rng(_SEED).integers(0, _ONE_IN * labels, vocabulary)
        self._answers = np.zeros((vocabulary, labels), np.float32)
        self._answers[np.arange(vocabulary), np.where(chosen < labels, chosen, 0)] = 5
        self.seconds: list[float] = []  # CPU time of each call

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """The labels' logits."""
        begun = time.thread_time()
        found = self._answers.take(batch.input_ids, axis=0)
        self.seconds.append(time.thread_time() - begun)
        return found

    def close(self) -> None:
        """Nothing is held."""


def main(arguments: Sequence[str]) -> int:
    """Measure, and print a table and a line of JSON."""
    options = _parser().parse_args(arguments)
    bundle = open_folder(options.bundle, allow_uncertified=True)
    texts = sentences_of(read_corpus(options.corpus), options.sentences, seed=_SEED).raw
    found = host_speed(bundle, texts, passes=options.passes)
    print(table(found).markdown())
    print(json.dumps(asdict(found)))
    return 0


def host_speed(bundle: Bundle, texts: Sequence[str], *, passes: int) -> HostSpeed:
    """Tag the texts so many times, step by step and then at once."""
    manifest = bundle.manifest
    labels = label_set_of(manifest)
    backend = AtOnce(vocabulary=manifest.vocabulary, labels=len(labels.labels), max_length=manifest.max_length)

    def opened() -> Tagger:
        encoder = Encoder(bundle.file(TOKENIZER))
        return Tagger(encoder, labels, backend, max_length=manifest.max_length, vocabulary=manifest.vocabulary)

    with opened() as tagger:
        _step_by_step(tagger, backend, texts)  # what a process does once
    new = list[float]()
    for _ in range(passes):
        with opened() as tagger:  # one that has seen no text
            new.append(_step_by_step(tagger, backend, texts)[0])
    with opened() as tagger:
        steps = [_step_by_step(tagger, backend, texts) for _ in range(passes + 1)]
        seconds, entities = list[float](), 0
        for _ in range(passes):
            begun = time.perf_counter()
            found = tagger.tag(texts)
            seconds.append(time.perf_counter() - begun)
            entities = sum(map(len, found))
    seen, rows, made = (statistics.median(one[step] for one in steps[1:]) for step in range(3))
    rate, best = len(texts) / statistics.median(seconds), len(texts) / min(seconds)
    return HostSpeed(len(texts), entities, statistics.median(new), seen, rows, made, rate, best)


def _step_by_step(tagger: Tagger, backend: AtOnce, texts: Sequence[str]) -> tuple[float, float, float]:
    """Microseconds a sentence to tokenize, for rows and labels, and for entities, one chunk after another."""
    backend.seconds.clear()
    flow = flow_of(backend.packing, streams=backend.streams, on_gpu=True)  # as Tagger.tag has it
    tokenize, rows, made = step_by_step(tagger, texts, time.process_time, growth=flow.growth)
    each = 1e6 / len(texts)
    return tokenize * each, (rows - sum(backend.seconds)) * each, made * each


def table(found: HostSpeed) -> Table:
    """What was measured, for people."""
    rows = (
        ("words, tokens and sentences, of texts that are new: us a sentence", f"{found.new:.1f}"),
        ("the same, of texts that were seen before", f"{found.seen:.1f}"),
        ("rows and labels", f"{found.rows:.1f}"),
        ("entities", f"{found.made:.1f}"),
        ("Tagger.tag, texts that were seen before: sentences/s, median", f"{found.rate:,.0f}"),
        ("the same, best", f"{found.best:,.0f}"),
    )
    return Table((f"{found.texts:,} sentences, {found.entities / found.texts:.1f} entities each", ""), rows)


def _parser() -> Parser:
    parser = Parser(prog=PROG, description="Measure what the CPU reaches beside a GPU that answers at once.")
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="its tokenizer and labels are taken")
    parser.add_argument("--corpus", type=Path, required=True, help="a CoNLL file, or a folder with a valid.txt")
    parser.add_argument("--sentences", type=count, default=8192, help="drawn from it (%(default)s)")
    parser.add_argument("--passes", type=count, default=7, help="over them (%(default)s)")
    return parser


if __name__ == "__main__":
    run(main, PROG)
