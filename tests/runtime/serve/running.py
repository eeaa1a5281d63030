"""A server as a process, as users start it: on a port that is free, ended by SIGTERM."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.conftest import ROOT
from tests.waiting import PATIENCE

TIMEOUT = PATIENCE


class Server:
    """`python -m runtime.serve` on a bundle, while the context lasts.

    Attributes:
        url: where it answers.
        process: the process.
        log: file with what it wrote to standard error.
    """

    def __init__(
        self, bundle: Path, log: Path, *arguments: object, environment: Mapping[str, str] | None = None
    ) -> None:
        self.log = log
        self._command = [sys.executable, "-m", "runtime.serve", "--bundle", str(bundle), "--port", "0"]
        self._command += ["--drain-notice", "0", *map(str, arguments)]
        self._environment = {**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})}

    def __enter__(self) -> Self:
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        assert self.url, self.log.read_text()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        assert self.process.stdout is not None
        try:
            self.process.wait(TIMEOUT)
        finally:
            self.process.kill()
            self.process.stdout.close()

    @property
    def port(self) -> int:
        """That it listens on."""
        return int(self.url.rpartition(":")[2])

    def post(self, path: str, value: Any = None, **more: Any) -> httpx.Response:
        """A POST of that JSON."""
        return httpx.post(self.url + path, json=value, timeout=TIMEOUT, **more)

    def get(self, path: str, **more: Any) -> httpx.Response:
        """A GET."""
        return httpx.get(self.url + path, timeout=TIMEOUT, **more)

    def tag(self, *texts: str) -> list[list[tuple[str, str]]]:
        """(label, text) of each entity of each text."""
        reply = self.post("/tag", {"texts": list(texts)})
        assert reply.status_code == 200, reply.text
        return [[(entity["label"], entity["text"]) for entity in found] for found in reply.json()["entities"]]
