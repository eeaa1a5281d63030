"""What an attestation holds; how one is earned is export.certify.attest.graph's matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class KeptLayer:
    """A matrix product that int8 or fp8 leaves in higher precision, and why.

    Attributes:
        name: of its node in the graph.
        reason: in words.
        macs: of one token.
        changed_before, changed_after: changed labels in 10,000 before and after it was left out; 0 where not measured.
    """

    name: str
    reason: str
    macs: int
    changed_before: float = 0.0
    changed_after: float = 0.0


@dataclass(frozen=True, slots=True)
class Attestation:
    """What is really in a graph, or what a backend makes of it; export.certify.attest says how it is found out.

    Attributes:
        file: the graph.
        backend: the engine; empty where it is about the graph itself.
        precision: what was promised.
        operators: how many there are of each.
        attention: attentions in the graph, one a layer.
        fused_attention: those that are computed in one go.
        macs: of all matrix products, for one batch of rows x length.
        attention_macs: those of them that are attention's.
        rows, length: of that batch.
        shares: of the MACs in each precision, 0 to 1.
        kept: what int8 or fp8 leaves in higher precision.
    """

    file: str
    backend: str
    precision: Literal["fp32", "fp16", "bf16", "int8", "fp8", "int4"]
    operators: dict[str, int]
    attention: int
    fused_attention: int
    macs: int
    attention_macs: int
    rows: int
    length: int
    shares: dict[str, float]
    kept: tuple[KeptLayer, ...] = ()
