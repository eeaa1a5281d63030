"""python -m bench.gpu_check: everything that needs a card, with one command. One JSON, and a table.

    python -m bench.gpu_check [--output build/gpu-check.json] [--seconds 530]

Environment, models, bundles, engines, certificates, tests, speeds: each part runs in a process of its own with a limit
of time, and what cannot run is a line that says why, while the rest goes on. It needs no network, no checkpoint and no
corpus, and takes whichever versions of PyTorch and transformers are there. On a machine without a card it says so.
Exit status: 0 if all parts ran, 1 if one did not.
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

from bench.gpu_table import table
from runtime.cli import Parser, count, run
from runtime.files import write_atomically

PROG = "python -m bench.gpu_check"
# Candidates of a bundle on a card, the fast ones first: an engine, and fp16 in ONNX Runtime's ways; then fp32.
_FAST, _CANDIDATES = 4, 7
# Models are made and run from files alone; nothing may wait for a network.
_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true"}


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the check.

    Attributes:
        name: as bench.gpu_parts knows it.
        seconds: most that it may take.
        needs: parts without which it is pointless.
    """

    name: str
    seconds: int
    needs: tuple[str, ...] = ()


def plan() -> list[Part]:
    """The parts in order. What is asked for most comes first, for time may run out."""
    parts = [Part("matrix", 45), Part("models", 120)]
    parts += [Part(f"bundle:{model}", 150, ("models",)) for model in ("minilm", "bert-large")]
    for model in ("bert-large", "minilm"):
        parts.append(Part(f"engines:{model}", 200, (f"bundle:{model}",)))
    for model in ("bert-large", "minilm"):
        parts += _speeds(model, range(_FAST))
        parts += [Part(f"{peer}:{model}", 60, ("models",)) for peer in ("torch", "pipeline")]
    parts.append(Part("certify", 120, ("bundle:minilm",)))
    parts.append(Part("attention", 40, ("bundle:minilm",)))
    parts.append(Part("tests", 120))
    parts += _speeds("minilm", range(_FAST, _CANDIDATES)) + _speeds("bert-large", range(_FAST, _CANDIDATES))
    return [*parts, Part("export", 200, ("models",))]


def _speeds(model: str, numbers: range) -> list[Part]:
    return [Part(f"speed:{model}:{number}", 90, (f"bundle:{model}",)) for number in numbers]


def main(arguments: Sequence[str]) -> int:
    """Run all parts, write the JSON, print the table."""
    options = _parser().parse_args(arguments)
    end = time.monotonic() + options.seconds
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as work:
        answers = {"environment": answer(Part("environment", 60), Path(work))}
        has_card = bool(answers["environment"].get("found", {}).get("card"))
        for part in plan():
            answers[part.name] = _tried(part, answers, Path(work), end) if has_card else _NO_CARD
    options.output.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(options.output, (json.dumps(answers, indent=1, sort_keys=True) + "\n").encode())
    print(table(answers))
    print(json.dumps({"written": str(options.output), "missing": _missing(answers)}))
    return 1 if _missing(answers) else 0


_NO_CARD = {"missing": "not run: this machine has no NVIDIA card"}


def answer(part: Part, work: Path) -> dict[str, Any]:
    """What a part says, from a process of its own; it is ended, with all that it started, when its time is over."""
    file = work / f"{part.name.replace(':', '-')}.json"
    command = [sys.executable, "-m", "bench.gpu_parts", part.name, str(work), str(file)]
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
    told: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {"missing": said, "log": tail}
    return {**told, "seconds": round(time.monotonic() - begun, 1)}


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
    parser = Parser(prog=PROG, description="Prove the GPU path on this machine's card.")
    parser.add_argument("--output", type=Path, default=Path("build/gpu-check.json"), help="the JSON (%(default)s)")
    parser.add_argument("--seconds", type=count, default=530, help="most that all parts may take (%(default)s)")
    return parser


if __name__ == "__main__":
    run(main, PROG)
