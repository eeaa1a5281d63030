"""What OpenVINO really makes of a graph.

Its runtime graph is what is left after all its rewriting, and names the precision that each layer executes in.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from export.certify.attest.graph import LEAST, check_share, shares_of
from runtime.bundle.attestation import Attestation
from runtime.bundle.store import Precision
from runtime.errors import BackendError

# A backend may do less of the work in that precision than the graph says by no more than this share.
SLACK = 0.01
_PRECISIONS = {"f32": "fp32", "f16": "fp16", "bf16": "bf16", "i8": "int8", "u8": "int8"}
# Not work: they hold, move or convert numbers.
_IDLE = frozenset({"Const", "Input", "Output", "Reshape", "Transpose", "Reorder", "Convert"})


def attest_openvino(compiled: Any, graph: Attestation, precision: Precision) -> Attestation:
    """What OpenVINO makes of a graph.

    Args:
        compiled: the model as it serves, an openvino.CompiledModel.
        graph: what attest_graph found in the file.
        precision: the candidate's, which can be lower than the file's.

    Raises:
        BundleError: it computes in another precision than it should. Attention that it has not fused is slower, and
            counted in the attestation; it answers alike.
    """
    layers = [_layer(node) for node in compiled.get_runtime_model().get_ordered_ops()]
    fused = sum(layer.is_fused_attention for layer in layers)
    work = _work(layers, graph)
    operators = Counter(f"{layer.kind} {layer.precision}" for layer in layers if layer.kind not in _IDLE)
    attestation = replace(
        graph,
        backend="openvino",
        precision=precision,
        operators=dict(sorted(operators.items())),
        fused_attention=fused,
        macs=work.total(),
        shares=shares_of(work),
    )
    promised = graph.shares.get(precision, 0.0) if precision == graph.precision else 1.0
    check_share(attestation, max(LEAST[precision], promised - SLACK))
    return attestation


def compile_for_attestation(path: Path, precision: Precision, *, rest_in_bf16: bool = False) -> Any:
    """The model as runtime.backends.openvino_cpu compiles it, which keeps its own to itself.

    Raises:
        BackendError: OpenVINO cannot load it.
    """
    import openvino

    from runtime.backends.openvino_cpu import hint_of
    from runtime.backends.openvino_residual import read_graph

    core = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": hint_of(precision, rest_in_bf16=rest_in_bf16), "NUM_STREAMS": 1}
    try:
        return core.compile_model(read_graph(core, path, settings, residual_in_fp32=True), "CPU", settings)
    except (RuntimeError, OSError) as error:
        raise BackendError(str(path), f"OpenVINO cannot load it ({error})", "export it again") from error


@dataclass(frozen=True, slots=True)
class _Layer:
    """A layer of OpenVINO's runtime graph; `weights` counts those of a FullyConnected."""

    kind: str
    precision: str
    weights: int
    is_fused_attention: bool


def _work(layers: Sequence[_Layer], graph: Attestation) -> Counter[str]:
    """MACs in each precision, for the rows and the length that the graph was attested for."""
    work: Counter[str] = Counter()
    for layer in layers:
        if layer.kind == "FullyConnected":
            work[layer.precision] += layer.weights * graph.rows * graph.length
    # Attention's shapes are not in a model for rows of any number and length; its work is known from the graph.
    attention = [layer for layer in layers if layer.is_fused_attention]
    attention = attention or [layer for layer in layers if layer.kind == "MatMul"]
    for layer in attention:
        work[layer.precision] += graph.attention_macs // len(attention)
    return work


def _layer(node: Any) -> _Layer:
    info = node.get_rt_info()
    kind, kept = str(info["layerType"].value), str(info["runtimePrecision"].value)
    names = str(info["originalLayersNames"].value)
    weights = math.prod(node.input(1).get_partial_shape().to_shape()) if kind == "FullyConnected" else 0
    # A softmax that OpenVINO has put into one layer with the multiplications around it.
    fused = kind not in ("Softmax", "SoftMax") and "Softmax" in names and "MatMul" in names
    return _Layer(kind, _PRECISIONS.get(kept, kept), weights, fused)
