"""python -m bench serve: this server against what people use today, on the same cores and by the same client.

It writes DIR/serve.json and DIR/serve.md, or with --overload DIR/overload.json; the last line of standard output is the
path of the JSON. Each part of the run is kept in DIR/parts as soon as it is measured. With four servers a run takes
about 18 minutes, a quick one about 5.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from bench.measure.machine import machine_facts
from bench.serve.measure import Plan
from bench.serve.overload import measure_overload, overload_lines
from bench.serve.parts import Parts
from bench.serve.run import Setting, run, settings_here
from bench.serve.servers import nerve, servers
from bench.serve.tables import full_table
from bench.serve.texts import Texts, read_texts
from bench.serve.triton import triton_server
from runtime.bundle.manifest import MANIFEST
from runtime.bundle.store import digest_of, open_bundle
from runtime.command_line import Parser, count
from runtime.errors import UsageError
from runtime.system.files import write_atomically
from runtime.system.libraries import available_threads

PROG = "python -m bench serve"
_QUICK = Plan(loads=(0.5,), seconds=4.0, rounds=1)


def main(arguments: Sequence[str]) -> int:
    """Measure and write the JSON and the table."""
    given = _parser().parse_args(arguments)
    texts = read_texts(given.corpus, most=given.texts)
    given.output.mkdir(parents=True, exist_ok=True)
    if given.overload:
        return _overload(given, texts)
    settings = _settings(given)
    parts = Parts(given.output / "parts", _what(given, settings, texts), resume=given.resume)
    settings_found = run(settings, texts, parts, bundle=given.bundle, output=given.output)
    result = _result(given, settings, texts, settings_found)
    if "nerve" in [server.name for server in settings[0].servers]:
        result["overload"] = parts.take("overload", lambda: _flooded(given, texts))
    write_atomically(given.output / "serve.md", full_table(result).encode())
    write_atomically(given.output / "serve.json", (json.dumps(result, indent=1) + "\n").encode())
    print(full_table(result))
    print(given.output / "serve.json")
    return 0


def _settings(given: argparse.Namespace) -> list[Setting]:
    """Every setting with the servers that are asked for.

    Raises:
        UsageError: there is no server of that name.
    """
    bundle = open_bundle(given.bundle)
    checkpoint = given.checkpoint or Path(bundle.manifest.checkpoint.name)
    made = []
    for name, cores, plan in settings_here(_plan(given)):
        threads = min(given.threads, len(cores.server))
        work = given.output / f"triton-{name}"
        triton = triton_server(bundle, work, threads=threads, python=given.triton_python)
        chosen = servers(given.bundle, checkpoint, threads=threads, triton=triton)
        if unknown := [name for name in given.only if name not in [server.name for server in chosen]]:
            known = ", ".join(server.name for server in chosen)
            raise UsageError("--only", f"no server {unknown[0]!r}", f"choose from {known}")
        chosen = [server for server in chosen if not given.only or server.name in given.only]
        made.append(Setting(name=name, cores=cores, threads=threads, servers=chosen, plan=plan))
    return made


def _what(given: argparse.Namespace, settings: Sequence[Setting], texts: Texts) -> dict[str, Any]:
    """What is measured on what: parts of two runs that agree on this belong together."""
    machine = machine_facts()
    return {
        "bundle": digest_of(given.bundle / MANIFEST).sha256,
        "commit": machine["commit"],
        "cpu": machine["cpu"],
        "checkpoint": str(given.checkpoint),
        "texts": texts.sha256,
        "threads": given.threads,
        "settings": [[each.name, *map(len, (each.cores.server, each.cores.client))] for each in settings],
        "plans": [asdict(each.plan) for each in settings],
    }


def _result(
    given: argparse.Namespace, settings: Sequence[Setting], texts: Texts, found: dict[str, Any]
) -> dict[str, Any]:
    return {
        "what": "servers",
        "machine": machine_facts(),
        "texts": len(texts.texts),
        "quick": given.quick,
        "left_out": {server.name: server.missing for server in settings[0].servers if server.missing},
        **found.pop("shared"),
        **found,
    }


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
    parser.add_argument("--threads", type=count, default=available_threads(), help="of each server (all)")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter loops, one round")
    parser.add_argument("--seconds", type=count, metavar="N", help="of each loop (6; quick: 4)")
    resume = "go on with a run that was cut short: what it measured lies in DIR/parts"
    parser.add_argument("--resume", action="store_true", help=resume)
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
