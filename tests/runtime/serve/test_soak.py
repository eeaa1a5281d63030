"""Long runs: memory does not grow over a million requests, and ten minutes at saturation end as they began."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from tests.runtime.serve.running import Server

pytestmark = pytest.mark.slow
CONNECTIONS = 64
TEXTS = [f"Angela Merkel visited Paris and {number} others" for number in range(100)]


def _resident(server: Server) -> int:
    """Bytes of the server's memory that are in RAM."""
    return int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]) * 4096


def _request(text: str) -> bytes:
    body = json.dumps({"texts": [text]}).encode()
    return b"POST /tag HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def _load(port: int, *, requests: int = 0, seconds: float = 0.0) -> int:
    """Ask on all connections until there were so many answers, or so many seconds passed; how many were answered."""
    prepared = [_request(text) for text in TEXTS]
    until = time.monotonic() + seconds
    answered = 0

    async def client() -> None:
        nonlocal answered
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while answered < requests or time.monotonic() < until:
            writer.write(prepared[answered % len(prepared)])
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert head.startswith(b"http/1.1 200")
            length = head.split(b"content-length:")[1].split(b"\r\n")[0]
            assert b"Paris" in await reader.readexactly(int(length))
            answered += 1
        writer.close()

    await asyncio.gather(*(client() for _ in range(CONNECTIONS)))
    return answered


def test_memory_growth(known_words: Path, tmp_path: Path) -> None:
    with Server(known_words, tmp_path / "log", "--no-request-log", "--max-queued-tokens", "100000") as server:
        asyncio.run(_load(server.port, requests=100_000))
        before = _resident(server)
        asyncio.run(_load(server.port, requests=900_000))
        assert _resident(server) < 1.05 * before


def test_long_running_stress(known_words: Path, tmp_path: Path) -> None:
    with Server(known_words, tmp_path / "log", "--no-request-log", "--max-queued-tokens", "100000") as server:
        first = asyncio.run(_load(server.port, seconds=60))
        for _ in range(8):
            asyncio.run(_load(server.port, seconds=60))
        last = asyncio.run(_load(server.port, seconds=60))
        assert last > 0.7 * first
        assert server.get("/health/ready").status_code == 200
        assert "ner_queue_tokens 0.0" in server.get("/metrics").text
    assert "backend failed" not in server.log.read_text()
