"""Long runs: memory does not grow over a million requests, and ten minutes at saturation end as they began.

    pytest -m slow -s tests/runtime/serve/test_soak.py
    NERVE_SOAK_REQUESTS=20000 NERVE_SOAK_SECONDS=30 pytest -m slow ...    only to see that they run

At 1,000 requests a second the million takes 17 minutes. Saturation is wrk's (Debian's package), which takes next to
nothing of the machine itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.runtime.serve.running import Server

pytestmark = pytest.mark.slow
CONNECTIONS = 64
REQUESTS = int(os.environ.get("NERVE_SOAK_REQUESTS", "1000000"))
SECONDS = int(os.environ.get("NERVE_SOAK_SECONDS", "600"))
PARTS = 10
TEXTS = [f"Angela Merkel visited Paris and {number} others" for number in range(100)]


def _resident(server: Server) -> int:
    """Bytes of the server's memory that are in RAM."""
    return int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]) * 4096


def _request(text: str) -> bytes:
    body = json.dumps({"texts": [text]}).encode()
    return b"POST /tag HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def _load(port: int, requests: int) -> None:
    """Ask on all connections until there were so many answers."""
    prepared = [_request(text) for text in TEXTS]
    asked = 0

    async def client() -> None:
        nonlocal asked
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while asked < requests:
            asked += 1
            writer.write(prepared[asked % len(prepared)])
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert head.startswith(b"http/1.1 200")
            length = head.split(b"content-length:")[1].split(b"\r\n")[0]
            assert b"Paris" in await reader.readexactly(int(length))
        writer.close()

    await asyncio.gather(*(client() for _ in range(CONNECTIONS)))


# Each thread of wrk goes through the texts.
_SCRIPT = """
wrk.method = "POST"
local number = 0
request = function()
  number = number + 1
  local text = "Angela Merkel visited Paris and " .. (number % 100) .. " others"
  return wrk.format(nil, "/tag", nil, '{"texts": ["' .. text .. '"]}')
end
"""


def _saturate(server: Server, script: Path, seconds: int) -> float:
    """Requests a second that wrk gets answered; every one of them by status 200."""
    command = ["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{seconds}s", "-s", str(script), server.url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in said, said
    assert "Socket errors" not in said, said
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert rate, said
    return float(rate.group(1))


def test_memory_growth(known_words: Path, tmp_path: Path) -> None:
    with Server(known_words, tmp_path / "log", "--no-request-log", "--max-queued-tokens", "100000") as server:
        asyncio.run(_load(server.port, REQUESTS // 10))
        before = _resident(server)
        asyncio.run(_load(server.port, REQUESTS - REQUESTS // 10))
        after = _resident(server)
        print(f"{REQUESTS:,} requests: {before / 2**20:.1f} MiB after a tenth of them, {after / 2**20:.1f} at the end")
        assert after < 1.05 * before


@pytest.mark.skipif(shutil.which("wrk") is None, reason="needs wrk: apt-get install wrk")
def test_long_running_stress(known_words: Path, tmp_path: Path) -> None:
    script = tmp_path / "texts.lua"
    script.write_text(_SCRIPT)
    with Server(known_words, tmp_path / "log", "--no-request-log", "--max-queued-tokens", "100000") as server:
        rates = [_saturate(server, script, max(1, SECONDS // PARTS)) for _ in range(PARTS)]
        print("requests/s:", *(f"{rate:,.0f}" for rate in rates))
        assert rates[-1] > 0.7 * rates[0]
        assert server.get("/health/ready").status_code == 200
        assert "ner_queue_tokens 0.0" in server.get("/metrics").text
    assert "backend failed" not in server.log.read_text()
