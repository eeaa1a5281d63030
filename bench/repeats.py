"""python -m bench repeats BUNDLE --corpus FOLDER: what `remember` costs, and what it gains.

    python -m bench repeats BUNDLE --corpus FOLDER [--other FILE] --output bench/results/NAME-repeats.json
    python -m bench repeats --write bench/results/NAME-repeats.json

The same texts are tagged with and without it by one open model, part by part in turns whose order changes; each round
begins with nothing remembered. What counts is the CPU time of the process: other work on the machine changes it little.
The first texts are the corpus without what comes again, so that all of it is cost. What it does besides the model is
timed by itself, too: no other work hides in that. --write puts the table into docs/documents.md.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.measure.intervals import paired_ratio
from bench.measure.machine import machine_facts
from bench.report.marks import add_files, load_of, only_writes, source_of
from bench.report.tables import Table
from bench.workloads.log_lines import log_lines
from bench.workloads.texts import read_corpus, sentences_of
from runtime.backends.base import Goal
from runtime.batch.repeats import Repeats
from runtime.batch.windows import Windows, windows_of
from runtime.bundle.certificate import AUTO, Wanted
from runtime.bundle.third_party import open_folder
from runtime.command_line import Parser, count, run
from runtime.opening import OpenModel, open_model
from runtime.system.files import write_atomically
from runtime.system.libraries import available_threads
from runtime.tagger import CHUNK, Tagger
from runtime.text.sentences import split_sentences

PROG = "python -m bench repeats"
MARKS = "<!-- bench-repeats:begin -->", "<!-- bench-repeats:end -->"
GOALS: tuple[Goal, ...] = ("throughput", "latency")
SEED = 13
_PASSES = 9
_ALONE = 500
_PAGE = Path("docs/documents.md")


@dataclass(frozen=True, slots=True)
class Side:
    """Seconds of each turn.

    Attributes:
        cpu: of the process, all threads together.
        wall: by the clock.
    """

    cpu: list[float]
    wall: list[float]


@dataclass(frozen=True, slots=True)
class Repeating:
    """What was measured on some texts.

    Attributes:
        name: of the texts.
        texts: how many they are.
        sentences: that they hold.
        repeated: those among them that came again.
        own: seconds of CPU time that looking up and keeping take, without the model.
        plain, remembering: the turns without and with it.
    """

    name: str
    texts: int
    sentences: int
    repeated: int
    own: float
    plain: Side
    remembering: Side


def main(arguments: Sequence[str]) -> int:
    """Measure and write the JSON; or write the page from what was measured."""
    options = _parser().parse_args(arguments)
    if only_writes(options, _PAGE, block, MARKS, needs=("BUNDLE", "--corpus")):
        return 0
    machine, bundle = machine_facts(), open_folder(options.bundle, allow_uncertified=options.allow_uncertified)
    kinds, rows, opened = _texts(options), list[Repeating](), dict[Goal, str]()
    for goal in GOALS:
        model = open_model(
            bundle,
            candidate=Wanted(backend=options.backend, precision=options.precision),
            goal=goal,
            threads=options.threads,
            allow_uncertified=options.allow_uncertified,
        )
        with closing(model.backend):
            opened[goal] = model.about
            rows += _rows(model, goal, kinds, options)
    result = {
        "what": "repeats",
        "machine": machine,
        "candidate": opened["throughput"],
        "candidate_for_latency": opened["latency"],
        "threads": options.threads,
        "remember": options.remember,
        "rounds": options.rounds,
        "texts": [asdict(row) for row in rows],
    }
    write_atomically(options.output, (json.dumps(result, indent=1) + "\n").encode())
    print(table(result).markdown())
    print(json.dumps({"texts": len(rows), "output": str(options.output)}))
    return 0


def _rows(model: OpenModel, goal: Goal, kinds: Mapping[str, list[str]], options: Namespace) -> Iterator[Repeating]:
    """All kinds of text in bulk, for throughput alone; then the first, one text at a time, for both goals."""
    if goal == "throughput":
        for name, texts in kinds.items():
            yield _measured(model, name, texts, options)
    name, texts = next(iter(kinds.items()))
    yield _measured(model, f"{name}, one at a time, goal {goal}", texts[:_ALONE], options, together=1)


def _texts(options: Namespace) -> dict[str, list[str]]:
    """The texts by name; the first hold nothing that comes again."""
    corpus = sentences_of(read_corpus(options.corpus), 0, seed=SEED).raw
    found = {"the corpus without repetition": _once(corpus), "the corpus": corpus}
    for file in options.other:
        found[file.stem] = sentences_of(read_corpus(file), 0, seed=SEED).raw
    found["generated log, messages"] = log_lines(options.lines, seed=SEED)
    found["generated log, a time before each"] = log_lines(options.lines, seed=SEED, stamped=True)
    return {name: texts[: options.most] for name, texts in found.items()}


def _once(texts: Sequence[str]) -> list[str]:
    """The texts without those of which a sentence came before, in whatever case: many models do not see case."""
    seen: set[str] = set()
    kept = []
    for text in texts:
        sentences = {text[start:end].strip().casefold() for start, end in split_sentences(text)}
        if not sentences & seen:
            kept.append(text)
            seen |= sentences
    return kept


def _measured(model: OpenModel, name: str, texts: list[str], options: Namespace, *, together: int = CHUNK) -> Repeating:
    sides = {0: Side([], []), options.remember: Side([], [])}
    parts = [texts[start : start + together] for start in range(0, len(texts), together)]
    asked = repeated = 0
    for turn in range(options.rounds):
        taggers = {most: Tagger.of_model(model, remember=most) for most in sides}  # not closed: the model goes on
        spent = {most: np.zeros(2) for most in sides}
        for number, part in enumerate(parts):
            # Part by part, so that whatever else the machine does meets both; and each goes first half of the time.
            for most in sorted(sides, reverse=(turn + number) % 2 == 1):
                spent[most] += _tagged(taggers[most], part)
        for most, side in sides.items():
            cpu, wall = spent[most].tolist()
            side.cpu.append(cpu)
            side.wall.append(wall)
        seen = taggers[options.remember].repeats
        asked, repeated = seen.asked, seen.repeated
        print(f"{PROG}: {name}: round {turn + 1} of {options.rounds}", file=sys.stderr, flush=True)
    own = _own_seconds(model, parts, options.remember)
    return Repeating(name, len(texts), asked, repeated, own, sides[0], sides[options.remember])


def _own_seconds(model: OpenModel, parts: Sequence[Sequence[str]], most: int) -> float:
    """CPU time of Repeats on these texts with a model that takes none; median of some passes."""
    read, capacity = [], model.manifest.max_length - len(model.encoder.special_tokens)
    for part in parts:
        encoded, _ = model.encoder.encode_texts(part, sentences=True)
        windows = windows_of(encoded.sentence_start, capacity=capacity, stride=0)
        read.append((encoded.ids, windows, np.zeros((len(encoded.ids), len(model.manifest.labels)), np.float32)))
    seconds = []
    for _ in range(_PASSES):
        repeats, began = Repeats(most), time.thread_time()
        for ids, windows, logits in read:
            repeats.logits(ids, windows, partial(_given, logits))
        seconds.append(time.thread_time() - began)
    return statistics.median(seconds)


def _given(logits: NDArray[np.float32], windows: Windows) -> NDArray[np.float32]:
    return logits


def _tagged(tagger: Tagger, texts: Sequence[str]) -> NDArray[np.float64]:
    """Tag the texts, and return the seconds of CPU time and by the clock. [2]"""
    cpu, wall = time.process_time(), time.perf_counter()
    tagger.tag(texts)
    return np.array([time.process_time() - cpu, time.perf_counter() - wall])


def table(result: Mapping[str, Any]) -> Table:
    """A row for each kind of text."""
    header = (
        "texts",
        "sentences",
        "come again",
        "its own CPU time",
        "CPU time with it",
        "95% interval",
        "by the clock",
    )
    return Table(header, tuple(_row(each) for each in result["texts"]))


def _row(measured: Mapping[str, Any]) -> tuple[str, ...]:
    plain, remembering = measured["plain"], measured["remembering"]
    cpu, wall = (paired_ratio(remembering[of], plain[of]) for of in ("cpu", "wall"))
    return (
        measured["name"],
        f"{measured['sentences']:,}",
        f"{measured['repeated'] / max(1, measured['sentences']):.1%}",
        f"{measured['own'] / statistics.median(plain['cpu']):.2%}",
        f"{cpu.value - 1:+.1%}",
        f"{cpu.low - 1:+.1%} to {cpu.high - 1:+.1%}",
        f"{wall.value - 1:+.1%}",
    )


def block(result: Mapping[str, Any], path: Path) -> str:
    """What stands between the marks of the page."""
    machine = result["machine"]
    # Results of before have no row for that goal.
    latency = f"; for latency {result['candidate_for_latency']}" if "candidate_for_latency" in result else ""
    caption = (
        f"{result['candidate']}{latency}; {result['threads']} threads, `--remember {result['remember']}`, "
        f"{result['rounds']} interleaved rounds; load of the machine when they began: {load_of(machine)}; "
        f"{source_of(machine, PROG, path)}"
    )
    return f"{table(result).markdown()}\n\n{caption}\n"


def _parser() -> Parser:
    parser = Parser(prog=PROG, description="What remembering the answers to sentences costs, and what it gains.")
    parser.add_argument("bundle", type=Path, nargs="?", help="what export made")
    parser.add_argument("--corpus", type=Path, help="CoNLL file, or folder with valid.txt")
    parser.add_argument("--other", type=Path, action="append", default=[], metavar="FILE", help="another CoNLL file")
    parser.add_argument("--lines", type=count, default=3000, metavar="N", help="of the generated log (%(default)s)")
    parser.add_argument("--most", type=count, default=4000, metavar="N", help="texts of a kind, at most (%(default)s)")
    parser.add_argument("--remember", type=count, default=4096, metavar="N", help="sentences kept (%(default)s)")
    parser.add_argument("--rounds", type=count, default=9, metavar="N", help="of both sides in turn (%(default)s)")
    parser.add_argument("--backend", default=AUTO, metavar="NAME", help="to run (%(default)s)")
    parser.add_argument("--precision", default=AUTO, metavar="NAME", help="to run (%(default)s)")
    parser.add_argument("--threads", type=count, default=available_threads(), metavar="N", help="CPUs (all)")
    parser.add_argument("--allow-uncertified", action="store_true", help="run what holds no passing certificate")
    add_files(parser, "repeats")
    return parser


if __name__ == "__main__":
    run(main, PROG)
