"""python -m bench.integrations BUNDLE --model CHECKPOINT --corpus FILE: one line of JSON for each comparison."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from bench.integrations.measure import compared
from bench.integrations.sides import pipeline_comparison, presidio_comparison
from runtime.command_line import Parser, count, run
from runtime.text.conll import read_conll

PROG = "python -m bench.integrations"
_COMPARISONS = {"pipeline": pipeline_comparison, "presidio": presidio_comparison}


def main(arguments: Sequence[str]) -> int:
    """Compare, and print."""
    options = _parser().parse_args(arguments)
    sentences = [" ".join(sentence.words) for sentence in read_conll(options.corpus)][: options.texts]
    for name in options.only or _COMPARISONS:
        row = compared(_COMPARISONS[name](options.bundle, options.model), sentences, rounds=options.rounds)
        print(json.dumps(row), flush=True)
    return 0


def _parser() -> Parser:
    parser = Parser(prog=PROG, description="What one changed line gains: the same calling code, two constructors.")
    parser.add_argument("bundle", type=Path, help="the bundle's folder")
    parser.add_argument("--model", required=True, help="its checkpoint's folder, for the other side")
    parser.add_argument("--corpus", type=Path, required=True, help="CoNLL file whose sentences are tagged")
    parser.add_argument("--texts", type=count, default=1000, help="sentences (%(default)s)")
    parser.add_argument("--rounds", type=count, default=5, help="of both sides in turn (%(default)s)")
    parser.add_argument("--only", action="append", choices=tuple(_COMPARISONS), help="compare that alone")
    return parser


if __name__ == "__main__":
    run(main, PROG)
