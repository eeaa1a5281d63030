"""Windowing: what a user can ask about how a text is cut for the model. It knows nothing of a model.

    sentences    each sentence is read by itself: as models are trained that learned from a corpus of sentences
    context      each sentence is read with tokens of its neighbors on both sides, and answers for itself alone: as
                 models are trained that learned from documents (FLERT, arXiv 2011.06993)
    windows      a text that fits is read whole, and a longer one in windows that overlap

A sentence that is longer than the model is read in windows under every policy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

from runtime.errors import UsageError

Long = Literal["split", "error"]
Policy = Literal["auto", "sentences", "context", "windows"]
# Tokens of its neighbors that a sentence is read with on each side, unless told otherwise: as in FLERT.
CONTEXT = 64
# Share of a window that the next one reads again, unless told otherwise. Chosen from the table of bench.strides: in
# documents of 20,000 words F1 is 2.0 points above that of windows side by side, for twice the work; 0.25 gives 0.8.
STRIDE_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Windowing:
    """How a text is cut for the model.

    Attributes:
        policy: see the module; "auto" is what export measured as the best for the bundle, and else sentences.
        context: tokens that a sentence is read with on each side, where the policy is "context".
        long: what to do with a sentence (or, in windows, a text) that is longer than the model: split or refuse it.
        stride: tokens that neighboring windows share; "auto" is half a window.

    Raises:
        UsageError: there is no such way.
    """

    policy: Policy = "auto"
    context: int = CONTEXT
    long: Long = "split"
    stride: int | Literal["auto"] = "auto"

    def __post_init__(self) -> None:
        if self.policy not in get_args(Policy):
            raise UsageError("reading", f"unknown: {self.policy!r}", f"choose one of {', '.join(get_args(Policy))}")
        if self.context < 1:
            raise UsageError("context", f"{self.context} tokens", "give 1 or more, or read sentences without context")
        if self.long not in get_args(Long):
            raise UsageError("long texts", f"unknown: {self.long!r}", f"choose one of {', '.join(get_args(Long))}")

    def settled(self, policy: Policy, *, context: int = CONTEXT) -> Windowing:
        """The same with that policy, and that context if it has one, in place of "auto"."""
        if self.policy != "auto":
            return self
        return replace(self, policy=policy, context=context if policy == "context" else self.context)

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


DEFAULT_WINDOWING = Windowing()
