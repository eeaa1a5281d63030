"""python -m bench reading BUNDLE --corpus FOLDER: F1 and speed of documents, by how they are read and how text comes.

Rows are ways to read: the corpus's own sentences, which nobody has at work; Nerve's policies; lines; and sentences as
libraries cut them, those that are installed (pip install nerve-ner[splitters]). Columns are styles of text, see
export.reading.documents. Policies and the rule for sentences were chosen on train.txt (--part train); what is published
was read on valid.txt. Every cell is the median of rounds in which all rows take turns. It prints Markdown, and writes
JSON for docs/draw_documents.py.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from bench.systems.sentence_splitters import Spans, Splitter, installed_splitters
from export.reading.documents import STYLES, Running, read_documents
from export.reading.policies import f1_of
from runtime.batch.windowing import Windowing
from runtime.bundle.certificate import AUTO, Wanted
from runtime.bundle.store import TOKENIZER, Bundle
from runtime.bundle.third_party import open_folder
from runtime.command_line import Parser, count, run
from runtime.encode.tokenizer import Encoder
from runtime.errors import CorpusError, UsageError
from runtime.system.files import write_atomically
from runtime.system.libraries import available_threads
from runtime.tagger import Tagger
from runtime.text.entity import Entity

PROG = "python -m bench reading"
GIVEN = "sentences given"


@dataclass(frozen=True, slots=True)
class Cell:
    """One way to read one style of text.

    Attributes:
        f1: of entities, exact type and offsets, 0 to 1.
        tokens_per_second: from texts to entities, cutting included; median of the rounds.
        failed: why there is neither; empty where there are.
    """

    f1: float = 0.0
    tokens_per_second: float = 0.0
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """A way to read: a tagger, and who cuts texts for it; nobody: the tagger itself."""

    name: str
    tagger: Tagger
    cut: Splitter | None = None

    def read(self, texts: Sequence[Running]) -> list[list[Entity]]:
        """Entities of each text."""
        if self.name != GIVEN and self.cut is None:
            return self.tagger.tag([each.text for each in texts])
        spans = [each.sentences if self.cut is None else self.cut(each.text) for each in texts]
        return _joined(self.tagger, texts, spans)


def main(arguments: Sequence[str]) -> int:
    """Measure, print the table, write the JSON."""
    options = _parser().parse_args(arguments)
    file = options.corpus / f"{options.part}.txt" if options.corpus.is_dir() else options.corpus
    documents = read_documents(file)[:: options.every]
    if not documents:
        raise CorpusError(str(file), "no document is left", "give a smaller --every")
    bundle = open_folder(options.bundle, allow_uncertified=options.allow_uncertified)
    wanted = Wanted(backend=options.backend, precision=options.precision)
    with ExitStack() as stack:
        ways = _chosen(_ways(partial(_opened, stack, bundle, wanted, options)), options.way)
        encoder = Encoder(bundle.file(TOKENIZER))
        table = {}
        for style in options.style or STYLES:
            table[style] = _column(ways, STYLES[style](documents), encoder, options.rounds)
            print(f"{PROG}: {style}: {_told(table[style])}", file=sys.stderr, flush=True)
        about = ways[0].tagger.about
    result = {
        "documents": len(documents),
        "part": file.stem,
        "candidate": about,
        "threads": options.threads,
        "rounds": options.rounds,
        "table": {style: {name: asdict(cell) for name, cell in column.items()} for style, column in table.items()},
    }
    print(markdown(table))
    if options.output:
        write_atomically(options.output, (json.dumps(result, indent=1) + "\n").encode())
    print(json.dumps({"documents": len(documents), "ways": len(ways), "output": str(options.output or "")}))
    return 0


def _told(column: dict[str, Cell]) -> str:
    """F1 of a column in one line, for who waits for the others."""
    return ", ".join(f"{name} {cell.failed or format(cell.f1, '.4f')}" for name, cell in column.items())


def markdown(table: dict[str, dict[str, Cell]]) -> str:
    """F1 and, in brackets, thousands of tokens a second."""
    styles = list(table)
    lines = [f"| reading | {' | '.join(styles)} |", "|---" * (len(styles) + 1) + "|"]
    for name in table[styles[0]]:
        cells = (table[style][name] for style in styles)
        said = (cell.failed or f"{cell.f1:.4f} ({cell.tokens_per_second / 1000:.1f}k)" for cell in cells)
        lines.append(f"| {name} | {' | '.join(said)} |")
    return "\n".join(lines)


def _opened(stack: ExitStack, bundle: Bundle, wanted: Wanted, options: Namespace, windowing: Windowing) -> Tagger:
    tagger = Tagger.open(
        bundle,
        candidate=wanted,
        threads=options.threads,
        windowing=windowing,
        allow_uncertified=options.allow_uncertified,
    )
    return stack.enter_context(tagger)


def _ways(opened: partial[Tagger]) -> list[Way]:
    whole = opened(Windowing(policy="windows"))
    ways = [Way(GIVEN, whole), Way("sentences", opened(Windowing(policy="sentences")))]
    ways += [Way(f"context of {n}", opened(Windowing(policy="context", context=n))) for n in (32, 64)]
    ways += [Way("windows", whole), Way("windows side by side", opened(Windowing(policy="windows", stride=0)))]
    ways.append(Way("lines", whole, lines))
    return ways + [Way(name, whole, cut) for name, cut in installed_splitters().items()]


def _chosen(ways: Sequence[Way], names: Sequence[str]) -> list[Way]:
    """The ways with these names; without names, all."""
    if unknown := set(names) - {way.name for way in ways}:
        known = ", ".join(way.name for way in ways)
        raise UsageError("--way", f"there is no {min(unknown)!r}", f"choose from {known}")
    return [way for way in ways if not names or way.name in names]


def lines(text: str) -> Spans:
    """Where each line of a text lies."""
    spans, start = [], 0
    for line in text.split("\n"):
        spans.append((start, start + len(line)))
        start += len(line) + 1
    return spans


def _column(ways: Sequence[Way], texts: Sequence[Running], encoder: Encoder, rounds: int) -> dict[str, Cell]:
    """Each way's cell for one style; the ways take turns."""
    tokens = len(encoder.encode_texts([each.text for each in texts])[0].ids)
    cells: dict[str, Cell] = {}
    seconds: dict[str, list[float]] = {way.name: [] for way in ways}
    for turn in range(rounds):
        for way in ways:
            if cells.get(way.name, Cell()).failed:
                continue
            try:
                began = time.perf_counter()
                answers = way.read(texts)
                seconds[way.name].append(time.perf_counter() - began)
            except (ValueError, UnicodeError) as error:  # a library that cannot cut a text is a result
                cells[way.name] = Cell(failed=type(error).__name__)
                continue
            if turn == 0:
                cells[way.name] = Cell(f1_of(texts, answers))
        print(f"{PROG}: round {turn + 1} of {rounds}", file=sys.stderr)
    return {
        name: cell if cell.failed else Cell(round(cell.f1, 4), round(tokens / statistics.median(seconds[name]), 1))
        for name, cell in cells.items()
    }


def _joined(tagger: Tagger, texts: Sequence[Running], spans: Sequence[Spans]) -> list[list[Entity]]:
    """Entities of texts whose parts are tagged as texts of their own, all together."""
    parts = [each.text[start:end] for each, cut in zip(texts, spans) for start, end in cut]
    answers = iter(tagger.tag(parts))
    return [
        [
            replace(entity, start=entity.start + start, end=entity.end + start)
            for (start, _), found in zip(cut, answers)
            for entity in found
        ]
        for cut in spans
    ]


def _parser() -> Parser:
    parser = Parser(prog=PROG, description="F1 and speed of documents, by reading policy and by style of text.")
    parser.add_argument("bundle", type=Path, help="what export made")
    parser.add_argument("--corpus", type=Path, required=True, help="CoNLL file, or folder with the parts")
    parser.add_argument(
        "--part", choices=("train", "valid"), default="valid", help="to choose, or to report (%(default)s)"
    )
    parser.add_argument("--every", type=count, default=1, metavar="N", help="read each Nth document (%(default)s)")
    parser.add_argument("--style", action="append", choices=tuple(STYLES), help="measure that alone")
    parser.add_argument("--way", action="append", default=[], metavar="NAME", help="measure that alone")
    parser.add_argument("--backend", default=AUTO, metavar="NAME", help="to run (%(default)s)")
    parser.add_argument("--precision", default=AUTO, metavar="NAME", help="to run (%(default)s)")
    parser.add_argument("--threads", type=count, default=available_threads(), metavar="N", help="CPUs (all)")
    parser.add_argument("--rounds", type=count, default=3, metavar="N", help="of all ways in turn (%(default)s)")
    parser.add_argument("--allow-uncertified", action="store_true", help="run what holds no passing certificate")
    parser.add_argument("--output", type=Path, metavar="FILE", help="the JSON")
    return parser


if __name__ == "__main__":
    run(main, PROG)
