"""Three engine libraries, each as one function from a batch to logits. Called from as many threads as streams."""

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
    """A session of all graph optimisations; runs from several threads share it, each with its own intra-op pool."""
    import onnxruntime

    def session() -> Any:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = setting.threads
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])

    # A session of one thread runs in its caller's, so one session serves all streams; of more, they would fight.
    only = session()
    names = [node.name for node in only.get_inputs()]

    def infer(batch: Rows) -> NDArray[np.float32]:
        logits: NDArray[np.float32] = only.run(None, _inputs(batch, names))[0]
        return logits

    return infer


def open_openvino(folder: Path, setting: Setting, *, hint: str) -> Infer:
    """The ONNX file compiled for the CPU, as many streams as the setting says; a request for each calling thread."""
    import openvino

    core = openvino.Core()
    # The batches differ in shape, so the graph stays dynamic.
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
        # Copied, since the request writes its next answer over this one.
        logits: NDArray[np.float32] = mine.request.infer(_inputs(batch, names))[0].copy()
        return logits

    return infer


def open_ctranslate2(folder: Path, setting: Setting) -> Infer:
    """CTranslate2's encoder in int8, padded batches with their lengths; the classifier is one product in numpy."""
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


def _inputs(batch: Rows, names: list[str]) -> dict[str, Any]:
    given: dict[str, Any] = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
    if "token_type_ids" in names:
        given["token_type_ids"] = np.zeros_like(batch.input_ids)
    return given
