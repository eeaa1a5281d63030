"""Decoding: the user's choices for turning logits into entities. The module does not know models."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from runtime.errors import UsageError

Strategy = Literal["none", "simple", "first", "average", "max"]
STRATEGIES: tuple[Strategy, ...] = ("none", "simple", "first", "average", "max")

Aggregation = Literal["word"] | Strategy
AGGREGATIONS: tuple[Aggregation, ...] = ("word", *STRATEGIES)
NO_THRESHOLDS: Mapping[str, float] = MappingProxyType({})


def threshold_of(text: str) -> tuple[str, float]:
    """The label and the score of LABEL=SCORE.

    Raises:
        ValueError: it is something else, or the score is not one of 0 to 1.
    """
    # From the right, because a label may hold "=" and a score cannot.
    label, _, score = text.rpartition("=")
    if not label or not 0 <= float(score) <= 1:
        raise ValueError(text)
    return label, float(score)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """How logits become entities.

    Attributes:
        aggregation: "word" cuts a text into words as training corpora do, and a word has the label of its first token.
            The other strategies give the answers of transformers' pipeline, with its faults: see
            runtime.decode.hf_pipeline.
        constrained: choose the most probable one of the label sequences that the label scheme allows: see
            runtime.decode.viterbi.
        thresholds: entity type -> smallest score, 0 to 1; entities with a lower score are dropped.
        ignore: entity types that are dropped.
        outside: give what is outside of entities, too, with the label "O", as the pipeline's `ignore_labels=[]` does.

    Raises:
        UsageError: the aggregation is unknown, `constrained` is combined with an aggregation other than "word", or
            `outside` with "word".
    """

    aggregation: Aggregation = "word"
    constrained: bool = False
    thresholds: Mapping[str, float] = field(default_factory=lambda: NO_THRESHOLDS)
    ignore: Collection[str] = ()
    outside: bool = False

    def __post_init__(self) -> None:
        if self.aggregation not in AGGREGATIONS:
            known = ", ".join(AGGREGATIONS)
            raise UsageError("aggregation", f"unknown: {self.aggregation!r}", f"choose one of {known}")
        if self.constrained and self.aggregation != "word":
            problem = f"constraints hold between words, and aggregation {self.aggregation!r} is about tokens"
            raise UsageError("constrained", problem, "leave one of the two out")
        if self.outside and self.aggregation == "word":
            problem = "aggregation 'word' finds entities, and what lies between them is no group of tokens"
            raise UsageError("outside", problem, "choose one of the pipeline's aggregations, or leave it out")


BY_WORD = Decoding()
