"""python -m bench documents BUNDLE --corpus FOLDER: what bounds the speed of documents, against OpenVINO in bf16.

    python -m bench documents BUNDLE --corpus FOLDER --work build/bench --output bench/results/NAME-documents.json
    python -m bench documents --write bench/results/NAME-documents.json

In interleaved rounds of one process, on the documents and the sentences of `python -m bench`: Nerve's int8 from texts
to entities; its batches alone, by the int8 graph and in bf16; and bare OpenVINO in bf16, in windows and
behind Nerve's rule for sentences, each with its own best number of rows. Batches alone leave out cutting, tokens,
placing and decoding: no way to read can make Nerve faster than they are. --write puts the table into docs/documents.md.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.command import checkpoint_of, model_of
from bench.measure.intervals import paired_ratio
from bench.measure.machine import machine_facts
from bench.plan import FULL, SEED
from bench.report.marks import add_files, load_of, only_writes, source_of
from bench.report.tables import Table
from bench.systems.bare_backends import bare_specs
from bench.systems.base import Setting, System
from bench.systems.nerve import Nerve, runnable_specs
from bench.systems.stopwatch import WatchedBackend
from bench.workloads.texts import documents_of, read_corpus, sentences_of
from runtime.backends.base import Backend
from runtime.batch.batches import Batch
from runtime.bundle.store import TOKENIZER, Bundle, open_bundle
from runtime.command_line import Parser, count, run
from runtime.concurrency import in_order
from runtime.encode.tokenizer import Encoder
from runtime.errors import UsageError
from runtime.system.files import write_atomically
from runtime.system.libraries import available_threads
from runtime.text.sentences import split_sentences

PROG = "python -m bench documents"
MARKS = "<!-- bench-documents:begin -->", "<!-- bench-documents:end -->"
OURS, HALF, PEER = "nerve-openvino-int8", "nerve-openvino-bf16", "openvino-bf16"
WHOLE, ALONE, ALONE_BF16 = "Nerve int8, documents", "its batches alone", "the same batches in bf16"
WINDOWS, CUT = "OpenVINO bf16, documents in windows", "OpenVINO bf16, documents by sentence"
# Rows of the baseline's batches that are tried; its search in `python -m bench` takes one of these.
_ROWS = (1, 8, 32)
_PAGE = Path("docs/documents.md")


@dataclass(frozen=True, slots=True)
class Way:
    """Something to time.

    Attributes:
        name: in the table.
        tokens: of the texts that it reads.
        run: does it once.
    """

    name: str
    tokens: int
    run: Callable[[], object]


class Recording(WatchedBackend):
    """A backend that keeps the batches that it is given.

    Attributes:
        batches: all of them, in order.
    """

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend, time.perf_counter)
        self.batches: list[Batch] = []

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """See Backend."""
        self.batches.append(batch)
        return super().logits(batch)


def main(arguments: Sequence[str]) -> int:
    """Measure and write the JSON; or write the page from what was measured."""
    options = _parser().parse_args(arguments)
    if only_writes(options, _PAGE, block, MARKS, needs=("BUNDLE", "--corpus")):
        return 0
    machine, bundle = machine_facts(), open_bundle(options.bundle)
    with ExitStack() as stack:
        ways = _ways(stack, bundle, options)
        taken = _timed(ways, options.rounds)
    result = {
        "what": "documents",
        "machine": machine,
        "threads": options.threads,
        "rounds": options.rounds,
        "ways": [{"name": way.name, "tokens": way.tokens, **taken[way.name]} for way in ways],
    }
    write_atomically(options.output, (json.dumps(result, indent=1) + "\n").encode())
    print(table(result).markdown())
    print(json.dumps({"ways": len(ways), "output": str(options.output)}))
    return 0


def _ways(stack: ExitStack, bundle: Bundle, options: Namespace) -> list[Way]:
    corpus = read_corpus(options.corpus)
    documents = documents_of(corpus, options.documents, seed=SEED).raw
    sentences = sentences_of(corpus, options.sentences, seed=SEED).raw
    encoder = Encoder(bundle.file(TOKENIZER))
    in_documents, in_sentences = (len(encoder.encode_texts(each)[0].ids) for each in (documents, sentences))
    ours, half = (_opened(stack, bundle, name, options.threads) for name in (OURS, HALF))
    cut = [text[start:end] for text in documents for start, end in split_sentences(text)]
    ways = [
        Way(WHOLE, in_documents, partial(ours.tag, documents)),
        Way(ALONE, in_documents, partial(_run, ours.backend, _batches(ours, documents))),
        Way(ALONE_BF16, in_documents, partial(_run, half.backend, _batches(ours, documents))),
        Way("Nerve int8, sentences", in_sentences, partial(ours.tag, sentences)),
        Way("their batches alone", in_sentences, partial(_run, ours.backend, _batches(ours, sentences))),
    ]
    for rows in _ROWS:
        baseline = _baseline(stack, bundle, rows, options)
        ways.append(Way(f"{WINDOWS}, rows of {rows}", in_documents, partial(baseline.tag, documents)))
        ways.append(Way(f"{CUT}, rows of {rows}", in_documents, partial(baseline.tag, cut)))
    return ways


def _opened(stack: ExitStack, bundle: Bundle, name: str, threads: int) -> Nerve:
    specs = {spec.name: spec for spec in runnable_specs(bundle, threads=threads)}
    if name not in specs:
        raise UsageError(name, "this bundle cannot run it here", f"export one that can; it has {', '.join(specs)}")
    opened = stack.enter_context(closing(specs[name].open(specs[name].settings[0])))
    assert isinstance(opened, Nerve)
    return opened


def _baseline(stack: ExitStack, bundle: Bundle, rows: int, options: Namespace) -> System:
    """Bare OpenVINO in bf16, with so many rows in a batch and a stream for each thread: its best in every search."""
    checkpoint = checkpoint_of(bundle, options.checkpoint)
    model = model_of(bundle, checkpoint, options.work, options.threads, thorough=True)
    (spec,) = (spec for spec in bare_specs(model) if spec.name == PEER)
    spec.prepare()
    return stack.enter_context(closing(spec.open(Setting(rows, options.threads, 1))))


def _batches(nerve: Nerve, texts: Sequence[str]) -> list[Batch]:
    recording = Recording(nerve.backend)
    nerve.on(recording).tag(texts)
    return recording.batches


def _run(backend: Backend, batches: Sequence[Batch]) -> None:
    for _ in in_order(backend.logits, batches, workers=backend.streams):
        pass


def _timed(ways: Sequence[Way], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Seconds by the clock and of CPU time of every round, in which all take turns; a first one warms up."""
    taken: dict[str, dict[str, list[float]]] = {way.name: {"seconds": [], "cpu": []} for way in ways}
    for number in range(rounds + 1):
        for way in ways:
            began, cpu = time.perf_counter(), time.process_time()
            way.run()
            if number:
                taken[way.name]["cpu"].append(time.process_time() - cpu)
                taken[way.name]["seconds"].append(time.perf_counter() - began)
        print(f"{PROG}: round {number} of {rounds}", file=sys.stderr, flush=True)
    return taken


def table(result: Mapping[str, Any]) -> Table:
    """A row for each way, with the baseline's best alone."""
    by_name = {way["name"]: way for way in result["ways"]}
    best = [_best(by_name, start) for start in (WINDOWS, CUT)]
    kept = [name for name in by_name if not name.startswith((WINDOWS, CUT))] + best
    rows = []
    for name in kept:
        speed = statistics.median(_speeds(by_name[name], "seconds"))
        rows.append((name, f"{speed:,.0f}", *(_ratio(by_name[name], by_name[baseline]) for baseline in best)))
    return Table(("what runs", "tokens/s", "x the baseline in windows", "x the baseline by sentence"), tuple(rows))


def _speeds(way: Mapping[str, Any], clock: str) -> list[float]:
    """Tokens a second of each round."""
    return [way["tokens"] / each for each in way[clock]]


def _ratio(way: Mapping[str, Any], baseline: Mapping[str, Any]) -> str:
    """By the clock with its interval, and in brackets by CPU time, which other work on the machine changes less."""
    clock, cpu = (paired_ratio(_speeds(way, of), _speeds(baseline, of)) for of in ("seconds", "cpu"))
    return f"{clock.value:.2f} [{clock.low:.2f}, {clock.high:.2f}] ({cpu.value:.2f} [{cpu.low:.2f}, {cpu.high:.2f}])"


def _best(by_name: Mapping[str, Any], start: str) -> str:
    """The fastest of those whose name begins so."""
    found = [name for name in by_name if name.startswith(start)]
    return min(found, key=lambda name: statistics.median(by_name[name]["seconds"]))


def block(result: Mapping[str, Any], path: Path) -> str:
    """What stands between the marks of the page."""
    machine = result["machine"]
    caption = (
        f"By the clock, in round brackets by CPU time, in square ones 95% intervals of medians. {machine['cpu']}, "
        f"{result['threads']} threads, {result['rounds']} interleaved rounds; load when they "
        f"began: {load_of(machine)}; {source_of(machine, PROG, path)}"
    )
    return f"{table(result).markdown()}\n\n{caption}\n"


def _parser() -> Parser:
    parser = Parser(prog=PROG, description="What bounds the speed of documents, against OpenVINO in bf16.")
    parser.add_argument("bundle", type=Path, nargs="?", help="what export made, with int8")
    parser.add_argument("--corpus", type=Path, help="CoNLL file, or folder with valid.txt")
    parser.add_argument("--checkpoint", type=Path, metavar="FOLDER", help="the bundle's, if it has moved")
    parser.add_argument("--documents", type=count, default=FULL.documents, metavar="N", help="(%(default)s)")
    parser.add_argument("--sentences", type=count, default=FULL.sentences, metavar="N", help="(%(default)s)")
    parser.add_argument("--rounds", type=count, default=9, metavar="N", help="of all ways in turn (%(default)s)")
    parser.add_argument("--threads", type=count, default=available_threads(), metavar="N", help="CPUs (all)")
    parser.add_argument(
        "--work", type=Path, default=Path("build/bench"), metavar="FOLDER", help="for baselines' files (%(default)s)"
    )
    add_files(parser, "documents")
    return parser


if __name__ == "__main__":
    run(main, PROG)
