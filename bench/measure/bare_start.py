"""The least process that answers a text with a candidate's library, one step after the other.

It imports NumPy, tokenizers and the library, opens tokenizer and graph, and runs one text once, as a user would who
trusts each byte: nothing is verified, copied, checked or decoded. OpenVINO keeps what it compiled in its own cache. At
its end the process is not taken down. The module is also the program of that process, so it imports little at the top.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STEPS = ("Python", "numpy", "library", "tokenizers", "tokenizer", "graph", "first run", "end")
"""What the process does, in this order: start Python, import the three, open both files, run once, end."""
LIBRARIES = ("onnxruntime", "openvino")


@dataclass(frozen=True, slots=True)
class BareStart:
    """A start of the process.

    Attributes:
        seconds, cpu_seconds: of the whole process, and its CPU time.
        steps: seconds of each of STEPS.
    """

    seconds: float
    cpu_seconds: float
    steps: dict[str, float]


def bare_start(library: str, graph: Path, tokenizer: Path, *, text: str, cache: Path, hint: str = "f32") -> BareStart:
    """Start the process once.

    Args:
        library: one of LIBRARIES.
        graph, tokenizer: its files.
        text: is run once.
        cache: folder where OpenVINO keeps what it compiled.
        hint: OpenVINO's name of the precision that the candidate computes in.

    Raises:
        subprocess.CalledProcessError: it fails.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    begun = time.time()
    files = [str(graph), str(tokenizer), str(cache)]
    command = [sys.executable, __file__, str(begun), library, *files, hint, text]
    with subprocess.Popen(command, env={**environment, "OPENBLAS_NUM_THREADS": "1"}, stdout=subprocess.PIPE) as process:
        told = process.stdout.read() if process.stdout else b""
        # The CPU time of this very process is what waiting for it tells, and nothing else does.
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.time() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    steps: dict[str, float] = json.loads(told)
    return BareStart(seconds, used.ru_utime + used.ru_stime, {**steps, "end": seconds - sum(steps.values())})


def _process(
    begun: float, library: str, graph: str, tokenizer: str, cache: str, hint: str, text: str
) -> dict[str, float]:
    """Seconds of all steps but the last."""
    steps = {"Python": time.time() - begun}

    def timed(step: str, function: Callable[[], Any]) -> Any:
        before = time.time()
        done = function()
        steps[step] = time.time() - before
        return done

    import importlib

    sys.modules["openvino.tools.ovc"] = None  # type: ignore[assignment] # as the command does, for half of the import
    numpy = timed("numpy", lambda: importlib.import_module("numpy"))
    loaded = timed("library", lambda: importlib.import_module(library))
    tokenizers = timed("tokenizers", lambda: importlib.import_module("tokenizers"))
    opened = timed("tokenizer", lambda: tokenizers.Tokenizer.from_file(tokenizer))
    run = timed("graph", lambda: _OPENERS[library](loaded, graph, cache, hint))
    ids = numpy.array([opened.encode(text).ids])
    given = {"input_ids": ids, "position_ids": numpy.arange(ids.size)[None]}
    given |= {"attention_mask": numpy.ones_like(ids), "segment_ids": numpy.zeros_like(ids)}
    given["token_type_ids"] = given["segment_ids"]
    timed("first run", lambda: run(given))
    return steps


def _onnxruntime(library: Any, graph: str, _: str, __: str) -> Callable[[Mapping[str, Any]], Any]:
    options = library.SessionOptions()
    options.add_session_config_entry("session.disable_prepacking", "1")
    session = library.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_inputs()]
    return lambda given: session.run(None, {name: given[name] for name in names})


def _openvino(library: Any, graph: str, cache: str, hint: str) -> Callable[[Mapping[str, Any]], Any]:
    settings = {"CACHE_DIR": cache, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": hint}
    compiled = library.Core().compile_model(graph, "CPU", settings)
    names = [port.get_any_name() for port in compiled.inputs]
    return lambda given: compiled({name: given[name] for name in names})


_OPENERS = {"onnxruntime": _onnxruntime, "openvino": _openvino}

if __name__ == "__main__":
    print(json.dumps(_process(float(sys.argv[1]), *sys.argv[2:])), flush=True)
    os._exit(0)
