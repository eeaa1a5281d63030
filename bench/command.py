"""The command line of a benchmark: it turns options into a Bench and writes the reports. It measures nothing itself."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.context import Bench
from bench.plan import FULL, QUICK
from bench.report.write import write_reports
from bench.run import run_bench
from bench.systems.base import Spec
from bench.systems.baselines import Model, baseline_specs
from bench.systems.nerve import nerve_specs, reading_specs, uncertified
from bench.workloads.bert_large import WORKLOAD
from bench.workloads.subject import subject_of
from bench.workloads.texts import read_corpus, texts_of_file
from runtime.bundle.checkpoint import sha256_of_checkpoint
from runtime.bundle.store import Bundle, open_bundle
from runtime.command_line import Parser
from runtime.errors import BundleError, CheckpointError, UsageError
from runtime.system.cpu import has_bf16
from runtime.system.libraries import available_threads

PROG = "python -m bench"
# The baselines that also run bert-large's shape. One of each kind: each costs gigabytes of memory and a minute.
_LARGE_BASELINES = ("pipeline-*", "optimum-int8", "onnxruntime-fp32", "openvino-*", "ctranslate2-int8")


def main(arguments: Sequence[str], *, others: Sequence[str] = ()) -> int:
    """Measure, and write the JSON, Markdown and HTML reports; the help names the other commands."""
    options = _parser(others).parse_args(arguments)
    if not options.corpus and not options.texts:
        raise UsageError("command line", "nothing to tag", "give --corpus FOLDER, --texts FILE, or both")
    if not 1 <= options.threads <= available_threads():
        raise UsageError("--threads", f"{options.threads}", f"give 1 to {available_threads()}, as many as there are")
    # Opened here, so that a damaged bundle is an error before anything is measured.
    bundle = open_bundle(options.bundle)
    checkpoint = checkpoint_of(bundle, options.checkpoint)
    corpus = read_corpus(options.corpus) if options.corpus else ()
    model = model_of(bundle, checkpoint, options.output, options.threads, thorough=not options.quick)
    ours = nerve_specs(bundle, threads=options.threads)
    # The quick benchmark has no documents to read.
    readings = reading_specs(bundle, threads=options.threads) if ours and not options.quick else []
    specs = [*ours, *readings, *baseline_specs(model)]
    large_folder = options.output / WORKLOAD
    bench = Bench(
        specs=_chosen(specs, options.only),
        large=lambda: _large(specs, large_folder, options.threads),
        large_folder=large_folder,
        subject=subject_of(bundle, checkpoint),
        corpus=corpus,
        texts=texts_of_file(options.texts) if options.texts else None,
        plan=QUICK if options.quick else replace(FULL, large_sentences=0 if options.no_large else FULL.large_sentences),
        threads=options.threads,
    )
    print(write_reports(run_bench(bench), options.output))
    return 0


def _parser(others: Sequence[str]) -> Parser:
    more = f"Other measurements, and what is done with results, are {PROG} NAME: {', '.join(others)}."
    description = "Measure a bundle against what people use today."
    parser = Parser(prog=PROG, description=description, epilog=more if others else None)
    parser.add_argument(
        "bundle", nargs="?", type=Path, default=Path("build/bundle"), help="what export made (%(default)s)"
    )
    parser.add_argument("--checkpoint", type=Path, help="its checkpoint, if it is not where the manifest says")
    parser.add_argument("--corpus", type=Path, help="CoNLL file, or folder with valid.txt, to tag and to score on")
    parser.add_argument("--texts", type=Path, help="your own file, one text a line, to tag as well")
    parser.add_argument(
        "--quick", action="store_true", help="fewer texts, rounds and phases: under 3 minutes on 2 cores"
    )
    parser.add_argument("--no-large", action="store_true", help="leave out bert-large's shape (7 GB on disk)")
    parser.add_argument("--output", type=Path, default=Path("build/bench"), help="folder for the reports (%(default)s)")
    parser.add_argument("--threads", type=int, default=available_threads(), help="of every system (all)")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help="measure only these systems; * and ? match"
    )
    return parser


def checkpoint_of(bundle: Bundle, given: Path | None) -> Path:
    """Return the bundle's checkpoint: the baselines run it, and changed labels are counted against its answers."""
    source = bundle.manifest.checkpoint
    folder = given or Path(source.name)
    if not folder.is_dir():
        raise CheckpointError(str(folder), "no such checkpoint folder", "give --checkpoint FOLDER")
    # Changed labels counted against another checkpoint would mean nothing.
    if sha256_of_checkpoint(folder) != source.sha256:
        problem = "not the checkpoint that this bundle was made from"
        raise BundleError(str(folder), problem, "give its checkpoint with --checkpoint, or export this one")
    return folder


def model_of(bundle: Bundle, checkpoint: Path, output: Path, threads: int, *, thorough: bool) -> Model:
    """Return what the baselines are made from; its files lie below the folder `output`."""
    manifest = bundle.manifest
    return Model(
        checkpoint=checkpoint,
        work=output / "baselines" / manifest.checkpoint.sha256[:12],
        labels=manifest.labels,
        max_length=manifest.max_length,
        threads=threads,
        thorough=thorough,
        bf16=has_bf16(),
    )


def _chosen(specs: Sequence[Spec], patterns: Sequence[str]) -> list[Spec]:
    names = [spec.name for spec in specs]
    for pattern in patterns:
        if not fnmatch.filter(names, pattern):
            raise UsageError("--only", f"no system {pattern!r}", f"choose from {', '.join(names)}")
    return [spec for spec in specs if not patterns or any(fnmatch.fnmatch(spec.name, one) for one in patterns)]


def _large(specs: Sequence[Spec], folder: Path, threads: int) -> list[Spec]:
    return [*uncertified(specs, open_bundle(folder / "bundle"), threads=threads), *large_baselines(folder, threads)]


def large_baselines(folder: Path, threads: int) -> list[Spec]:
    """Return the baselines on the checkpoint that bench.workloads.bert_large made in that folder."""
    model = model_of(open_bundle(folder / "bundle"), folder / "checkpoint", folder, threads, thorough=False)
    baselines = [
        spec for spec in baseline_specs(model) if any(fnmatch.fnmatch(spec.name, one) for one in _LARGE_BASELINES)
    ]
    # Two settings each, smallest and largest: every setting loads the model again, which takes longer than a run.
    return [replace(spec, settings=tuple(dict.fromkeys((spec.settings[0], spec.settings[-1])))) for spec in baselines]
