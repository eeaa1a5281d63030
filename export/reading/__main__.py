"""python -m export.reading BUNDLE --corpus FOLDER: measure reading policies again, and make the best the default."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from export.certify.corpus import TRAINING
from export.reading.documents import read_documents
from export.reading.policies import readings_of, tell_readings
from export.report.ending import report
from export.report.write import outcomes_of
from export.staging import exclusive
from runtime.bundle.manifest import Reading
from runtime.bundle.store import open_bundle, seal
from runtime.command_line import Parser, count, run
from runtime.screen.display import stage
from runtime.screen.opening import screen
from runtime.system.libraries import available_threads

PROG = "python -m export.reading"


def main(arguments: Sequence[str]) -> int:
    """Measure, seal, and say how the bundle is read from now on."""
    options = _parser().parse_args(arguments)
    with screen(verbose=True), exclusive(options.bundle) as place:
        tell_readings(_measured(options, place))
    return 0


def _measured(options: Namespace, place: Path) -> tuple[Reading, ...]:
    bundle = open_bundle(place)
    file = options.corpus / TRAINING if options.corpus.is_dir() else options.corpus
    with stage("reading"):
        readings = readings_of(bundle, read_documents(file), threads=options.threads)
    measured = replace(bundle, manifest=replace(bundle.manifest, readings=readings))
    outcomes = outcomes_of(bundle)
    seal(place, measured.manifest)
    report(measured, outcomes)
    return readings


def _parser() -> Parser:
    parser = Parser(prog=PROG, description="Measure how a bundle reads documents best: by sentence, in context, whole.")
    parser.add_argument("bundle", type=Path, help="what export made; its manifest is written anew")
    corpus = "CoNLL file, or folder with train.txt; not the text that the bundle was certified on"
    parser.add_argument("--corpus", type=Path, required=True, help=corpus)
    parser.add_argument("--threads", type=count, default=available_threads(), metavar="N", help="CPUs (all)")
    return parser


if __name__ == "__main__":
    run(main, PROG)
