"""Windowing: what a user can ask about texts that are longer than the model. It knows nothing of a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from runtime.errors import UsageError

Long = Literal["split", "error"]
# Share of a window that the next one reads again, unless told otherwise. Chosen from the table of bench.strides: in
# documents of 20,000 words F1 is 2.0 points above that of windows side by side, for twice the work; 0.25 gives 0.8.
STRIDE_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Windowing:
    """How a text that is longer than the model is read.

    Attributes:
        long: what to do with such a text: split it into windows, or refuse it.
        stride: tokens that neighboring windows share; "auto" is half a window.

    Raises:
        UsageError: there is no such way.
    """

    long: Long = "split"
    stride: int | Literal["auto"] = "auto"

    def __post_init__(self) -> None:
        if self.long not in get_args(Long):
            raise UsageError("long texts", f"unknown: {self.long!r}", f"choose one of {', '.join(get_args(Long))}")

    def overlap(self, capacity: int) -> int:
        """Tokens that neighboring windows share.

        Args:
            capacity: most tokens of a window, special tokens not included.

        Raises:
            UsageError: the stride leaves a window nothing of its own.
        """
        overlap = int(STRIDE_SHARE * capacity) if self.stride == "auto" else self.stride
        if not 0 <= overlap < capacity:
            raise UsageError("stride", f"{self.stride}", f"give 0 to {capacity - 1}, fewer tokens than a window has")
        return overlap


HALF_WINDOWS = Windowing()
