"""Four libraries, each as one function from a batch to logits. It is called from as many threads as streams."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.systems.base import Setting


@dataclass(frozen=True, slots=True)
class Rows:
    """A padded batch.

    Attributes:
        input_ids, attention_mask: [rows, length]
        windows: (text, first token, tokens) of each row.
    """

    input_ids: NDArray[np.int64]
    attention_mask: NDArray[np.int64]
    windows: list[tuple[int, int, int]]


Infer = Callable[[Rows], NDArray[np.float32]]


def open_onnxruntime(folder: Path, setting: Setting) -> Infer:
    """Open one session with all graph optimizations; all threads share it."""
    import onnxruntime

    def session() -> Any:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = setting.threads
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])

    # With one thread a session computes in the calling thread, so that one session can serve all streams.
    only = session()
    names = [node.name for node in only.get_inputs()]

    def infer(batch: Rows) -> NDArray[np.float32]:
        logits: NDArray[np.float32] = only.run(None, _inputs(batch, names))[0]
        return logits

    return infer


def open_openvino(folder: Path, setting: Setting, *, hint: str) -> Infer:
    """Compile the ONNX file for the CPU, with the streams of the setting and one request for each calling thread."""
    import openvino

    core = openvino.Core()
    # Batches differ in shape, so the graph keeps its dynamic shapes.
    compiled = core.compile_model(
        core.read_model(str(folder / "model.onnx")),
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": hint,
            "NUM_STREAMS": setting.streams,
            "INFERENCE_NUM_THREADS": setting.streams * setting.threads,
        },
    )
    names = [port.get_any_name() for port in compiled.inputs]
    mine = threading.local()

    def infer(batch: Rows) -> NDArray[np.float32]:
        if not hasattr(mine, "request"):
            mine.request = compiled.create_infer_request()
        # A copy, because the request overwrites this answer with the next one.
        logits: NDArray[np.float32] = mine.request.infer(_inputs(batch, names))[0].copy()
        return logits

    return infer


def open_ctranslate2(folder: Path, setting: Setting) -> Infer:
    """Open CTranslate2's encoder in int8; the classifier is one matrix multiplication in numpy."""
    import ctranslate2

    encoder = ctranslate2.Encoder(
        str(folder),
        device="cpu",
        compute_type="int8",
        inter_threads=setting.streams,
        intra_threads=setting.threads,
    )
    with np.load(folder / "classifier.npz") as head:
        weight, bias = np.ascontiguousarray(head["weight"].T), head["bias"]

    def infer(batch: Rows) -> NDArray[np.float32]:
        ids = ctranslate2.StorageView.from_array(batch.input_ids.astype(np.int32))
        lengths = ctranslate2.StorageView.from_array(batch.attention_mask.sum(axis=1).astype(np.int32))
        hidden = np.asarray(encoder.forward_batch(ids, lengths).last_hidden_state)  # [rows, length, width]
        logits: NDArray[np.float32] = hidden @ weight + bias
        return logits

    return infer


def open_pytorch(folder: Path, setting: Setting, *, device: str, dtype: str) -> Infer:
    """Open the checkpoint in PyTorch with scaled-dot-product attention, its fastest."""
    import torch
    import transformers

    from bench.systems.hf_pipeline import dtype_argument

    torch.set_num_threads(setting.threads)
    loader, given = transformers.AutoModelForTokenClassification, dtype_argument(getattr(torch, dtype))
    model = loader.from_pretrained(
        folder, attn_implementation="sdpa", local_files_only=True, trust_remote_code=False, **given
    )
    model = model.to(device).eval()

    def infer(batch: Rows) -> NDArray[np.float32]:
        # The grad mode belongs to a thread, and a stream may call from any.
        with torch.inference_mode():
            ids, mask = (torch.from_numpy(one).to(device) for one in (batch.input_ids, batch.attention_mask))
            logits: NDArray[np.float32] = model(input_ids=ids, attention_mask=mask).logits.float().cpu().numpy()
        return logits

    return infer


def _inputs(batch: Rows, names: list[str]) -> dict[str, Any]:
    given: dict[str, Any] = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
    if "token_type_ids" in names:
        given["token_type_ids"] = np.zeros_like(batch.input_ids)
    return given
