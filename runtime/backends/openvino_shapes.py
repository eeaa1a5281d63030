"""Compiled copies of one graph, each of which stays with the shape of batch that it ran last.

OpenVINO runs one compiled graph on batches of any shape, and prepares every operator anew whenever the shape changes:
about a millisecond for a MiniLM, as much as it needs for some 30 tokens. The batches of a server change their shape all
the time, and have few. Copies are the same graph, so that a batch gets the same logits from each, to the last bit; a
graph that is compiled for one shape would not give them (see runtime.backends.openvino_rows).
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from runtime.backends.base import turnstile

Shape = tuple[int, ...]
Result = TypeVar("Result")
# Bytes of files whose graphs get copies; a MiniLM's has 104 million, and a copy of it takes 35 MB in int8. A larger
# model computes so much longer than it prepares that copies would only cost memory.
_MOST_BYTES = 200_000_000


def worth_it(shapes: int, *, streams: int, graph_bytes: int) -> int:
    """So many of the copies that are asked for as pay off: all or none.

    Args:
        shapes: that are asked for.
        streams: calls that run at the same time. Each needs a copy of its own, where otherwise they share the weights.
        graph_bytes: of all files that its answers come from.
    """
    return shapes if streams <= shapes and graph_bytes <= _MOST_BYTES else 0


def copies_of(core: Any, compiled: Any, memory: Any, settings: Any, *, count: int) -> tuple[list[Any], Any]:
    """The compiled graph and copies of it, and the memory that they live in.

    Args:
        core: OpenVINO's.
        compiled: the graph.
        memory: its bytes, if it was made of such.
        settings: that it was compiled with.
        count: of all of them, itself counted.
    """
    import openvino

    if count < 2:
        return [compiled], memory
    if memory is None:
        content = io.BytesIO()
        compiled.export_model(content)
        memory = np.frombuffer(bytearray(content.getbuffer()), np.uint8)
    bytes_of_it = openvino.Tensor(memory, shared_memory=True)
    return [compiled, *(core.import_model(bytes_of_it, "CPU", settings) for _ in range(count - 1))], memory


class Requests:
    """Requests, each for one caller at a time.

    Args:
        requests: each with the memory of a stream.
        calls: how many may be out at once; further callers wait.
    """

    def __init__(self, requests: Sequence[Any], *, calls: int) -> None:
        # The one that was used last stands last.
        self._free: list[tuple[Shape, Any]] = [((), request) for request in requests]
        self._only = requests[0] if len(requests) == 1 else None
        self._lock = threading.Lock()
        self._calls = turnstile(calls)

    def run(self, shape: Shape, work: Callable[[Any], Result]) -> Result:
        """What the work gives, done by a request that ran this shape last, or by the one not used for longest."""
        with self._calls:
            if self._only is not None:
                return work(self._only)
            with self._lock:
                places = [place for place, (ran, _) in enumerate(self._free) if ran == shape]
                _, request = self._free.pop(places[-1] if places else 0)
            try:
                return work(request)
            finally:
                with self._lock:
                    self._free.append((shape, request))
