"""What TensorRT says while it builds: its errors, an engine's final layers, and the memory that it needs."""

from __future__ import annotations

import re
from typing import Any

from runtime.backends.tensorrt.api import new_logger, why
from runtime.errors import BackendError

_SCRATCH = re.compile(r"Max Scratch Memory: (\d+) bytes")
_LAYERS = "Layers:"
# Words in TensorRT's errors, and what helps against that cause. The first that is found is taken.
_CAUSES = (
    (
        re.compile(r"out of memory|outofmemory|insufficient memory|requested amount of GPU memory|workspace", re.I),
        "give it a GPU with more free memory, or smaller batches",
    ),
    (re.compile(r"turing|SM75", re.I), "build for GPUs of compute capability 8.0 or more, or a graph all in fp16"),
    (
        re.compile(r"insufficient driver|CUDA initialization|cuda ?runtime|no CUDA-capable", re.I),
        "check the GPU and its driver with nvidia-smi",
    ),
    (re.compile(r"could not find any implementation|no implementation", re.I), "leave this precision out"),
)
_OTHER = "report it, with the checkpoint's architecture"


class BuildLog:
    """A logger for TensorRT, and what it kept.

    Args:
        library: the module tensorrt, or tensorrt_rtx.

    Attributes:
        logger: to hand to TensorRT.
        errors: in the order in which they were told.
        layers: the message that lists the final layers; empty until a build ends, or where verbosity is not detailed.
        scratch: bytes that the engine needs on the GPU while it runs, of its largest profile.
    """

    def __init__(self, library: Any) -> None:
        self.errors: list[str] = []
        self.layers = ""
        self.scratch = 0
        self.logger = new_logger(library, self.errors, heard=self._hear)

    def forget(self) -> None:
        """Drop the errors so far: what comes next has causes of its own."""
        self.errors.clear()

    def failure(self, subject: str, problem: str) -> BackendError:
        """The error to raise for what TensorRT just refused. The fix is chosen by the cause that it told.

        Args:
            subject, problem: of the message; the cause is added to the problem.
        """
        cause = "; ".join(self.errors)
        fix = next((fix for pattern, fix in _CAUSES if pattern.search(cause)), _OTHER)
        return BackendError(subject, f"{problem} ({why(self.errors)})", fix)

    def _hear(self, message: str) -> None:
        if message.startswith(_LAYERS):
            self.layers = message
        elif found := _SCRATCH.search(message):
            self.scratch = max(self.scratch, int(found[1]))
