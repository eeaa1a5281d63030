"""One server's figures: closed loops, open loops, entity F1; and the Tagger's own, for how much a server costs."""

from __future__ import annotations

import base64
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.serve.servers import Server, running
from bench.serve.texts import Texts
from runtime import Tagger

_WARM_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is measured.

    Attributes:
        connections: of each closed loop.
        loads: of each open loop, as a share of what the server answered at most in a closed loop.
        seconds: of each loop.
        rounds: how often all servers take their turn.
    """

    connections: tuple[int, ...] = (1, 16, 64)
    loads: tuple[float, ...] = (0.25, 0.5, 0.9)
    seconds: float = 20.0
    rounds: int = 3


def measure(server: Server, texts: Texts, plan: Plan, log: Path) -> dict[str, Any]:
    """All loops of one server, started for it, in one turn."""
    requests = [base64.b64encode(server.request(text)).decode() for text in texts.texts]
    with running(server, log) as port:
        job = {"host": "127.0.0.1", "port": port, "requests": requests, "rate": 0.0, "seed": 1}
        client({**job, "connections": 16, "seconds": _WARM_SECONDS})
        closed = [client({**job, "connections": count, "seconds": plan.seconds}) for count in plan.connections]
        most = max(len(each["seconds"]) / each["wall"] for each in closed)
        rates = [share * most for share in plan.loads]
        opened = [client({**job, "rate": rate, "seconds": plan.seconds}) for rate in rates]
    bodies = {int(number): base64.b64decode(body) for each in closed for number, body in each["bodies"].items()}
    return {
        "closed": [{"connections": n, **figures(each)} for n, each in zip(plan.connections, closed)],
        "open": [{"rate": rate, **figures(each)} for rate, each in zip(rates, opened)],
        "answered": len(bodies),
        "f1": texts.f1({number: server.spans(body) for number, body in bodies.items()}),
    }


def measure_tagger(bundle: Path, texts: Texts, *, threads: int, single: int = 300) -> dict[str, Any]:
    """Texts a second of Tagger.tag on the same texts, and the median of one text at a time, in milliseconds."""
    given = texts.texts
    with Tagger.open(bundle, threads=threads) as tagger:
        tagger.tag(given)
        begun = time.perf_counter()
        tagger.tag(given)
        rate = len(given) / (time.perf_counter() - begun)
        seconds: list[float] = []
        for text in given[:single]:
            begun = time.perf_counter()
            tagger.tag([text])
            seconds.append(time.perf_counter() - begun)
    return {"texts_per_second": rate, "single_p50_ms": 1000 * statistics.median(seconds)}


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
