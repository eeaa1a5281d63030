"""The parts of bench.gpu. Each runs in a process of its own: python -m bench.gpu.parts NAME WORK ANSWER.

    environment, matrix, backends, models                   what is there, what the GPU can do, what is measured
    bundle:MODEL, engines:MODEL, certify, attention         what is built, and whether it says what it should
    speed:MODEL:NUMBER, torch:MODEL, pipeline:MODEL         how fast it is, and what it is compared with
    fp8:MODEL                                               how fast it is in fp8
    tests, export                                           those marked gpu and tensorrt; the whole command

A part writes one JSON, {"found": ...} or {"missing": a line}; a line about what went wrong is no failure of the rest.
Where found["failed"] is true, it ran, and the answer is no.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.gpu import models as gpu_models
from runtime.errors import BackendError, NerveError
from runtime.system.files import write_atomically

Found = dict[str, Any]
# Libraries and what is left out without them.
WANTED = {
    "torch": "models, the matrix rate, PyTorch and the pipeline",
    "transformers": "models and the pipeline",
    "tokenizers": "models, and nothing that reads text",
    "onnx": "bundles",
    "onnxruntime": "bundles and ONNX Runtime",
    "optimum": "padded graphs and the export command",
    "tensorrt": "TensorRT engines",
    "cuda": "TensorRT's runner (package cuda-python)",
    "pytest": "tests",
}
# Sentences of certification, texts of a whole pass, and tokens of one measurement, fewer for what takes seconds.
_SENTENCES, _TEXTS, _TOKENS, _FEWER_TOKENS = "700", 2000, 400_000, 100_000
# The files with tests that need a GPU.
_TESTS = (
    *("tests/runtime/system/test_gpu.py", "tests/runtime/backends/test_tensorrt_api.py"),
    *("tests/runtime/backends/test_onnxruntime_cuda.py", "tests/export/engines/test_build_on_gpu.py"),
)


def environment(_: Path) -> Found:
    """Card, libraries, ONNX Runtime's providers, and a line for everything that is missing."""
    from bench.measure.machine import machine_facts
    from runtime.system.gpu import gpu

    here = gpu()
    missing = [f"{name} is not installed: without it, no {what}" for name, what in WANTED.items() if not _there(name)]
    providers = _providers()
    for provider, what in (("CUDA", "ONNX Runtime on the GPU"), ("Tensorrt", "TensorRT through ONNX Runtime")):
        if f"{provider}ExecutionProvider" not in providers:
            missing.append(f"ONNX Runtime has no {provider} provider: without it, no {what}")
    if here is None:
        missing.insert(0, "this machine has no NVIDIA GPU, or no driver for it: nothing is measured")
    return {
        "gpu": asdict(here) if here else None,
        "machine": machine_facts(),
        "providers": providers,
        "torch_cuda": _torch_cuda(),
        "missing": missing,
    }


def matrix(_: Path) -> Found:
    """The GPU's measured matrix rate."""
    from bench.gpu.baselines import matrix_rate

    return matrix_rate()


def backends(_: Path) -> Found:
    """Which engines can run here.

    Raises:
        BackendError: none.
    """
    here = [each for each in _providers() if each.startswith("CUDA")] + ["tensorrt"] * _there("tensorrt")
    if not here:
        problem = "neither ONNX Runtime's CUDA provider nor TensorRT is installed"
        raise BackendError("this machine", problem, "run make setup GPU=1")
    return {"backends": here}


def models(work: Path) -> Found:
    """The corpus and both checkpoints; MiniLM is trained for some seconds."""
    gpu_models.make_corpus(work / "corpus")
    for name, shape in gpu_models.SHAPES.items():
        gpu_models.make_checkpoint(work / name / "checkpoint", shape, work / "corpus")
    return {"training": gpu_models.train_briefly(work / "minilm" / "checkpoint", work / "corpus")}


def bundle(work: Path, model: str) -> Found:
    """Graphs of a model."""
    return {"said": gpu_models.make_bundle(work / model / "checkpoint", work / model / "bundle", work / "corpus")}


def engines(work: Path, model: str) -> Found:
    """TensorRT engines of a model's graphs, into its bundle."""
    return {"said": gpu_models.add_engines(work / model / "bundle")}


def speed(work: Path, model: str, number: str) -> Found:
    """How fast one candidate on the GPU is; `number` counts those of the bundle."""
    from bench.gpu.speed import candidates_on_gpu, speed_of

    folder = work / model
    chosen = candidates_on_gpu(folder / "bundle")
    if int(number) >= len(chosen):
        return {}
    candidate, texts = chosen[int(number)], _texts(work)
    slow = (model, candidate.precision) == ("bert-large", "fp32")
    lengths = sentence_lengths(_FEWER_TOKENS if slow else _TOKENS)
    measured = speed_of(folder / "bundle", candidate, lengths=lengths, texts=texts)
    return {**measured, "flops_per_token": gpu_models.flops_of(folder / "checkpoint")}


def fp8(work: Path, model: str) -> Found:
    """How fast an engine in fp8 is, where the GPU multiplies in it."""
    from bench.gpu.speed import candidates_on_gpu, speed_of
    from export.engines.bundle_engines import has_fp8
    from runtime.system.gpu import gpu

    here, folder = gpu(), work / model / "fp8"
    if here is None or not has_fp8(here):
        return {"said": ["this GPU does not multiply in fp8"]}
    said = gpu_models.make_fp8_bundle(work / model / "bundle", folder, work / "corpus")
    said += gpu_models.add_engines(folder)
    candidate = candidates_on_gpu(folder)[0]
    measured = speed_of(folder, candidate, lengths=sentence_lengths(_TOKENS), texts=_texts(work))
    return {**measured, "said": said, "flops_per_token": gpu_models.flops_of(work / model / "checkpoint")}


def torch_baseline(work: Path, model: str) -> Found:
    """PyTorch in fp16."""
    from bench.gpu.baselines import torch_fp16

    checkpoint = work / model / "checkpoint"
    return {**torch_fp16(checkpoint, sentence_lengths()), "flops_per_token": gpu_models.flops_of(checkpoint)}


def pipeline(work: Path, model: str) -> Found:
    """The Hugging Face pipeline in fp16."""
    from bench.gpu.baselines import pipeline_fp16

    return pipeline_fp16(work / model / "checkpoint", _texts(work))


def certify(work: Path) -> Found:
    """Certificates of every candidate of MiniLM's bundle."""
    from runtime.bundle.store import open_bundle

    folder, corpus = work / "minilm", str(work / "corpus")
    command = ("-m", "export.certify", str(folder / "bundle"), "--corpus", corpus, "--sentences", _SENTENCES)
    done = _ran(*command, status=(0, 1))
    said = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "REFUSED", "LEFT OUT"))]
    certificates = [asdict(certificate) for certificate in open_bundle(folder / "bundle").manifest.certificates]
    failed = done.returncode != 0 or not any(one["device"] == "cuda" for one in certificates)
    return {"certificates": certificates, "said": said, "failed": failed, "log": done.stdout[-8000:]}


def attention(work: Path) -> Found:
    """Which kernels ONNX Runtime's fused attentions ran, by its own word; see bench.gpu.speed.

    Raises:
        BackendError: none of its candidates runs here, or it says nothing of a fused one.
    """
    from bench.gpu.speed import candidates_on_gpu, has_slow_kernel, kernels_in

    folder = work / "minilm" / "bundle"
    files = [one.file for one in candidates_on_gpu(folder) if one.backend == "onnxruntime"]
    if not files:
        raise BackendError(str(folder), "no candidate of ONNX Runtime runs on this GPU", "run make setup GPU=1")
    environ = {**os.environ, "ORT_ENABLE_ATTENTION_KERNEL_DEBUG_INFO": "1"}
    said = kernels_in(_ran("-m", "bench.gpu.speed", str(folder), environ=environ).stdout)
    if not said and any("fused" in file for file in files):
        raise BackendError(str(folder), "ONNX Runtime does not say which kernels its attentions ran", "look yourself")
    kernels = said or ["no fused attention: products and softmax run as they stand"]
    return {"kernels": kernels, "failed": has_slow_kernel(said)}


def tests(_: Path) -> Found:
    """The tests that need a GPU; a library's warnings here may be other ones than where the tests were written."""
    done = _ran(
        *("-m", "pytest", "-q", "-m", "gpu or tensorrt", "-W", "default", "-p", "no:cacheprovider", *_TESTS),
        status=(0, 1, 5),
    )
    summary = done.stdout.strip().splitlines()[-1]
    failed = done.returncode != 0 or "passed" not in summary  # all that is skipped proves nothing
    return {"summary": summary, "failed": failed, "log": done.stdout[-4000:]}


def export(work: Path) -> Found:
    """The whole command, as `make export TENSORRT=1` runs it."""
    options = ["--limited-evidence", "--fp16", *(["--tensorrt"] if find_spec("tensorrt") else [])]
    command = ["-m", "export", "--model", str(work / "minilm" / "checkpoint"), "--corpus", str(work / "corpus")]
    done = _ran(*command, "--output", str(work / "exported"), "--sentences", "300", *options, status=(0, 1))
    summary, failed = done.stdout.strip().splitlines()[-1], done.returncode != 0 or "Traceback" in done.stdout
    return {"summary": summary, "failed": failed, "log": done.stdout[-8000:]}


PARTS: dict[str, Callable[..., Found]] = {
    "environment": environment,
    "matrix": matrix,
    "backends": backends,
    "models": models,
    "bundle": bundle,
    "engines": engines,
    "speed": speed,
    "fp8": fp8,
    "torch": torch_baseline,
    "pipeline": pipeline,
    "certify": certify,
    "attention": attention,
    "tests": tests,
    "export": export,
}


def run_part(name: str, work: Path) -> dict[str, Any]:
    """What a part found, or a line about why it found nothing."""
    kind, *arguments = name.split(":")
    try:
        return {"found": PARTS[kind](work, *arguments)}
    except ModuleNotFoundError as error:
        return {"missing": f"{error.name} is not installed"}
    except NerveError as error:
        return {"missing": str(error)}
    except Exception as error:  # whatever it is, it must not end the other parts
        return {"missing": f"{type(error).__name__}: {_one_line(error)}", "trace": traceback.format_exc()[-6000:]}


def sentence_lengths(tokens: int = _TOKENS) -> list[int]:
    """Tokens of sentences as CoNLL-2003 has them, special tokens included."""
    from export.tune import sentences

    return [int(length) + 2 for length in sentences(tokens, longest=gpu_models.LONGEST - 2)]


def _texts(work: Path) -> list[str]:
    files = [work / "corpus" / name for name in ("train.txt", "valid.txt")]
    found = [sentence for file in files for sentence in gpu_models.sentences_in(file)]
    return [" ".join(words) for words, _ in found[:_TEXTS]]


def _ran(
    *command: str, status: tuple[int, ...] = (0,), environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """What a Python command said; its last lines are the error where its exit status is another one."""
    done = subprocess.run(
        [sys.executable, *command],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode not in status:
        raise RuntimeError(" ".join(done.stdout.strip().splitlines()[-2:]) or f"exit status {done.returncode}")
    return done


def _there(library: str) -> bool:
    try:
        return find_spec(library) is not None
    except (ImportError, ValueError):
        return False


def _providers() -> list[str]:
    if not _there("onnxruntime"):
        return []
    import onnxruntime

    found: list[str] = onnxruntime.get_available_providers()
    return found


def _torch_cuda() -> str:
    """The version of CUDA that PyTorch was built with, and whether it finds the GPU."""
    if not _there("torch"):
        return "torch is not installed"
    import torch

    return f"built with CUDA {torch.version.cuda}, GPU {'found' if torch.cuda.is_available() else 'not found'}"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:400]


if __name__ == "__main__":
    part, work_folder, answer = sys.argv[1:]
    told = run_part(part, Path(work_folder))
    write_atomically(Path(answer), json.dumps(told).encode())
