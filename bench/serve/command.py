"""python -m bench serve: this server against what people use today, on the same cores and by the same client.

It writes DIR/serve.json and DIR/serve.md, or with --overload DIR/overload.json; the last line of standard output is the
path of the JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.measure.machine import machine_facts
from bench.serve.measure import Plan, measure, measure_tagger
from bench.serve.overload import measure_overload, overload_lines
from bench.serve.servers import Server, nerve, servers
from bench.serve.tables import full_table
from bench.serve.texts import Texts, read_texts
from bench.serve.triton import triton_server
from runtime.bundle.store import open_bundle
from runtime.command_line import Parser, count
from runtime.errors import UsageError
from runtime.system.files import write_atomically
from runtime.system.libraries import available_threads

PROG = "python -m bench serve"
_QUICK = Plan(connections=(1, 16), loads=(0.5,), seconds=5.0, rounds=1)


def main(arguments: Sequence[str]) -> int:
    """Measure and write the JSON and the table."""
    given = _parser().parse_args(arguments)
    bundle = open_bundle(given.bundle)
    checkpoint = given.checkpoint or Path(bundle.manifest.checkpoint.name)
    texts = read_texts(given.corpus, most=given.texts)
    work = given.output / "triton"
    triton = triton_server(bundle, work, threads=given.threads, python=given.triton_python)
    given.output.mkdir(parents=True, exist_ok=True)
    if given.overload:
        return _overload(given, texts)
    chosen = servers(given.bundle, checkpoint, threads=given.threads, triton=triton)
    if unknown := [name for name in given.only if name not in [server.name for server in chosen]]:
        known = ", ".join(server.name for server in chosen)
        raise UsageError("--only", f"no server {unknown[0]!r}", f"choose from {known}")
    chosen = [server for server in chosen if not given.only or server.name in given.only]
    plan = _plan(given)
    result = run(chosen, texts, plan, output=given.output, bundle=given.bundle, threads=given.threads)
    result["quick"] = given.quick
    if "nerve" in [server.name for server in chosen]:
        result["overload"] = _flooded(given, texts)
    write_atomically(given.output / "serve.md", full_table(result).encode())
    write_atomically(given.output / "serve.json", (json.dumps(result, indent=1) + "\n").encode())
    print(full_table(result))
    print(given.output / "serve.json")
    return 0


def _overload(given: argparse.Namespace, texts: Texts) -> int:
    """This server alone, asked for too much."""
    found = _flooded(given, texts)
    result = {"what": "overload", "machine": machine_facts(), "threads": given.threads, "overload": found}
    write_atomically(given.output / "overload.json", (json.dumps(result, indent=1) + "\n").encode())
    print("\n".join(overload_lines(found)))
    print(given.output / "overload.json")
    return 0


def _flooded(given: argparse.Namespace, texts: Texts) -> dict[str, Any]:
    server = nerve(given.bundle, given.threads, bounded=True)
    return measure_overload(server, texts.texts, seconds=_plan(given).seconds, log=given.output / "overload.log")


def _plan(given: argparse.Namespace) -> Plan:
    plan = _QUICK if given.quick else Plan()
    return replace(plan, seconds=float(given.seconds)) if given.seconds else plan


def run(
    chosen: Sequence[Server], texts: Texts, plan: Plan, *, output: Path, bundle: Path, threads: int
) -> dict[str, Any]:
    """All servers in turn, round by round, and the Tagger in each round, so that a slow minute meets all alike."""
    rounds: list[dict[str, Any]] = []
    able = [server for server in chosen if not server.missing]
    for number in range(plan.rounds):
        order = able if number % 2 == 0 else able[::-1]
        found = {server.name: measure(server, texts, plan, output / f"{server.name}.log") for server in order}
        rounds.append({"tagger": measure_tagger(bundle, texts, threads=threads), "servers": found})
    return {
        "what": "servers",
        "machine": machine_facts(),
        "threads": threads,
        "texts": len(texts.sentences),
        "seconds": plan.seconds,
        "left_out": {server.name: server.missing for server in chosen if server.missing},
        "rounds": rounds,
    }


def _parser() -> Parser:
    parser = Parser(prog=PROG, description="Measure the HTTP server against what people use today.")
    parser.add_argument(
        "bundle", nargs="?", type=Path, default=Path("build/bundle"), help="what export made (%(default)s)"
    )
    parser.add_argument("--checkpoint", type=Path, metavar="FOLDER", help="its checkpoint, if it has moved")
    parser.add_argument(
        "--corpus", type=Path, required=True, metavar="PATH", help="CoNLL file, or folder with valid.txt: the texts"
    )
    parser.add_argument("--texts", type=count, default=2000, metavar="N", help="sentences of it (%(default)s)")
    parser.add_argument("--threads", type=count, default=available_threads(), help="of each server (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter loops, one round")
    parser.add_argument("--seconds", type=count, metavar="N", help="of each loop (20; quick: 5)")
    overload = "only this server, asked for ten times what it can do; the whole run does that, too"
    parser.add_argument("--overload", action="store_true", help=overload)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these servers alone")
    parser.add_argument(
        "--triton-python",
        type=Path,
        metavar="FOLDER",
        help="environment with onnxruntime, tokenizers and NumPy 1.26 for tritonserver's models; without it Triton is "
        "left out",
    )
    parser.add_argument("--output", type=Path, default=Path("build/bench-serve"), metavar="DIR", help="(%(default)s)")
    return parser
