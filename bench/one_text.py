"""python -m bench one-text BUNDLE --corpus FOLDER: one text at a time, and what a Tagger costs besides its backend.

All in one run, each system in a process of its own, in turns: Nerve's candidates opened with goal="latency", the bare
calls of the backends on the same rows, and Optimum's pipelines. The table says p50, p90 and p99 of all calls, and how
far p99 lies above p50 at equal length, since longer sentences take longer in every system; what is held against it are
the bars below, each with the figure that it is about. The pictures show every call; the last line
is JSON.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import phases
from bench.command import checkpoint_of, model_of
from bench.measure.rounds import MeasuredSystem, each
from bench.plan import SEED
from bench.report import pictures
from bench.report.figures import distribution
from bench.report.tables import Table
from bench.report.write import make_folder
from bench.schema.result import Latency
from bench.systems.baselines import baseline_specs
from bench.systems.library_calls import PREFIX as CALL
from bench.systems.library_calls import call_specs
from bench.systems.nerve import PREFIX as NERVE
from bench.systems.nerve import around, nerve_specs
from bench.workloads.texts import Workload, read_corpus, single_texts
from runtime.bundle.store import TOKENIZER, open_bundle
from runtime.command_line import Parser, count, run
from runtime.encode.tokenizer import Encoder
from runtime.errors import UsageError
from runtime.system.files import write_atomically
from runtime.system.libraries import available_threads

PROG = "python -m bench one-text"
CALLS = 60
PICTURE = "one-text-{mode}.svg"
# Milliseconds that cutting, placing and decoding a sentence may take in all.
_AROUND = 0.15
# Calls that are told one by one: as many as lie above p99 by default.
_SLOWEST = 5


@dataclass(frozen=True, slots=True)
class Bar:
    """A bound, what it is of, and what was measured.

    Attributes:
        name: what is bounded.
        figure: measured.
        most: the bound.
    """

    name: str
    figure: float
    most: float

    def __str__(self) -> str:
        verdict = "held  " if self.figure <= self.most else "MISSED"
        return f"{verdict}  {self.name}: {self.figure:.2f}, at most {self.most:g}"


@dataclass(frozen=True, slots=True)
class OneTextResult:
    """Everything that was measured.

    Attributes:
        threads: that each system had at most.
        latency: of each system, by name.
        around: p50 of the milliseconds around the backend, of each of Nerve's candidates.
        at_equal_length: see `at_equal_length`, of each system.
        tokens: of each text, in the order of the calls.
    """

    threads: int
    latency: dict[str, Latency]
    around: dict[str, float]
    at_equal_length: dict[str, float]
    tokens: list[int]

    def bars(self) -> list[Bar]:
        """The bounds of those figures that there are."""
        p50 = {name: one.p50 for name, one in self.latency.items()}
        found: list[Bar] = []
        for precision in ("int8", "fp32"):
            ours = self._best(f"{NERVE}*-{precision}*")
            if not ours:
                continue
            if precision == "int8" and "optimum-int8" in p50:
                found.append(Bar(f"p50 of {ours} / p50 of optimum-int8", p50[ours] / p50["optimum-int8"], 0.75))
            call = self._best(f"{CALL}*-{precision}-*")
            if call and precision == "int8":
                found.append(Bar(f"p50 of {ours} / p50 of {call}", p50[ours] / p50[call], 1.1))
            bare = self._best(f"{CALL}onnxruntime-fp32-*")
            if bare and precision == "fp32":
                found.append(Bar(f"p50 of {ours} / p50 of {bare}", p50[ours] / p50[bare], 0.95))
            # Other work of the machine makes every tail longer; what is ours shows beside a call with nothing of ours.
            beside = f", beside {self._spread(call):.2f} of {call}" if call else ""
            found.append(Bar(f"p99 / p50 of {ours}{beside}", self._spread(ours), 2.5))
        return found + [Bar(f"ms around the backend of {name}", each, _AROUND) for name, each in self.around.items()]

    def table(self) -> Table:
        """A row for each system, the fastest first."""
        rows = sorted(self.latency.items(), key=lambda one: one[1].p50)
        cells = tuple(
            (name, f"{one.p50:.2f}", f"{one.p90:.2f}", f"{one.p99:.2f}", f"{one.p99 / one.p50:.1f}",
             f"{self.at_equal_length[name]:.1f}", f"{self.around[name]:.3f}" if name in self.around else "-")
            for name, one in rows
        )  # fmt: skip
        columns = ("p50", "p90", "p99", "p99 / p50", "at equal length", "around the backend")
        return Table(("one text, ms", *columns), cells)

    def slowest(self) -> list[str]:
        """What the tails are made of, for the fastest of Nerve's and of the bare calls.

        A turn begins after a pause, in which other systems have used the CPU's cache.
        """
        lines = []
        for name in filter(None, (self._best(f"{NERVE}*"), self._best(f"{CALL}*"))):
            calls = [(each, turn) for round_ in self.latency[name].rounds for turn, each in enumerate(round_, start=1)]
            slow = sorted(range(len(calls)), key=lambda call: -calls[call][0])[:_SLOWEST]
            told = (f"{calls[n][0]:.2f} ms ({self.tokens[n]} tokens, call {calls[n][1]} of its turn)" for n in slow)
            lines.append(f"slowest of {name}: {', '.join(told)}")
        return lines

    def _spread(self, name: str) -> float:
        """Of a system, p99 by p50. Sentences differ in length, so that it is more than 1 on the quietest machine."""
        return self.latency[name].p99 / self.latency[name].p50

    def _best(self, pattern: str) -> str:
        """The fastest system with such a name; empty where there is none."""
        names = fnmatch.filter(self.latency, pattern)
        return min(names, key=lambda name: self.latency[name].p50, default="")


def main(arguments: Sequence[str]) -> int:
    """Measure, print the table and the bars, write JSON and pictures; 1 if a bar is missed and --strict is given."""
    options = _parser().parse_args(arguments)
    if not 1 <= options.threads <= available_threads():
        raise UsageError("--threads", f"{options.threads}", f"give 1 to {available_threads()}, as many as there are")
    bundle = open_bundle(options.bundle)
    checkpoint = checkpoint_of(bundle, options.checkpoint)
    texts = single_texts(read_corpus(options.corpus), 0, CALLS * options.rounds, seed=SEED)
    model = model_of(bundle, checkpoint, options.output, options.threads, thorough=False)
    others = [spec for spec in baseline_specs(model) if fnmatch.fnmatch(spec.name, "optimum-*")]
    specs = [*nerve_specs(bundle, threads=options.threads), *call_specs(bundle, texts.raw, threads=options.threads)]
    systems = [MeasuredSystem(spec, threads=options.threads) for spec in [*specs, *others]]
    try:
        tokens = Encoder(bundle.file(TOKENIZER)).encode_texts(texts.raw)[0].text_start
        result = measured(systems, texts, np.diff(tokens), rounds=options.rounds, threads=options.threads)
    finally:
        for one in systems:
            one.leave()
    print(result.table().text(), *map(str, result.bars()), *result.slowest(), sep="\n")
    _write(result, options.output)
    print(json.dumps({"p50": {name: round(one.p50, 3) for name, one in result.latency.items()}}))
    return int(options.strict and any(bar.figure > bar.most for bar in result.bars()))


def measured(
    systems: Sequence[MeasuredSystem], texts: Workload, tokens: NDArray[np.int64], *, rounds: int, threads: int
) -> OneTextResult:
    """Open all systems, let them take turns, and look into Nerve's.

    Args:
        tokens: of each text.
    """
    each(systems, phases.prepare)
    each(systems, _open)
    phases.latency(systems, texts, rounds=rounds)
    found: dict[str, float] = {}

    def look(one: MeasuredSystem) -> None:
        if one.spec.group == "nerve":
            found[one.name] = 1000 * median(one.ask(around, texts.raw))

    each(systems, look)
    for one in systems:
        if one.row.status != "measured":
            print(f"not measured: {one.name}: {one.row.reason}")
    latency = {one.name: one.row.latency[0] for one in systems if one.running and one.row.latency}
    calls = {name: np.concatenate(one.rounds) for name, one in latency.items()}
    equal = {name: at_equal_length(each, tokens[: len(each)]) for name, each in calls.items()}
    return OneTextResult(threads, latency, found, equal, tokens.tolist())


def at_equal_length(milliseconds: NDArray[np.floating[Any]], tokens: NDArray[np.int64]) -> float:
    """p99 by p50 of what is left where the lengths of the texts are taken out of the time.

    That is each call's time by what a straight line over the tokens says of such a text; it goes through the medians of
    the shorter and of the longer half.

    Args:
        milliseconds: of each call.
        tokens: of its text.
    """
    order = np.argsort(tokens, kind="stable")
    short, long = order[: (len(order) + 1) // 2], order[len(order) // 2 :]
    xs, ys = ([float(np.median(values[half])) for half in (short, long)] for values in (tokens, milliseconds))
    slope = (ys[1] - ys[0]) / (xs[1] - xs[0]) if xs[1] > xs[0] else 0.0
    expected = ys[0] + slope * (tokens - xs[0])
    left = milliseconds / np.maximum(expected, min(ys) / 2)
    p50, _, p99 = phases.percentiles(left.tolist())
    return p99 / p50


def _open(system: MeasuredSystem) -> None:
    if system.spec.group == "nerve":
        phases.open_for_one(system)
    else:
        system.open(system.setting)


def _write(result: OneTextResult, folder: Path) -> None:
    make_folder(folder)
    content = asdict(result) | {"bars": [asdict(bar) for bar in result.bars()]}
    write_atomically(folder / "one-text.json", (json.dumps(content, indent=1) + "\n").encode())
    if pictures.can_draw():
        for mode in pictures.MODES:
            write_atomically(folder / PICTURE.format(mode=mode), picture(result.latency, mode))


def picture(latency: dict[str, Latency], mode: pictures.Mode) -> bytes:
    """The share of calls that were answered within so many milliseconds, as SVG."""
    is_ours: Callable[[str], bool] = lambda name: name.startswith(NERVE)  # noqa: E731
    series = {name: distribution(one) for name, one in latency.items()}
    labels = ("milliseconds", "calls answered")
    marks = pictures.marks([*series], is_ours, mode)
    return pictures.curves(series, marks, mode, labels=labels, steps=True, percent=True)


def _parser() -> Parser:
    parser = Parser(prog=PROG, description="Measure one text at a time against bare calls of the backends and Optimum.")
    parser.add_argument("bundle", type=Path, help="what export made")
    parser.add_argument("--checkpoint", type=Path, help="its checkpoint, if it is not where the manifest says")
    parser.add_argument("--corpus", type=Path, required=True, help="CoNLL file, or folder with valid.txt")
    parser.add_argument("--rounds", type=count, default=8, help=f"of {CALLS} calls of each system (%(default)s)")
    parser.add_argument("--threads", type=count, default=available_threads(), help="of every system (all)")
    parser.add_argument("--output", type=Path, default=Path("build/bench"), help="folder for the files (%(default)s)")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a bar is missed")
    return parser


if __name__ == "__main__":
    run(main, PROG)
