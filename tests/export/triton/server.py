"""A real tritonserver on free ports: the one that nvidia-pytriton ships, with the python backend and no other."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

# The environment that models run in, by `make setup-integrations`: a bundle's needs and no more. Its NumPy is 1.26, for
# the stub of this server was built before NumPy 2, whose arrays it fills with the first byte of what it was given.
PYTHON = ROOT / "build" / "triton"


@dataclass(frozen=True, slots=True)
class Triton:
    """Where it listens, and the file that it writes its log to."""

    http: str
    grpc: str
    metrics: str
    log: Path


def installed() -> Path | None:
    """The folder of nvidia-pytriton's server, where that and the environment of models are there."""
    found = importlib.util.find_spec("pytriton")
    return Path(found.origin).parent / "tritonserver" if found and found.origin and PYTHON.is_dir() else None


@contextmanager
def tritonserver(repository: Path, work: Path, *, models: tuple[str, ...] = ("ner",)) -> Iterator[Triton]:
    """The server, with these models loaded.

    Raises:
        RuntimeError: it is not ready within two minutes; the message is the end of its log.
    """
    home = installed()
    assert home is not None
    ports = _free_ports(3)
    log = work / "triton.log"
    names = ("http", "grpc", "metrics")
    where = [f"--{name}-{part}" for name, port in zip(names, ports) for part in (f"port={port}", "address=127.0.0.1")]
    command = [
        str(home / "bin" / "tritonserver"),
        f"--model-repository={repository}",
        f"--backend-directory={_backends(home, work / 'backends')}",
        "--disable-auto-complete-config",
        "--model-control-mode=explicit",
        *(f"--load-model={name}" for name in models),
        *where,
    ]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out, env=_environment(home)) as process:
        try:
            _wait(f"http://127.0.0.1:{ports[0]}/v2/health/ready", process, log)
            http, grpc, metrics = (f"127.0.0.1:{port}" for port in ports)
            yield Triton(http, grpc, metrics, log)
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def _backends(home: Path, folder: Path) -> Path:
    """The server's backends, and among them the stub for this Python."""
    shutil.copytree(home / "backends", folder, dirs_exist_ok=True)
    version = sysconfig.get_python_version()
    shutil.copy2(home / "python_backend_stubs" / version / "triton_python_backend_stub", folder / "python")
    return folder


def _environment(home: Path) -> dict[str, str]:
    """What the stub needs: the models' Python first, its library, and the wheel's own libraries."""
    libraries = [sysconfig.get_config_var("LIBDIR"), str(home.parent.parent / "nvidia_pytriton.libs")]
    return {
        **os.environ,
        "PATH": f"{PYTHON / 'bin'}:{os.environ['PATH']}",
        "LD_LIBRARY_PATH": ":".join(libraries),
    }


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(log.read_text(encoding="utf-8", errors="replace")[-3000:])


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()
