"""The model.py of the Triton set-up: the bundle's padded graph in onnxruntime, batched by Triton, as users write it.

It runs in tritonserver's own Python and imports nothing of this project; Triton cuts the batches (dynamic batching).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np


class TritonPythonModel:
    """One instance of the model."""

    def initialize(self, args: dict[str, Any]) -> None:
        """Open tokenizer and graph."""
        import onnxruntime
        from tokenizers import Tokenizer

        settings = json.loads((Path(__file__).parent / "settings.json").read_text(encoding="utf-8"))
        self._labels: list[str] = settings["labels"]
        self._tokenizer = Tokenizer.from_file(settings["tokenizer"])
        self._tokenizer.enable_truncation(settings["max_length"])
        self._tokenizer.enable_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = settings["threads"]
        self._session = onnxruntime.InferenceSession(settings["graph"], options, providers=["CPUExecutionProvider"])
        self._inputs = [each.name for each in self._session.get_inputs()]

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer all requests of a batch by one run."""
        import triton_python_backend_utils as utils  # tritonserver's own, found nowhere else

        tensors = [utils.get_input_tensor_by_name(request, "text").as_numpy().reshape(-1) for request in requests]
        texts = [element.decode() for tensor in tensors for element in tensor]
        answers = self._answers(texts)
        replies, done = [], 0
        for tensor in tensors:
            part = np.array(answers[done : done + len(tensor)], dtype=object).reshape(-1, 1)
            replies.append(utils.InferenceResponse([utils.Tensor("entities", part)]))
            done += len(tensor)
        return replies

    def _answers(self, texts: list[str]) -> list[bytes]:
        encoded = self._tokenizer.encode_batch(texts)
        given = {
            "input_ids": np.array([each.ids for each in encoded], np.int64),
            "attention_mask": np.array([each.attention_mask for each in encoded], np.int64),
        }
        given["token_type_ids"] = np.zeros_like(given["input_ids"])
        (logits,) = self._session.run(None, {name: given[name] for name in self._inputs})
        return [
            json.dumps(
                [[self._labels[label], *place] for label, place in zip(row, each.offsets) if place[1] > place[0]]
            ).encode()
            for row, each in zip(logits.argmax(-1).tolist(), encoded)
        ]
