"""Fake sessions of ONNX Runtime, which capture as those on a GPU do, and batches for them."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any

import numpy as np

from runtime.backends.onnxruntime_sessions import CPU
from runtime.backends.onnxruntime_streams import Provider
from runtime.batch.batches import Batch

ON_CPU = Provider(((CPU, {}),), "cpu", captures=False)


class Floor:
    """What fake sessions tell of each other: how many are inside, and how many were when one of them captured."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.inside = self.most = 0
        self.captures: list[int] = []

    def visit(self, *, capturing: bool) -> None:
        """A run."""
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
            before = self.inside
        time.sleep(0.01 if capturing else 0.001)
        with self.lock:
            if capturing:
                self.captures.append(max(before, self.inside))
            self.inside -= 1


class FakeSession:
    """A session whose first run of each annotation captures, as ONNX Runtime's does."""

    def __init__(self, floor: Floor | None = None, *, fails: str = "") -> None:
        self.floor, self.fails = floor or Floor(), fails
        self.seen: set[str] = set()

    def get_inputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name="input_ids")]

    def get_outputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name="logits", type="tensor(float)")]

    def io_binding(self) -> SimpleNamespace:
        return SimpleNamespace(bind_input=lambda *_: None, bind_ortvalue_output=lambda *_: None)

    def run_with_iobinding(self, _: object, options: Any) -> None:
        if self.fails:
            raise RuntimeError(self.fails)
        number = options.get_run_config_entry("gpu_graph_id")
        self.floor.visit(capturing=number not in {*self.seen, "-1"})
        self.seen.add(number)


def batch(rows: int, length: int, vocabulary: int) -> Batch:
    """One window a row, each of other tokens."""
    ids = np.random.default_rng(rows * length).integers(0, vocabulary, (rows, length))
    return Batch(ids, np.zeros_like(ids), np.tile(np.arange(length), (rows, 1)))
