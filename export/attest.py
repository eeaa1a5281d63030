"""What is really in a graph, and what an engine really makes of it: operators, fused attention, precision of the work.

Work is multiply-adds of matrix products, on ROWS rows of LENGTH word pieces: those of products with constant weights,
and those of attention, whose part grows with the length. The graph is judged by the types that stand in it; OpenVINO
by its runtime graph, which is what is left after all its rewriting, with the precision that each layer executes in.
What is not what its name says is refused: a name is a promise of speed, as a certificate is one of answers.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from onnx import NodeProto, TensorProto

from export.inferred import FUSED, LENGTH, MOVING, ROWS, inferred, source_of, tensors
from runtime.attested import Attestation, Left
from runtime.bundle import Bundle, Candidate, Graph, Precision
from runtime.choose import runnable
from runtime.errors import BackendError, BundleError

# The least share of the work that the precision of the name must have. fp32 is a promise about every product; 16 bits
# leave out what is delicate, and 8 bits what proves too coarse in them, but never most of the work.
LEAST: dict[Precision, float] = {"fp32": 1.0, "bf16": 0.95, "fp16": 0.95, "int8": 0.5, "fp8": 0.5}
# An engine may do less of the work in that precision than the graph says by no more than this.
SLACK = 0.01
_TYPES: dict[int, str] = {TensorProto.FLOAT: "fp32", TensorProto.FLOAT16: "fp16", TensorProto.BFLOAT16: "bf16"}
_STORED: dict[int, str] = {TensorProto.INT8: "int8", TensorProto.UINT8: "int8", TensorProto.FLOAT8E4M3FN: "fp8"}
_ENGINE_TYPES = {"f32": "fp32", "f16": "fp16", "bf16": "bf16", "i8": "int8", "u8": "int8"}
_PRODUCTS = frozenset({"MatMul", "Gemm"})
# Not work: they hold, move or convert numbers.
_IDLE = frozenset({"Const", "Input", "Output", "Reshape", "Transpose", "Reorder", "Convert"})


class ShapeError(BundleError):
    """The work of a graph cannot be counted, since a product's shape does not follow from the inputs' alone."""


def attest_graph(path: Path, graph: Graph, *, left: tuple[Left, ...] = ()) -> Attestation:
    """What is in an ONNX file.

    Args:
        path: the file.
        graph: what is said of it.
        left: what 8 bits leave in higher precision, as export.quantize and export.fp8 tell.

    Raises:
        BundleError: it is not what is said of it.
    """
    model = inferred(path)
    shapes, types = tensors(model)
    made = {name: node for node in model.graph.node for name in node.output}
    constants = {tensor.name for tensor in model.graph.initializer}
    work: Counter[str] = Counter()
    attention = 0
    for node in model.graph.node:
        if node.op_type in _PRODUCTS:
            size = _multiply_adds(node, shapes, path)
            work[_precision(node, made, types)] += size
            attention += 0 if source_of(node.input[1], made) in constants else size
        elif node.op_type in FUSED:
            size = _multiply_adds_of_attention(node, shapes, path)
            work[_TYPES.get(types[node.output[0]], "unknown")] += size
            attention += size
    operators = Counter(node.op_type for node in model.graph.node)
    fused = sum(operators[name] for name in FUSED)
    attestation = Attestation(
        file=graph.file,
        backend="",
        precision=graph.precision,
        operators=dict(sorted(operators.items())),
        attention=operators["Softmax"] + fused,
        fused_attention=fused,
        multiply_adds=work.total(),
        attention_multiply_adds=attention,
        rows=ROWS,
        length=LENGTH,
        shares=shares_of(work),
        left=left,
    )
    check_share(attestation, LEAST[graph.precision])
    return attestation


def multiply_adds_of(path: Path) -> dict[str, int]:
    """Multiply-adds of every matrix product of a graph, for ROWS rows of LENGTH word pieces, by the node's name.

    Raises:
        ShapeError: a product's shape cannot be told.
    """
    model = inferred(path)
    shapes, _ = tensors(model)
    products = [node for node in model.graph.node if node.op_type in _PRODUCTS]
    return {node.name: _multiply_adds(node, shapes, path) for node in products}


def attest_openvino(compiled: Any, graph: Attestation, precision: Precision) -> Attestation:
    """What OpenVINO makes of a graph.

    Args:
        compiled: the model as it serves, an openvino.CompiledModel.
        graph: what attest_graph found in the file.
        precision: the candidate's, which can be lower than the file's.

    Raises:
        BundleError: it computes in another precision than it should, or has not fused the attention.
    """
    layers = [_layer(node) for node in compiled.get_runtime_model().get_ordered_ops()]
    fused = [layer for layer in layers if layer.is_fused_attention]
    work: Counter[str] = Counter()
    for layer in layers:
        if layer.kind == "FullyConnected":
            work[layer.precision] += layer.weights * graph.rows * graph.length
    # Attention's shapes are not in a model for rows of any number and length; its work is known from the graph.
    doing = fused or [layer for layer in layers if layer.kind == "MatMul"]
    for layer in doing:
        work[layer.precision] += graph.attention_multiply_adds // len(doing)
    operators = Counter(f"{layer.kind} {layer.precision}" for layer in layers if layer.kind not in _IDLE)
    attestation = replace(
        graph,
        backend="openvino",
        precision=precision,
        operators=dict(sorted(operators.items())),
        fused_attention=len(fused),
        multiply_adds=work.total(),
        shares=shares_of(work),
    )
    promised = graph.shares.get(precision, 0.0) if precision == graph.precision else 1.0
    check_share(attestation, max(LEAST[precision], promised - SLACK))
    if len(fused) != graph.attention:
        found = f"attention is fused in {len(fused)} of {graph.attention} layers"
        raise BundleError(_name(attestation), found, "export it again, and report it if that does not help")
    return attestation


def attest_all(bundle: Bundle, left: Mapping[str, tuple[Left, ...]]) -> tuple[Attestation, ...]:
    """Attestations of all graphs of a bundle, and of OpenVINO on those that it can run here.

    Args:
        bundle: sealed; whether it is certified does not matter.
        left: what 8 bits leave in higher precision, by file.

    Left out, and said to be, is a padded graph whose shapes only running it could tell (DeBERTa's, ModernBERT's).

    Raises:
        BackendError: OpenVINO cannot load a graph.
        BundleError: something is not what its name says.
    """
    graphs = {}
    for graph in bundle.manifest.graphs:
        try:
            graphs[graph.file] = attest_graph(bundle.file(graph.file), graph, left=left.get(graph.file, ()))
        except ShapeError as error:
            if graph.layout == "packed":
                raise
            print(f"not attested: {graph.file}: {error.found}")
    engines = [
        _attested_by_openvino(bundle, one, graphs[one.file])
        for one in runnable(bundle)
        if one.backend == "openvino" and one.file in graphs
    ]
    return (*graphs.values(), *engines)


def _attested_by_openvino(bundle: Bundle, candidate: Candidate, graph: Attestation) -> Attestation:
    from runtime.backends.openvino import has_rest_in_bf16

    rest_in_bf16 = has_rest_in_bf16(bundle.graph_in(candidate.file))
    compiled = compile_for_attestation(bundle.file(candidate.file), candidate.precision, rest_in_bf16=rest_in_bf16)
    return attest_openvino(compiled, graph, candidate.precision)


def compile_for_attestation(path: Path, precision: Precision, *, rest_in_bf16: bool = False) -> Any:
    """The model as runtime.backends.openvino compiles it, which keeps its own to itself.

    Raises:
        BackendError: OpenVINO cannot load it.
    """
    import openvino

    from runtime.backends.openvino import hint_of

    settings = {"INFERENCE_PRECISION_HINT": hint_of(precision, rest_in_bf16=rest_in_bf16), "NUM_STREAMS": 1}
    try:
        return openvino.Core().compile_model(str(path), "CPU", settings)
    except RuntimeError as error:
        raise BackendError(str(path), f"OpenVINO cannot load it ({error})", "export it again") from error


def show_attestation(attestation: Attestation) -> None:
    """Print the shares, the fused attention, and what 8 bits left out."""
    shares = ", ".join(f"{share:.1%} {name}" for name, share in attestation.shares.items())
    fused = f"{attestation.fused_attention} of {attestation.attention} attentions fused"
    print(f"attested: {_name(attestation)}: multiply-adds {shares}; {fused}")
    if attestation.backend:
        return
    for each in attestation.left:
        part = each.multiply_adds * attestation.rows * attestation.length / attestation.multiply_adds
        counted = f", changed tags {each.changed_before:.1f} to {each.changed_after:.1f}" if each.changed_before else ""
        print(f"  left in higher precision: {each.name} ({part:.1%} of the work{counted}): {each.reason}")


@dataclass(frozen=True, slots=True)
class _Layer:
    """A layer of OpenVINO's runtime graph; `weights` counts those of a FullyConnected."""

    kind: str
    precision: str
    weights: int
    is_fused_attention: bool


def _layer(node: Any) -> _Layer:
    info = node.get_rt_info()
    kind, kept = str(info["layerType"].value), str(info["runtimePrecision"].value)
    names = str(info["originalLayersNames"].value)
    weights = math.prod(node.input(1).get_partial_shape().to_shape()) if kind == "FullyConnected" else 0
    # A softmax that OpenVINO has put into one layer with the products around it.
    fused = kind not in ("Softmax", "SoftMax") and "Softmax" in names and "MatMul" in names
    return _Layer(kind, _ENGINE_TYPES.get(kept, kept), weights, fused)


def _multiply_adds(node: NodeProto, shapes: Mapping[str, tuple[int, ...]], path: Path) -> int:
    left, out = shapes.get(node.input[0]), shapes.get(node.output[0])
    if left is None or out is None:
        raise ShapeError(str(path), f"the shape of {node.name} cannot be told", "export it again")
    transposed = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
    return math.prod(out) * left[-2 if transposed else -1]


def _multiply_adds_of_attention(node: NodeProto, shapes: Mapping[str, tuple[int, ...]], path: Path) -> int:
    """Of the scores, and of what they choose of the values."""
    out = shapes.get(node.output[0])
    if out is None:
        raise ShapeError(str(path), f"the shape of {node.name} cannot be told", "export it again")
    return 2 * LENGTH * math.prod(out)


def _precision(node: NodeProto, made: Mapping[str, NodeProto], types: Mapping[str, int]) -> str:
    """What both factors are stored in where they come out of a DequantizeLinear, else the type of the result."""
    stored = {_stored(name, made, types) for name in node.input[:2]}
    if len(stored) == 1 and stored != {""}:
        return stored.pop()
    return _TYPES.get(types.get(node.output[0], 0), "unknown")


def _stored(name: str, made: Mapping[str, NodeProto], types: Mapping[str, int]) -> str:
    """The precision that a factor is dequantised from; empty where it is not."""
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
    """Refuse what does less than that share, 0 to 1, of its multiply-adds in the precision that it promises.

    Raises:
        BundleError: it does.
    """
    share = attestation.shares.get(attestation.precision, 0.0)
    if share < least - 1e-4:
        told = ", ".join(f"{each:.1%} {name}" for name, each in attestation.shares.items()) or "no matrix product"
        found = f"not what its name says: multiply-adds are {told}, and {least:.0%} should be {attestation.precision}"
        raise BundleError(_name(attestation), found, "export it again, or leave this precision out")


def _name(attestation: Attestation) -> str:
    return f"{attestation.file} on {attestation.backend}" if attestation.backend else attestation.file
