"""One server's figures: closed loops, open loops, entity F1; and the Tagger's own, for how much a server costs."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.serve.cores import Cores, on_cores
from bench.serve.servers import Server, running
from bench.serve.texts import Texts

_WARM_SECONDS = 2.0
# Every server answers the same texts for its F1: in a loop of some seconds a slow one gets to few of them.
_SCORED = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is measured.

    Attributes:
        connections: of each closed loop; saturation is looked for among them.
        loads: of each open loop, as a share of what the server answered at most in a closed loop.
        seconds: of each loop.
        rounds: how often all servers take their turn.
    """

    connections: tuple[int, ...] = (1, 16, 64, 128)
    loads: tuple[float, ...] = (0.25, 0.5, 0.9)
    seconds: float = 6.0
    rounds: int = 3


def measure(server: Server, texts: Texts, plan: Plan, log: Path, cores: Cores) -> dict[str, Any]:
    """All loops of one server, started for it, in one turn."""
    requests = [base64.b64encode(server.request(text)).decode() for text in texts.texts]
    with contextlib.ExitStack() as stack:
        with on_cores(cores.server):
            port = stack.enter_context(running(server, log))
        stack.enter_context(on_cores(cores.client))
        job = {"host": "127.0.0.1", "port": port, "requests": requests, "rate": 0.0, "seed": 1}
        scored = client({**job, "requests": requests[:_SCORED], "connections": 16, "seconds": 0.0})
        client({**job, "connections": 16, "seconds": _WARM_SECONDS})
        closed = [client({**job, "connections": count, "seconds": plan.seconds}) for count in plan.connections]
        most = max(len(each["seconds"]) / each["wall"] for each in closed)
        rates = [share * most for share in plan.loads]
        opened = [client({**job, "rate": rate, "seconds": plan.seconds}) for rate in rates]
    bodies = {int(number): base64.b64decode(body) for number, body in scored["bodies"].items()}
    return {
        "closed": [{"connections": n, **figures(each)} for n, each in zip(plan.connections, closed)],
        "open": [{"rate": rate, **figures(each)} for rate, each in zip(rates, opened)],
        "asked": len(requests[:_SCORED]),
        "answered": len(bodies),
        "f1": texts.f1({number: server.spans(body) for number, body in bodies.items()}),
    }


def measure_tagger(bundle: Path, texts: Texts, cores: Cores, *, threads: int) -> dict[str, Any]:
    """What a Tagger does with the same texts on the servers' CPUs alone; see bench.serve.tagger."""
    command = [sys.executable, "-m", "bench.serve.tagger", str(bundle), str(threads)]
    with on_cores(cores.server):
        done = subprocess.run(command, input=json.dumps(texts.texts), stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def client(job: dict[str, Any]) -> dict[str, Any]:
    """A loop in a process of the client's own; see bench.serve.client."""
    command = [sys.executable, "-m", "bench.serve.client"]
    done = subprocess.run(command, input=json.dumps(job), capture_output=True, text=True, check=True)
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def figures(seen: dict[str, Any]) -> dict[str, Any]:
    """Rate, latencies and refusals of a loop; and the client's own CPU time for a request, which the server lacked."""
    seconds: Sequence[float] = seen["seconds"] or [float("nan")]
    p50, p99 = (1000 * float(np.quantile(seconds, share)) for share in (0.5, 0.99))
    answered = len(seen["seconds"])
    refused = len(seen["refused"])
    return {
        "per_second": answered / seen["wall"],
        "p50_ms": p50,
        "p99_ms": p99,
        "refused": refused,
        "client_us": 1e6 * seen["cpu_seconds"] / max(1, answered + refused),
    }
