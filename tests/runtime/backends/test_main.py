"""python -m runtime.backends: every backend, and what this machine lacks for it."""

from __future__ import annotations

import pytest

from runtime.backends.__main__ import main
from runtime.backends.registry import specs
from runtime.errors import UsageError
from tests.conftest import Command
from tests.fakes.machine import FakeMachine


def test_every_backend_and_device_is_listed_with_what_it_lacks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], here=FakeMachine(packages={"openvino": "2026.4"})) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[::2]] == [[spec.name, spec.device] for spec in specs()]
    states = {(spec.name, spec.device): line.strip() for spec, line in zip(specs(), lines[1::2], strict=True)}
    assert states["openvino", "cpu"] == "can run here"
    assert states["onnxruntime", "cpu"] == (
        "missing: the library 'onnxruntime' is not installed; pip install 'nerve-ner[onnxruntime]'"
    )
    assert states["onnxruntime", "cuda"].startswith("missing: libonnxruntime_providers_cuda.so is not installed")


def test_it_takes_no_arguments() -> None:
    with pytest.raises(UsageError, match="unrecognized arguments: onnxruntime"):
        main(["onnxruntime"])


def test_the_process_lists_them(command: Command) -> None:
    done = command("runtime.backends")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 2 * len(specs())
