"""What an attestation holds; how one is earned is export.certify.attest.graph's matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Left:
    """A matrix product that int8 or fp8 leaves in higher precision, and why.

    Attributes:
        name: of its node in the graph.
        reason: in words.
        multiply_adds: of one word piece.
        changed_before, changed_after: changed tags in 10,000 before and after it was left out; 0 where not measured.
    """

    name: str
    reason: str
    multiply_adds: int
    changed_before: float = 0.0
    changed_after: float = 0.0


@dataclass(frozen=True, slots=True)
class Attestation:
    """What is really in a graph, or what an engine really makes of it; export.certify.attest.graph says how it is found out.

    Attributes:
        file: the graph.
        backend: the engine; empty where it is about the graph itself.
        precision: what was promised.
        operators: how many there are of each.
        attention: attentions in the graph, one a layer.
        fused_attention: those that are computed in one go.
        multiply_adds: of all matrix products, for one batch of rows x length.
        attention_multiply_adds: those of them that are attention's.
        rows, length: of that batch.
        shares: of the multiply-adds in each precision, 0 to 1.
        left: what int8 or fp8 leaves in higher precision.
    """

    file: str
    backend: str
    precision: Literal["fp32", "fp16", "bf16", "int8", "fp8"]
    operators: dict[str, int]
    attention: int
    fused_attention: int
    multiply_adds: int
    attention_multiply_adds: int
    rows: int
    length: int
    shares: dict[str, float]
    left: tuple[Left, ...] = ()
