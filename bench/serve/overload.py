"""What becomes of a server that is asked for far more than it can do, and of a small client beside a large one.

    calm      open loop at 90% of what it answers at most
    flood     open loop at ten times that: what is answered still, how late, and how soon the rest is refused
    alone     one client, a sentence a request
    beside    the same, while another client sends requests of 10,000 sentences

Requests of calm and flood are paragraphs, so that the client's own work and the refusals leave the server its CPUs.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.serve.measure import client, figures
from bench.serve.servers import Server, running

_PARAGRAPH, _BULK = 16, 10_000
_CALM, _FLOOD = 0.9, 10.0
_WARM_SECONDS = 2.0


def measure_overload(server: Server, texts: Sequence[str], *, seconds: float, log: Path) -> dict[str, Any]:
    """The four loops, and their ratios.

    Args:
        server: is started for it, with its own bound on the queue.
        texts: sentences.
        seconds: of each loop.
        log: of the server.
    """
    paragraphs = [" ".join(texts[at : at + _PARAGRAPH]) for at in range(0, len(texts), _PARAGRAPH)]
    with running(server, log) as port:
        job = {"host": "127.0.0.1", "port": port, "rate": 0.0, "seed": 1, "seconds": seconds, "connections": 1}
        many = {**job, "requests": [_packed(server.request(text)) for text in paragraphs]}
        # As many connections as the queue's bound lets in: nothing is refused, and no stream is idle.
        client({**many, "seconds": _WARM_SECONDS, "connections": 4})
        most = figures(client({**many, "connections": 4}))
        calm = client({**many, "rate": _CALM * most["per_second"]})
        flood = client({**many, "rate": _FLOOD * most["per_second"]})
        one = {**job, "requests": [_packed(server.request(text)) for text in texts]}
        alone = client(one)
        beside = _beside(one, {**job, "requests": [_packed(_bulk(texts))], "seconds": seconds + 2})
    return _report(most, *(figures(seen) for seen in (calm, flood, alone, beside)), refused=flood["refused"])


def _report(
    most: dict[str, Any],
    calm: dict[str, Any],
    flood: dict[str, Any],
    alone: dict[str, Any],
    beside: dict[str, Any],
    *,
    refused: Sequence[float],
) -> dict[str, Any]:
    p50, p99 = (1000 * float(np.quantile(refused or [float("nan")], share)) for share in (0.5, 0.99))
    return {
        "sentences_a_request": _PARAGRAPH,
        "most": most,
        "calm": calm,
        "flood": flood | {"refused_p50_ms": p50, "refused_p99_ms": p99},
        "alone": alone,
        "beside": beside,
        "kept_rate": flood["per_second"] / most["per_second"],
        "p99_ratio": flood["p99_ms"] / calm["p99_ms"],
        "fairness_ratio": beside["p99_ms"] / alone["p99_ms"],
    }


def overload_lines(found: dict[str, Any]) -> list[str]:
    """The figures as Markdown."""
    flood = found["flood"]
    return [
        f"Overload, {found['sentences_a_request']} sentences a request: it answers {found['most']['per_second']:,.0f} a"
        f" second at most, and {flood['per_second']:,.0f} ({100 * found['kept_rate']:.0f}%) where ten times as many"
        f" arrive; p99 of what it answers is {flood['p99_ms']:.0f} ms, {found['p99_ratio']:.1f} times that at 90% load;"
        f" refusals take {flood['refused_p50_ms']:.1f} ms (p50), {flood['refused_p99_ms']:.1f} ms (p99).",
        "",
        f"A client of single sentences waits {found['beside']['p99_ms']:.1f} ms (p99) while another sends {_BULK:,}"
        f" sentences a request, {found['fairness_ratio']:.1f} times as long as alone"
        f" ({found['alone']['p99_ms']:.1f} ms).",
    ]


def _beside(one: dict[str, Any], bulk: dict[str, Any]) -> dict[str, Any]:
    """What one client sees while another one asks."""
    command = [sys.executable, "-m", "bench.serve.client"]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert other.stdin is not None
    other.stdin.write(json.dumps(bulk).encode())
    other.stdin.close()
    time.sleep(1.0)
    try:
        return client(one)
    finally:
        other.wait()


def _bulk(texts: Sequence[str]) -> bytes:
    body = json.dumps({"texts": [texts[number % len(texts)] for number in range(_BULK)]}).encode()
    return b"POST /tag HTTP/1.1\r\nHost: bench\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def _packed(request: bytes) -> str:
    return base64.b64encode(request).decode()
