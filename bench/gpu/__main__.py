"""python -m bench.gpu: everything that needs a GPU, with one command. One JSON, and a table.

    python -m bench.gpu [--output build/gpu-check.json] [--seconds 530]

Environment, models, bundles, engines, certificates, tests, speeds: each part runs in a process of its own with a limit
of time, and what cannot run is a line that says why, while the rest goes on. It needs no network, no checkpoint and no
corpus, and takes whichever versions of PyTorch and transformers are there. On a machine without a GPU it says so.
What was found is written after each part. Exit status: 0 if all parts ran and passed, 1 if one did not.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.gpu.table import failures, table
from runtime.command_line import Parser, count, run
from runtime.system.files import write_atomically
from runtime.system.gpu import gpu

PROG = "python -m bench.gpu"
# Candidates of a bundle on a GPU, the fast ones first: an engine, and fp16 in ONNX Runtime's ways; then fp32.
_FAST, _CANDIDATES = 5, 9
# Models are made and run from files alone; nothing may wait for a network.
_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true"}


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the check.

    Attributes:
        name: as bench.gpu.parts knows it.
        seconds: most that it may take.
        needs: parts without which it is pointless.
    """

    name: str
    seconds: int
    needs: tuple[str, ...] = ()


def plan() -> list[Part]:
    """The parts in order. What is asked for most comes first, for time may run out."""
    parts = [Part("matrix", 45), Part("backends", 60), Part("models", 120)]
    parts += [*_built("minilm"), *_speeds("minilm", range(_FAST)), *_baselines("minilm")]
    parts.append(Part("certify", 120, ("backends", "bundle:minilm")))
    parts.append(Part("attention", 40, ("backends", "bundle:minilm")))
    parts.append(Part("tests", 120))
    parts += [*_built("bert-large"), *_speeds("bert-large", range(_FAST)), *_baselines("bert-large")]
    parts += _speeds("minilm", range(_FAST, _CANDIDATES)) + _speeds("bert-large", range(_FAST, _CANDIDATES))
    return [*parts, Part("fp8:minilm", 150, ("engines:minilm",)), Part("export", 200, ("models",))]


def _built(model: str) -> list[Part]:
    bundle = Part(f"bundle:{model}", 150, ("models", "backends"))
    return [bundle, Part(f"engines:{model}", 200, (bundle.name,))]


def _baselines(model: str) -> list[Part]:
    return [Part(f"{baseline}:{model}", 60, ("models",)) for baseline in ("torch", "pipeline")]


def _speeds(model: str, numbers: range) -> list[Part]:
    return [Part(f"speed:{model}:{number}", 90, (f"bundle:{model}",)) for number in numbers]


def main(arguments: Sequence[str]) -> int:
    """Run all parts, write the JSON, print the table."""
    options = _parser().parse_args(arguments)
    end = time.monotonic() + options.seconds
    options.output.parent.mkdir(parents=True, exist_ok=True)
    has_gpu = gpu() is not None
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as work:
        answers = {"environment": answer(Part("environment", 120), Path(work))}
        _write(options.output, answers)
        for part in plan():
            answers[part.name] = _tried(part, answers, Path(work), end) if has_gpu else _NO_GPU
            _write(options.output, answers)
    print(table(answers))
    missing, failed = _missing(answers), failures(answers)
    print(json.dumps({"written": str(options.output), "missing": missing, "failed": failed}))
    return 1 if missing or failed else 0


def _write(output: Path, answers: Mapping[str, Any]) -> None:
    """After every part, for the whole check may be ended from outside."""
    write_atomically(output, (json.dumps(answers, indent=1, sort_keys=True) + "\n").encode())


_NO_GPU = {"missing": "not run: this machine has no NVIDIA GPU"}


def answer(part: Part, work: Path) -> dict[str, Any]:
    """What a part says, from a process of its own; it is ended, with all that it started, when its time is over."""
    file = work / f"{part.name.replace(':', '-')}.json"
    command = [sys.executable, "-m", "bench.gpu.parts", part.name, str(work), str(file)]
    begun = time.monotonic()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, **_OFFLINE}, start_new_session=True
        )
        try:
            process.wait(part.seconds)
            said = f"its process ended with status {process.returncode}"
        except subprocess.TimeoutExpired:
            said = f"not done after {part.seconds} seconds"
        finally:
            _end(process)
        log.seek(0)
        tail = log.read()[-4000:].decode(errors="replace")
    return {**(_read(file) or {"missing": said, "log": tail}), "seconds": round(time.monotonic() - begun, 1)}


def _read(file: Path) -> dict[str, Any]:
    """What a part wrote; empty where it wrote nothing that can be read."""
    try:
        told: dict[str, Any] = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return told


def _tried(part: Part, answers: Mapping[str, dict[str, Any]], work: Path, end: float) -> dict[str, Any]:
    lacking = [name for name in part.needs if "found" not in answers[name]]
    if lacking:
        return {"missing": f"not run: it needs {', '.join(lacking)}"}
    left = int(end - time.monotonic())
    if left < 5:
        return {"missing": "not run: the time was over"}
    print(f"{part.name} ...", file=sys.stderr, flush=True)
    return answer(Part(part.name, min(part.seconds, left)), work)


def _end(process: subprocess.Popen[bytes]) -> None:
    """The process and its children, which it may have left behind."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _missing(answers: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [name for name, told in answers.items() if "missing" in told]


def _parser() -> Parser:
    parser = Parser(prog=PROG, description="Prove the GPU path on this machine's GPU.")
    parser.add_argument("--output", type=Path, default=Path("build/gpu-check.json"), help="the JSON (%(default)s)")
    parser.add_argument("--seconds", type=count, default=530, help="most that all parts may take (%(default)s)")
    return parser


if __name__ == "__main__":
    run(main, PROG)
