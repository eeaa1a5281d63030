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
        policy: see the module; "auto" is "context" where `context` says how much, else what export measured as the
            best for the bundle, and else sentences.
        context: tokens that a sentence is read with on each side, where the policy is "context"; "auto" is what export
            measured that policy with, else CONTEXT.
        long: what to do with a sentence (or, in windows, a text) that is longer than the model: split or refuse it.
        stride: tokens that neighboring windows share; "auto" is half a window.

    Raises:
        UsageError: there is no such way, or the policy reads no context that is asked for.
    """

    policy: Policy = "auto"
    context: int | Literal["auto"] = "auto"
    long: Long = "split"
    stride: int | Literal["auto"] = "auto"

    def __post_init__(self) -> None:
        if self.policy not in get_args(Policy):
            raise UsageError("reading", f"unknown: {self.policy!r}", f"choose one of {', '.join(get_args(Policy))}")
        if self.context != "auto" and self.context < 1:
            raise UsageError("context", f"{self.context} tokens", "give 1 or more, or read sentences without context")
        if self.context != "auto" and self.policy not in ("auto", "context"):
            problem = f"{self.context} tokens, and reading by {self.policy} takes none"
            raise UsageError("context", problem, "read in context, or leave the number of tokens out")
        if self.long not in get_args(Long):
            raise UsageError("long texts", f"unknown: {self.long!r}", f"choose one of {', '.join(get_args(Long))}")

    def settled(self, policy: Policy, *, context: int | Literal["auto"] = "auto") -> Windowing:
        """The same with a policy that was chosen for it in place of "auto".

        Args:
            policy: what reads best; a context that is asked for is read all the same.
            context: tokens that were measured, if the policy is "context".
        """
        chosen = self.policy
        if chosen == "auto":
            chosen = policy if self.context == "auto" else "context"
        measured = context if chosen == policy == "context" else "auto"
        return replace(self, policy=chosen, context=measured if self.context == "auto" else self.context)

    @property
    def neighbors(self) -> int:
        """Tokens that a sentence is read with on each side; 0 where the policy, which is settled, takes none."""
        if self.policy != "context":
            return 0
        return CONTEXT if self.context == "auto" else self.context

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
