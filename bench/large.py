"""python -m bench large BUNDLE --corpus FOLDER: how fast bert-large's true shape runs, int8 among it.

    python -m bench large BUNDLE --corpus FOLDER --work build/bench --output bench/results/bert-large-shape.json
    python -m bench large --write bench/results/bert-large-shape.json

The weights are random: the speed is that of the shape, and answers mean nothing. Of BUNDLE, only the tokenizer and the
labels are taken. What has to be made (3 GB, and what the baselines make) is made once and kept in WORK/bert-large, so
that a run that was broken off goes on from there. Systems are opened one by one, int8 first, as long as memory is left.
--write puts the table into docs/benchmarks.md.
"""

from __future__ import annotations

import datetime
import fnmatch
import json
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.command import checkpoint_of, large_baselines
from bench.context import Bench, Comparison
from bench.measure.machine import machine_facts
from bench.measure.process import Worker
from bench.measure.roofline import open_products
from bench.measure.roofline_probe import RooflineProbe, open_probe
from bench.measure.rounds import MeasuredSystem
from bench.plan import FULL
from bench.report.marks import add_files, load_of, only_writes, source_of
from bench.report.method import method_of
from bench.report.tables import NONE, Table, speed_cells
from bench.run_large import time_large
from bench.schema.result import Measured, Result, Row, read_result, write_result
from bench.systems.base import Spec
from bench.systems.nerve import runnable_specs
from bench.workloads.bert_large import COSTS, WORKLOAD, make_large
from bench.workloads.subject import subject_of
from bench.workloads.texts import read_corpus
from runtime.bundle.attestation import Attestation
from runtime.bundle.store import open_bundle
from runtime.command_line import Parser, count, run
from runtime.errors import UsageError
from runtime.system.libraries import available_threads

PROG = "python -m bench large"
MARKS = "<!-- bench-large:begin -->", "<!-- bench-large:end -->"
RANDOM = "The weights are random: these are speeds of the shape, and nothing is said of accuracy."
# In the order in which they are opened: what is measured for the first time comes first, and takes the least memory.
_SYSTEMS = (
    *("nerve-*-int8", "ctranslate2-int8", "optimum-int8", "nerve-openvino-bf16", "pipeline-*", "openvino-bf16"),
    *("nerve-openvino-fp32", "nerve-onnxruntime-fp32-packed"),
)
_PAGE = Path("docs/benchmarks.md")
_HEADER = ("system", "precision", "texts/s", "tokens/s", "x pipeline [95%]", "Nerve x this [95%]", "of roofline",
           "peak MiB", "disk MiB")  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    """Measure and write the JSON; or write the page from what was measured."""
    options = _parser().parse_args(arguments)
    if only_writes(options, _PAGE, block, MARKS, needs=("BUNDLE", "--corpus")):
        return 0
    folder = options.work / WORKLOAD
    bundle = open_bundle(options.bundle)
    if folder.is_dir() and not (folder / COSTS).is_file():
        raise UsageError(
            str(folder), "made by an earlier version, which attested nothing", "remove it, or give another --work"
        )
    worker = Worker(options.threads)
    try:
        worker.call(make_large, checkpoint_of(bundle, options.checkpoint), folder)
    finally:
        worker.close()
    result = measured(options, folder)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    write_result(options.output, result)
    print(table(result).text(), *result.notes, sep="\n")
    print(json.dumps({"systems": sum(row.status == "measured" for row in result.rows), "output": str(options.output)}))
    return 0


def measured(options: Namespace, folder: Path) -> Result:
    """The result of everything in that folder, which has been made."""
    begun, machine, notes = time.perf_counter(), machine_facts(), made_of(folder)
    bundle = open_bundle(folder / "bundle")
    specs = chosen([*runnable_specs(bundle, threads=options.threads), *large_baselines(folder, options.threads)])
    bench = Bench(
        specs=specs,
        large=lambda: specs,
        large_folder=folder,
        subject=subject_of(bundle, folder / "checkpoint"),
        corpus=read_corpus(options.corpus),
        texts=None,
        plan=replace(FULL, large_sentences=options.sentences, large_rounds=options.rounds, rounds=options.rounds),
        threads=options.threads,
        scores=False,
    )
    probing: Future[RooflineProbe] = Future()
    probing.set_result(open_probe(Worker, open_products, threads=options.threads, notes=notes))
    systems = [MeasuredSystem(spec, threads=options.threads) for spec in specs]
    try:
        workload = time_large(Comparison(bench, systems, probing, notes))
    finally:
        probing.result().close()
    machine["load_average_after"] = machine_facts()["load_average"]
    return Result(
        made=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        seconds=time.perf_counter() - begun,
        quick=False,
        threads=options.threads,
        method=method_of(bench.plan, threads=options.threads),
        machine=machine,
        bundle=bench.subject.bundle_facts,
        checkpoint=bench.subject.checkpoint_facts,
        workloads=[workload],
        rows=[system.row for system in systems],
        notes=notes,
    )


def chosen(specs: Sequence[Spec]) -> list[Spec]:
    """Return those that are measured, in the order in which they are opened."""
    return [spec for pattern in _SYSTEMS for spec in specs if fnmatch.fnmatch(spec.name, pattern)]


def made_of(folder: Path) -> list[str]:
    """Sentences about the bundle: that its weights are random, what is really in int8, and what making it took."""
    manifest = open_bundle(folder / "bundle").manifest
    costs = json.loads((folder / COSTS).read_text(encoding="utf-8"))
    took = "; ".join(f"{one['step']} {one['cpu']:.0f} s of CPU time" for one in costs)
    most = max(one["peak_bytes"] for one in costs) / 2**30
    shares = [_shares(one) for one in manifest.attestations if one.precision == "int8"]
    about = (
        "Its bundle, with weights to the nearest value, was made before this run, whatever else the machine did then"
    )
    return [RANDOM, *shares, f"{about}: {took}; {most:.1f} GiB of memory at most."]


def _shares(one: Attestation) -> str:
    shares = ", ".join(f"{share:.1%} {name}" for name, share in one.shares.items())
    read = f"as {one.backend} executes it" if one.backend else "as it stands in the file"
    return f"Work of {one.file} {read}: {shares}; {one.fused_attention} of {one.attention} attentions fused."


def table(result: Result) -> Table:
    """A row for each system; why one was not measured is said below."""
    remarks = tuple((row.name, f"{row.status}: {row.reason}") for row in result.rows if row.status != "measured")
    (workload,) = result.workloads
    return Table(_HEADER, tuple(_row(row, workload) for row in result.rows), remarks)


def _row(row: Row, workload: Measured) -> tuple[str, ...]:
    costs = [f"{each / 2**20:,.0f}" if row.on(WORKLOAD) else NONE for each in (row.peak_bytes, row.disk_bytes)]
    return (*speed_cells(row, workload), *costs)


def block(told: Mapping[str, Any], path: Path) -> str:
    """What stands between the marks of docs/benchmarks.md; `path` is the result's, as the page links to it."""
    result = read_result(_PAGE.parent / path)
    (workload,), machine = result.workloads, result.machine
    rounds = max((len(one.seconds) for row in result.rows for one in row.throughput), default=0)
    about = (
        f"{workload.texts} sentences, {workload.tokens:,} tokens; {machine['cpu']}, {result.threads} threads, load "
        f"average {load_of(machine)}; {rounds} rounds in turns; {result.made[:10]}; {source_of(machine, PROG, path)}"
    )
    notes = "\n".join(f"- {note}" for note in result.notes)
    return f"{table(result).markdown()}\n\n{notes}\n\n{about}\n"


def _parser() -> Parser:
    parser = Parser(prog=PROG, description="Measure the speed of bert-large's true shape, with random weights.")
    parser.add_argument("bundle", nargs="?", type=Path, help="what export made; its tokenizer and labels are taken")
    parser.add_argument("--checkpoint", type=Path, help="its checkpoint, if it is not where the manifest says")
    parser.add_argument("--corpus", type=Path, help="CoNLL file, or folder with valid.txt")
    parser.add_argument("--sentences", type=count, default=FULL.large_sentences, help="that are timed (%(default)s)")
    parser.add_argument("--rounds", type=count, default=FULL.rounds, help="runs of each system (%(default)s)")
    parser.add_argument("--threads", type=count, default=available_threads(), help="of every system (all)")
    parser.add_argument(
        "--work", type=Path, default=Path("build/bench"), metavar="FOLDER", help="for what is made (%(default)s)"
    )
    add_files(parser, "bert-large-shape")
    return parser


if __name__ == "__main__":
    run(main, PROG)
