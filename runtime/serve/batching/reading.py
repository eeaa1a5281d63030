"""Reading: how a request wants its texts read. Requests of one reading share batches."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from runtime.batch.windowing import Long, Policy, Windowing
from runtime.decode.options import Aggregation, Decoding

Kind = Literal["entities", "labels", "probabilities", "groups"]
"""Entities of free texts; a label for each word of texts that are cut already; probabilities for each token; the groups
of transformers' pipeline, those outside of entities too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How texts are read, as a value that can be compared; see Decoding and Windowing for what the fields mean."""

    kind: Kind = "entities"
    aggregation: Aggregation = "word"
    constrained: bool = False
    thresholds: tuple[tuple[str, float], ...] = ()
    ignore: tuple[str, ...] = ()
    read: Policy = "auto"
    context: int | Literal["auto"] = "auto"
    long: Long = "split"
    stride: int | Literal["auto"] = "auto"

    @property
    def decoding(self) -> Decoding:
        """How logits become entities.

        Raises:
            UsageError: there is no such way.
        """
        return Decoding(
            aggregation=self.aggregation,
            constrained=self.constrained,
            thresholds=dict(self.thresholds),
            ignore=self.ignore,
        )

    @property
    def windowing(self) -> Windowing:
        """How long texts are read.

        Raises:
            UsageError: there is no such way.
        """
        return Windowing(policy=self.read, context=self.context, long=self.long, stride=self.stride)


ENTITIES = Reading()


def reading_of(
    *,
    kind: Kind = "entities",
    aggregation: Aggregation = "word",
    constrained: bool = False,
    thresholds: Mapping[str, float] | None = None,
    ignore: Collection[str] = (),
    read: Policy = "auto",
    context: int | Literal["auto"] = "auto",
    long: Long = "split",
    stride: int | Literal["auto"] = "auto",
) -> Reading:
    """The reading that a request's options ask for; the order in which labels are named makes no other one."""
    return Reading(
        kind=kind,
        aggregation=aggregation,
        constrained=constrained,
        thresholds=tuple(sorted((thresholds or {}).items())),
        ignore=tuple(sorted(set(ignore))),
        read=read,
        context=context,
        long=long,
        stride=stride,
    )
