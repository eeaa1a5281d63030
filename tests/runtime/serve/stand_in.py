"""A server on the slow stand-in, as a process; see tests.runtime.serve.slow_backend."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import ROOT
from tests.runtime.serve.running import TIMEOUT
from tests.runtime.serve.slow_backend import BATCHES, GO
from tests.waiting import wait_until

Starting = Callable[..., Any]


class Slow:
    """A server on the slow stand-in."""

    def __init__(self, port: int, process: subprocess.Popen[str], folder: Path) -> None:
        self.url, self.port, self.process = f"http://127.0.0.1:{port}", port, process
        self.log, self._folder = folder / "log", folder

    def tag(self, text: str, **headers: str) -> httpx.Response:
        return httpx.post(f"{self.url}/tag", json={"texts": [text]}, headers=headers, timeout=TIMEOUT)

    def metric(self, start: str) -> float:
        lines = httpx.get(f"{self.url}/metrics", timeout=TIMEOUT).text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(start))

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def wait_for_batches(self, count: int) -> None:
        """Wait until the backend, which is held, has begun with so many."""
        begun = self._folder / BATCHES
        wait_until(lambda: begun.exists() and begun.stat().st_size >= count)

    @property
    def begun(self) -> int:
        """Batches that the backend, which was held, has begun with."""
        return (self._folder / BATCHES).stat().st_size

    def release(self) -> None:
        """Let the backend end its batches, those to come as well."""
        (self._folder / GO).touch()


@pytest.fixture
def slow(tmp_path: Path) -> Starting:
    """Starts servers on the stand-in: tokens a second, or HELD: it ends no batch before `release`; then options."""

    @contextmanager
    def start(tokens_a_second: float | str, *options: object) -> Iterator[Slow]:
        port_file, log = tmp_path / "port", tmp_path / "log"
        module = "tests.runtime.serve.slow_backend"
        command = [sys.executable, "-m", module, str(port_file), str(tokens_a_second), *map(str, options)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with log.open("w") as errors:
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        assert process.stdout is not None
        try:
            assert process.stdout.readline().startswith("http"), log.read_text()
            server = Slow(int(port_file.read_text()), process, tmp_path)
            yield server
            server.release()
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(TIMEOUT)
            process.stdout.close()

    return start
