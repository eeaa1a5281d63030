"""The jobs of the GPU check that time nothing: environment, certificates, attention kernels, tests, the export command.

Each is a function of a worker's session and returns an Answer. What prevents it is an exception, which the worker turns
into a line.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from bench.gpu.attention import REFUSED
from bench.measure.jobs import Session
from bench.systems.base import Failure

# Libraries, and what is not measured without them.
WANTED = {
    "torch": "models, the roofline, PyTorch and the pipeline",
    "transformers": "models and the pipeline",
    "tokenizers": "models, and nothing that reads text",
    "onnx": "bundles",
    "onnxruntime": "bundles and ONNX Runtime",
    "optimum": "padded graphs and the export command",
    "tensorrt": "TensorRT engines",
    "cuda": "TensorRT's runner (package cuda-python)",
    "pytest": "tests",
    "matplotlib": "pictures in the report",
}
# The files with tests that need a GPU.
TESTS = (
    *("tests/runtime/system/test_gpu.py", "tests/runtime/backends/tensorrt/test_api.py"),
    *("tests/runtime/backends/test_onnxruntime_cuda.py", "tests/export/engines/test_build_on_gpu.py"),
)
# What ONNX Runtime prints of each fused attention, in color; the names of the layers are left out.
_KERNEL = re.compile(r"(Operator=\S+) (?:Node=\S* )?(.*?SdpaKernel=[A-Z_]+)")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a step found.

    Attributes:
        lines: for the reader.
        passed: False where the step ran, and the answer is no.
        installed: False where what the step needs is not installed, and nothing was tried.
    """

    lines: list[str]
    passed: bool = True
    installed: bool = True


def environment(session: Session) -> Answer:
    """Say which GPU and libraries are here, and what is left out because something is missing."""
    from runtime.system.gpu import gpu

    # Asked first, and without importing any library of a GPU.
    here = gpu()
    if here is None:
        return Answer(["this machine has no NVIDIA GPU, or no driver for it: nothing is measured"], passed=False)
    lines = [f"{here.name}, compute capability {here.compute_capability}, driver {here.driver}", _torch_cuda()]
    lines += [f"{name} is not installed: without it, no {what}" for name, what in WANTED.items() if not is_there(name)]
    providers = _providers()
    for provider, what in (("CUDA", "ONNX Runtime on the GPU"), ("Tensorrt", "TensorRT through ONNX Runtime")):
        if f"{provider}ExecutionProvider" not in providers:
            lines.append(f"ONNX Runtime has no {provider} provider: without it, no {what}")
    return Answer(lines)


def backends(session: Session) -> Answer:
    """Say which backends can run on this GPU.

    Raises:
        Failure: none.
    """
    found = [f"ONNX Runtime, {one}" for one in _providers() if one.startswith("CUDA")]
    found += ["TensorRT"] * is_there("tensorrt")
    if not found:
        raise Failure("neither ONNX Runtime's CUDA provider nor TensorRT is installed; run make setup GPU=1")
    return Answer([", ".join(found)])


def certify(session: Session, bundle: Path, checkpoint: Path, corpus: Path, sentences: int, limited: bool) -> Answer:
    """Certify every candidate of the bundle that runs here. It fails unless one on the GPU passes."""
    from runtime.bundle.store import open_bundle

    options = ["--limited-evidence"] if limited else []
    command = ["-m", "export.certify", str(bundle), "--model", str(checkpoint), "--corpus", str(corpus)]
    done = ran([*command, "--sentences", str(sentences), *options], status=(0, 1))
    told = ("FAILED", "LEFT OUT", "left out: ")
    lines = [line for line in done.stdout.splitlines() if any(each in line for each in told)]
    # The bundle is read again: a command that ended well must also have written certificates.
    on_gpu = [one for one in open_bundle(bundle).manifest.certificates if one.device == "cuda"]
    for one in on_gpu:
        changed, agreement, words = (one.measured.get(name) or 0 for name in ("changed_per_10k", "agreement", "words"))
        state = "passed" if one.passed else "not passed"
        found = f"{changed:.2f} labels changed in 10,000 of {words:,} words, agreement {agreement:.4f}"
        lines.append(f"{one.candidate}: {state}, {found}")
    return Answer(lines, done.returncode == 0 and any(one.passed for one in on_gpu))


def attention(session: Session, bundle: Path) -> Answer:
    """Say which kernels ONNX Runtime's fused attentions ran, in its own words.

    It fails with unfused kernels in fp16, and where ONNX Runtime refuses a candidate.

    Raises:
        Failure: none of its candidates runs here, or it does not say which kernels it ran.
    """
    environ = {**os.environ, "ORT_ENABLE_ATTENTION_KERNEL_DEBUG_INFO": "1"}
    return attentions_in(ran(["-m", "bench.gpu.attention", str(bundle)], environ=environ).stdout)


def attentions_in(printed: str) -> Answer:
    """Say what bench.gpu.attention printed; see attention.

    Raises:
        Failure: see attention.
    """
    if "no candidate" in printed:
        raise Failure("no candidate of ONNX Runtime runs on this GPU")
    said = kernels_in(printed)
    refused = [line for line in printed.splitlines() if line.startswith(REFUSED)]
    if refused and not said:  # what was refused may be what is fused
        return Answer(refused, False)
    # Silence could mean that the fused kernel was not used at all.
    if not said and "fused" in printed:
        raise Failure("ONNX Runtime does not say which kernels its attentions ran")
    kernels = said or ["no fused attention: its parts run as they stand in the graph"]
    return Answer([*kernels, *refused], not refused and not has_slow_kernel(said))


def tests(session: Session) -> Answer:
    """Run the tests that need a GPU. A library may warn here of other things than where the tests were written."""
    if not is_there("pytest"):  # as after `make gpu-check` alone: it sets up what measures, and not what tests
        return Answer(["pytest is not installed"], installed=False)
    options = ["-q", "-m", "gpu or tensorrt", "-W", "default", "-p", "no:cacheprovider"]
    done = ran(["-m", "pytest", *options, *TESTS], status=(0, 1, 5))
    summary = done.stdout.strip().splitlines()[-1]
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    # If all of them are skipped, nothing is proved.
    return Answer([summary, *failed], done.returncode == 0 and "passed" in summary)


def export(session: Session, checkpoint: Path, corpus: Path, output: Path) -> Answer:
    """Run the whole export command, as `make export TENSORRT=1` runs it.

    Raises:
        Failure: Optimum is not installed.
    """
    if not is_there("optimum"):
        raise Failure("optimum is not installed")
    options = ["--fp16", "--limited-evidence", *(["--tensorrt"] if is_there("tensorrt") else [])]
    command = ["-m", "export", "--model", str(checkpoint), "--corpus", str(corpus), "--output", str(output)]
    done = ran([*command, "--sentences", "300", *options], status=(0, 1))
    return Answer([done.stdout.strip().splitlines()[-1]], done.returncode == 0)


def kernels_in(log: str) -> list[str]:
    """Return what ONNX Runtime printed of the kernels of attentions, each once."""
    return sorted({" ".join(found) for found in _KERNEL.findall(log)})


def has_slow_kernel(kernels: Sequence[str]) -> bool:
    """Return whether a fused attention in fp16 ran as plain matrix multiplications and a softmax."""
    return any(re.search("MultiHeadAttention.*fp16.*=MATH$", line) for line in kernels)


def ran(
    command: Sequence[str], *, status: tuple[int, ...] = (0,), environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a Python command and return what it printed.

    Raises:
        Failure: its exit status is another one; the message has its last lines.
    """
    done = subprocess.run(
        [sys.executable, *command],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode not in status:
        raise Failure(" ".join(done.stdout.strip().splitlines()[-2:])[:400] or f"exit status {done.returncode}")
    return done


def is_there(library: str) -> bool:
    """Return whether a library is installed, without importing it."""
    try:
        return find_spec(library) is not None
    except (ImportError, ValueError):
        return False


def _providers() -> list[str]:
    if not is_there("onnxruntime"):
        return []
    import onnxruntime

    found: list[str] = onnxruntime.get_available_providers()
    return found


def _torch_cuda() -> str:
    """Return the version of CUDA that PyTorch was built with, and whether it finds the GPU."""
    if not is_there("torch"):
        return "PyTorch is not installed"
    import torch

    found = "found" if torch.cuda.is_available() else "not found"
    return f"PyTorch {torch.__version__}, built with CUDA {torch.version.cuda}, GPU {found}"
