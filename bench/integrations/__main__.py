"""python -m bench integrations: what one changed line gains, and what Ray costs.

    python -m bench integrations BUNDLE --model CHECKPOINT --corpus FILE [--output FILE]
    python -m bench integrations --write bench/results/minilm-conll2003-integrations.json

It prints a line of JSON for each comparison, and writes all of them into one file. --write puts that file's tables into
docs/integrations.md.
"""

from __future__ import annotations

import json
import tempfile
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.integrations.measure import compared
from bench.integrations.ray_job import Size, ray_overhead
from bench.integrations.sides import pipeline_comparison, presidio_comparison
from bench.integrations.table import MARKS, block
from bench.measure.machine import machine_facts
from bench.report.marks import add_files, only_writes
from runtime.command_line import Parser, count, run
from runtime.system.files import write_atomically
from runtime.system.libraries import available_threads
from runtime.text.conll import read_conll

PROG = "python -m bench integrations"
_COMPARISONS = {"pipeline": pipeline_comparison, "presidio": presidio_comparison}
_RAY = "ray"
_PAGE = Path("docs/integrations.md")


def main(arguments: Sequence[str]) -> int:
    """Compare, print and write; or write a page from what was measured."""
    options = _parser().parse_args(arguments)
    needs = ("BUNDLE", "--model", "--corpus")
    if only_writes(options, _PAGE, block, MARKS, needs=needs, lacking="nothing to compare"):
        return 0
    result = _measured(options)
    write_atomically(options.output, (json.dumps(result, indent=1) + "\n").encode())
    print(options.output)
    return 0


def _measured(options: Namespace) -> Mapping[str, Any]:
    sentences = [" ".join(sentence.words) for sentence in read_conll(options.corpus)]
    # Before anything runs: what else the machine does then is part of the facts.
    machine, chosen = machine_facts(), options.only or [*_COMPARISONS, _RAY]
    rows = []
    for name in chosen:
        if name != _RAY:
            texts = sentences[: options.texts]
            rows.append(compared(_COMPARISONS[name](options.bundle, options.model), texts, rounds=options.rounds))
            print(json.dumps(rows[-1]), flush=True)
    jobs = _jobs(options, sentences) if _RAY in chosen else []
    for job in jobs:
        print(json.dumps(job), flush=True)
    return {
        "what": "integrations",
        "machine": machine,
        "threads": available_threads(),
        "checkpoint": Path(options.model).name,
        "comparisons": rows,
        "ray": jobs,
    }


def _jobs(options: Namespace, sentences: Sequence[str]) -> list[Any]:
    size = Size(
        documents=options.documents, shards=options.shards, rounds=options.job_rounds, threads=available_threads()
    )
    with tempfile.TemporaryDirectory(prefix="nerve-ray-") as folder:
        return ray_overhead(options.bundle, sentences, Path(folder), size)


def _parser() -> Parser:
    parser = Parser(prog=PROG, description="What one changed line gains, and what Ray costs.")
    parser.add_argument("bundle", type=Path, nargs="?", help="the bundle's folder")
    parser.add_argument("--model", help="its checkpoint's folder, for the other side")
    parser.add_argument("--corpus", type=Path, help="CoNLL file whose sentences are tagged")
    parser.add_argument("--texts", type=count, default=1000, help="sentences of a comparison (%(default)s)")
    parser.add_argument("--rounds", type=count, default=5, help="of both sides in turn (%(default)s)")
    parser.add_argument(
        "--documents", type=count, default=50_000, help="sentences of one of Ray's shards (%(default)s)"
    )
    parser.add_argument("--shards", type=count, default=3, help="of Ray's longer job, 2 or more (%(default)s)")
    parser.add_argument("--job-rounds", type=count, default=2, help="of all of Ray's jobs in turn (%(default)s)")
    parser.add_argument("--only", action="append", choices=(*_COMPARISONS, _RAY), help="compare that alone")
    add_files(parser, "integrations", what="tables")
    return parser


if __name__ == "__main__":
    run(main, PROG)
