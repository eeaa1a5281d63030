"""python -m export.tune BUNDLE: measure its candidates on this machine; see the package."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from export.report.ending import report, show_table
from export.report.write import check_reports, outcomes_of
from export.staging import exclusive
from export.tune.speeds import tell_speeds, tuned
from runtime.bundle.store import open_bundle, seal
from runtime.command_line import Parser, count, run
from runtime.errors import BundleError
from runtime.screen.display import note, stage
from runtime.screen.opening import add_verbose, screen
from runtime.system.libraries import available_threads

PROG = "python -m export.tune"


def main(arguments: Sequence[str]) -> int:
    """Measure, seal, and say what the runtime will take from now on."""
    options = _parser().parse_args(arguments)
    with screen(verbose=options.verbose), exclusive(options.bundle) as place:
        return _tune(options, place)


def _tune(options: Namespace, place: Path) -> int:
    bundle = open_bundle(place)
    check_reports(place)
    checkpoint = Path(options.model or bundle.manifest.checkpoint.name)
    if not checkpoint.is_dir():
        note(f"not measured: the checkpoint in PyTorch, since {checkpoint} is no folder; give it with --model")
    with stage("tune"):
        speeds = tuned(bundle, threads=options.threads, checkpoint=checkpoint)
    if not speeds:
        problem = "no certified candidate that this machine can run"
        raise BundleError(str(options.bundle), problem, "certify it with `python -m export.certify`")
    outcomes = outcomes_of(bundle)
    tuned_bundle = replace(bundle, manifest=replace(bundle.manifest, speeds=speeds))
    seal(place, tuned_bundle.manifest)
    tell_speeds(tuned_bundle)
    show_table(report(tuned_bundle, outcomes), options.bundle)
    return 0


def _parser() -> Parser:
    parser = Parser(prog=PROG, description="Measure the candidates of a bundle on this machine.")
    parser.add_argument("bundle", type=Path, help="folder that export made")
    parser.add_argument("--model", default="", help="the checkpoint's folder, if it is not where the manifest says")
    parser.add_argument("--threads", type=count, default=available_threads(), help="CPUs to use (all)")
    add_verbose(parser)
    return parser


if __name__ == "__main__":
    run(main, PROG)
