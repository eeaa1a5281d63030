"""Decoding: what a user can ask about how logits become entities. It knows nothing of a model."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """How logits become entities.

    Attributes:
        aggregation: "word" cuts text into words as training corpora are and gives each the label of its first token;
            the others do as transformers' pipeline does, faults included, see runtime.decode.hf_pipeline.
        constrained: only label sequences that the scheme allows, the most probable of them, see runtime.decode.viterbi.
        thresholds: by entity type, the score below which an entity is dropped, 0 to 1.
        ignore: entity types that are dropped.

    Raises:
        UsageError: there is no such aggregation, or it has no words for constraints to hold between.
    """

    aggregation: Aggregation = "word"
    constrained: bool = False
    thresholds: Mapping[str, float] = field(default_factory=lambda: NO_THRESHOLDS)
    ignore: Collection[str] = ()

    def __post_init__(self) -> None:
        if self.aggregation not in AGGREGATIONS:
            known = ", ".join(AGGREGATIONS)
            raise UsageError("aggregation", f"unknown: {self.aggregation!r}", f"choose one of {known}")
        if self.constrained and self.aggregation != "word":
            problem = f"constraints hold between words, and aggregation {self.aggregation!r} is about tokens"
            raise UsageError("constrained", problem, "leave one of the two out")


BY_WORD = Decoding()
