"""The servers that are compared: how each is started, what it is asked, and how its answers read.

Each is a process of its own. In one setting all may use the same CPUs and are told the same number of threads.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.serve.texts import Span
from runtime.errors import BackendError

_START_SECONDS = 180
_MODULE = (sys.executable, "-m")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that can be started.

    Attributes:
        name: in the tables.
        command: that starts it on a port.
        path: that is asked.
        body: of a request about one text.
        spans: the entities in an answer to it.
        environment: more than that of this process.
        missing: why it cannot run here; empty where it can.
    """

    name: str
    command: Callable[[int], Sequence[str]]
    path: str
    body: Callable[[str], dict[str, Any]]
    spans: Callable[[bytes], list[Span]]
    environment: Mapping[str, str] = field(default_factory=dict)
    missing: str = ""

    def request(self, text: str) -> bytes:
        """The whole HTTP request about a text."""
        body = json.dumps(self.body(text)).encode()
        head = f"POST {self.path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def servers(bundle: Path, checkpoint: Path, *, threads: int, triton: Server) -> list[Server]:
    """All servers, those that cannot run here among them."""
    return [
        nerve(bundle, threads, bounded=False),
        _fastapi(checkpoint, threads),
        _one_by_one(checkpoint, threads),
        triton,
    ]


def nerve(bundle: Path, threads: int, *, bounded: bool) -> Server:
    """This server.

    Args:
        bundle: that it serves.
        threads: of its backend.
        bounded: with its own bound on the queue; without, it gets all requests, as the others do.
    """

    def command(port: int) -> list[str]:
        line = [*_MODULE, "runtime.serve", "--bundle", str(bundle), "--port", str(port), "--no-request-log"]
        return [*line, "--threads", str(threads), *([] if bounded else ["--max-queued-tokens", "1000000"])]

    return Server(
        name="nerve",
        command=command,
        path="/tag",
        body=lambda text: {"texts": [text]},
        spans=lambda raw: [(e["label"], e["start"], e["end"]) for e in json.loads(raw)["entities"][0]],
    )


def _fastapi(checkpoint: Path, threads: int) -> Server:
    return Server(
        name="fastapi-pipeline",
        command=lambda port: [*_MODULE, "bench.serve.fastapi_pipeline", str(checkpoint), str(port), str(threads)],
        path="/ner",
        body=lambda text: {"text": text},
        spans=lambda raw: [(e["entity_group"], e["start"], e["end"]) for e in json.loads(raw)],
        missing="" if importlib.util.find_spec("fastapi") else "fastapi is not installed",
    )


def _one_by_one(checkpoint: Path, threads: int) -> Server:
    return Server(
        name="one-by-one",
        command=lambda port: [*_MODULE, "bench.serve.one_by_one", str(checkpoint), str(port), str(threads)],
        path="/v1/models/ner:predict",
        body=lambda text: {"instances": [text]},
        spans=lambda raw: spans_of_tokens(json.loads(raw)["predictions"][0]),
    )


def spans_of_tokens(tokens: Sequence[Sequence[Any]]) -> list[Span]:
    """Entities of (label, start, end) of each token; a token that touches the one before belongs to its word."""
    spans: list[Span] = []
    previous_end, previous = -1, "O"
    for label, start, end in tokens:
        kind = label.split("-", 1)[-1]
        if start == previous_end and previous != "O":  # inside a word: the word has the label of its first token
            spans[-1] = (spans[-1][0], spans[-1][1], end)
        elif start == previous_end or label == "O":
            previous = "O"
        elif spans and label.startswith("I-") and kind == previous:
            spans[-1] = (spans[-1][0], spans[-1][1], end)
        else:
            spans.append((kind, start, end))
            previous = kind
        previous_end = end
    return spans


@contextlib.contextmanager
def running(server: Server, log: Path) -> Iterator[int]:
    """The server, ready to answer; its port.

    Raises:
        BackendError: it does not answer in time; the message says where its log is.
    """
    port = free_port()
    environment = {**os.environ, **server.environment}
    with log.open("wb") as out:
        process = subprocess.Popen(list(server.command(port)), stdout=out, stderr=out, env=environment)
    try:
        _wait(server, port, process, log)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait(server: Server, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as client:
                client.settimeout(60)
                client.sendall(server.request("Paris"))
                if client.recv(12).endswith(b"200"):
                    return
        except OSError:
            pass
        time.sleep(0.2)
    raise BackendError(f"server {server.name}", "it does not answer", f"see {log}")
