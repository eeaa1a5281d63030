"""What is really in a graph: operators, fused attention, and the precision of its work.

Work is MACs (multiply-accumulate operations) of matrix multiplications, for ROWS rows of LENGTH tokens: those of linear
layers, and those of attention, whose part grows with the length. A graph is judged by the types that stand in it.
What is not what its name says is refused: a name is a promise of speed, as a certificate is one of answers.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from onnx import ModelProto, NodeProto, TensorProto

from export.certify.attest.onnx_file import FUSED, LENGTH, MOVING, ROWS, inferred, source_of, tensors
from runtime.bundle.attestation import Attestation, KeptLayer
from runtime.bundle.store import Graph, Precision
from runtime.errors import BundleError

# The least share of the work that must be done in the precision of the name. fp32 is a promise about every
# multiplication; 16 bits leave out what is delicate, and 8 bits what proves too coarse in them, but never most of it.
LEAST: dict[Precision, float] = {"fp32": 1.0, "bf16": 0.95, "fp16": 0.95, "int8": 0.5, "fp8": 0.5}
_TYPES: dict[int, str] = {TensorProto.FLOAT: "fp32", TensorProto.FLOAT16: "fp16", TensorProto.BFLOAT16: "bf16"}
_STORED: dict[int, str] = {TensorProto.INT8: "int8", TensorProto.UINT8: "int8", TensorProto.FLOAT8E4M3FN: "fp8"}
_MULTIPLY = frozenset({"MatMul", "Gemm"})


class ShapeError(BundleError):
    """The work of a graph cannot be counted, since the shape of a result does not follow from the inputs' alone."""


@dataclass(frozen=True, slots=True)
class _Multiplication:
    """One node that multiplies matrices, and its work."""

    precision: str
    macs: int
    is_attention: bool


def attest_graph(path: Path, graph: Graph, *, kept: tuple[KeptLayer, ...] = ()) -> Attestation:
    """What is in an ONNX file.

    Args:
        path: the file.
        graph: what is said of it.
        kept: what 8 bits keep in higher precision, as export.quantize.int8 and export.quantize.fp8 tell.

    Raises:
        BundleError: it is not what is said of it.
        ShapeError: its work cannot be counted.
    """
    model = inferred(path)
    found = _multiplications(model, path)
    work: Counter[str] = Counter()
    for each in found:
        work[each.precision] += each.macs
    operators = Counter(node.op_type for node in model.graph.node)
    fused = sum(operators[name] for name in FUSED)
    attestation = Attestation(
        file=graph.file,
        backend="",
        precision=graph.precision,
        operators=dict(sorted(operators.items())),
        attention=operators["Softmax"] + fused,
        fused_attention=fused,
        macs=work.total(),
        attention_macs=sum(each.macs for each in found if each.is_attention),
        rows=ROWS,
        length=LENGTH,
        shares=shares_of(work),
        kept=kept,
    )
    check_share(attestation, LEAST[graph.precision])
    return attestation


def macs_of(path: Path) -> dict[str, int]:
    """MACs of every matrix multiplication of a graph, for ROWS rows of LENGTH tokens, by the node's name.

    Raises:
        ShapeError: the shape of a result cannot be told.
    """
    model = inferred(path)
    shapes, _ = tensors(model)
    return {node.name: _macs(node, shapes, path) for node in model.graph.node if node.op_type in _MULTIPLY}


def _multiplications(model: ModelProto, path: Path) -> list[_Multiplication]:
    """All nodes that multiply matrices. Attention is what has no constant factor, and what is fused."""
    shapes, types = tensors(model)
    made = {name: node for node in model.graph.node for name in node.output}
    constants = {tensor.name for tensor in model.graph.initializer}
    found = []
    for node in model.graph.node:
        if node.op_type in _MULTIPLY:
            is_attention = source_of(node.input[1], made) not in constants
            found.append(_Multiplication(_precision(node, made, types), _macs(node, shapes, path), is_attention))
        elif node.op_type in FUSED:
            precision = _TYPES.get(types[node.output[0]], "unknown")
            found.append(_Multiplication(precision, _attention_macs(node, shapes, path), is_attention=True))
    return found


def _macs(node: NodeProto, shapes: Mapping[str, tuple[int, ...]], path: Path) -> int:
    left, out = shapes.get(node.input[0]), shapes.get(node.output[0])
    if left is None or out is None:
        raise ShapeError(str(path), f"the shape of {node.name} cannot be told", "export it again")
    # Of the result's numbers, each takes one MAC for every number of the axis that is summed over.
    transposed = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
    return math.prod(out) * left[-2 if transposed else -1]


def _attention_macs(node: NodeProto, shapes: Mapping[str, tuple[int, ...]], path: Path) -> int:
    """Of a fused attention: scores of all pairs of tokens, and the values weighted by them."""
    out = shapes.get(node.output[0])
    if out is None:
        raise ShapeError(str(path), f"the shape of {node.name} cannot be told", "export it again")
    return 2 * LENGTH * math.prod(out)


def _precision(node: NodeProto, made: Mapping[str, NodeProto], types: Mapping[str, int]) -> str:
    """What both factors are stored in, where both come out of a DequantizeLinear; else the type of the result."""
    stored = {_stored(name, made, types) for name in node.input[:2]}
    # With one factor in 8 bits and the other in fp32, the multiplication is done in fp32.
    if len(stored) == 1 and stored != {""}:
        return stored.pop()
    return _TYPES.get(types.get(node.output[0], 0), "unknown")


def _stored(name: str, made: Mapping[str, NodeProto], types: Mapping[str, int]) -> str:
    """The precision that a factor is dequantized from; empty where it is not."""
    node = made.get(name)
    while node is not None and node.op_type in MOVING:
        node = made.get(node.input[0])
    if node is None or node.op_type != "DequantizeLinear":
        return ""
    return _STORED.get(types.get(node.input[0], 0), "unknown")


def shares_of(work: Counter[str]) -> dict[str, float]:
    """Shares of work, 0 to 1, the largest first."""
    total = max(1, work.total())
    return {name: round(size / total, 4) for name, size in work.most_common()}


def check_share(attestation: Attestation, least: float) -> None:
    """Refuse what does less than that share, 0 to 1, of its MACs in the precision that it promises.

    Raises:
        BundleError: it does.
    """
    share = attestation.shares.get(attestation.precision, 0.0)
    if share < least - 1e-4:  # shares are rounded to four places
        told = ", ".join(f"{each:.1%} {name}" for name, each in attestation.shares.items()) or "none"
        problem = f"not what its name says: MACs are {told}, and {least:.0%} should be {attestation.precision}"
        raise BundleError(subject_of(attestation), problem, "export it again, or leave this precision out")


def subject_of(attestation: Attestation) -> str:
    """What an attestation is about, for messages: the graph, or a backend on it."""
    return f"{attestation.file} on {attestation.backend}" if attestation.backend else attestation.file
