"""What a TensorRT engine really computes in: the engine inspector's layers, held against the graph's matrix products.

The inspector names, for each layer of the engine, the ONNX nodes that went into it ("Metadata"), and the types of what
it reads ("Inputs") and of its weights. A product's work counts for the type that the layer with its node reads. Layers
that tell no node, and are matrix products by their kind or name, share what is left. TensorRT 11 took the field
"Format/Datatype" apart into two; both forms are read.
It knows nothing of TensorRT itself: it reads JSON.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from export.certify.attest.graph import LEAST, check_share, shares_of
from export.certify.attest.openvino import SLACK
from runtime.bundle.attestation import Attestation
from runtime.bundle.manifest import Engine
from runtime.errors import BundleError

# Words for a type, in any of the inspector's fields; the more special first, since "bfloat16" holds "float".
_TYPES = (
    ("fp8", re.compile(r"fp8|e4m3|e5m2", re.IGNORECASE)),
    ("int8", re.compile(r"\bint8\b", re.IGNORECASE)),
    ("bf16", re.compile(r"bf16|bfloat16", re.IGNORECASE)),
    ("fp16", re.compile(r"half|fp16|float16", re.IGNORECASE)),
    ("fp32", re.compile(r"float|fp32", re.IGNORECASE)),
)
_FIELDS = ("DataType", "Datatype", "Format/Datatype", "Format/DataType", "Format", "Type")
# Kinds and names of layers that multiply matrices, and those that do so for a whole attention.
_MATRIX = re.compile(r"gemm|gemv|matrix_?multiply|matmul|fullyconnected|mha|attention", re.IGNORECASE)
# A layer that only moves numbers can carry the name of a product that it was made for.
_MOVING = re.compile(r"reformat|cast|shuffle|constant|copy|noop|shape|signal|wait", re.IGNORECASE)
_NODE = re.compile(r"\[ONNX Layer: ([^\]]+)\]")
# What TensorRT's compiler hangs on the names of its layers, and what it tells those of further profiles by.
_SUFFIX = re.compile(r"(_myl\d*_\d+)?( \[profile \d+\])?$")
_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of an engine.

    Attributes:
        name, kind: as TensorRT calls it.
        nodes: of the graph, that it computes.
        precision: of what it multiplies: the widest of its weights' type and its first two inputs'.
    """

    name: str
    kind: str
    nodes: tuple[str, ...]
    precision: str


def attest_engine(
    inspected: str, engine: Engine, graph: Attestation, work: Mapping[str, int]
) -> tuple[Attestation, Engine]:
    """What an engine computes in, and the engine's record with its layers counted.

    Args:
        inspected: what the engine inspector says, JSON, built with detailed verbosity.
        engine: what the manifest says of it.
        graph: what attest_graph found in its graph.
        work: MACs of every product of the graph, see export.certify.attest.graph.multiply_adds_of.

    Raises:
        BundleError: TensorRT tells nothing, or the engine is not of the precision that it promises.
    """
    layers = layers_of(inspected, engine.file)
    products = matrix_layers(layers, work)
    if not products:
        problem = f"TensorRT tells of no matrix product in {len(layers)} layers, so that nothing proves what it is"
        raise BundleError(f"{engine.file} on tensorrt", problem, "build it with another TensorRT, or leave it out")
    fused = [layer for layer in products if _is_attention(layer, work)]
    attestation = replace(
        graph,
        file=engine.file,
        backend="tensorrt",
        precision=engine.precision,
        operators=dict(sorted(Counter(f"{layer.kind} {layer.precision}" for layer in products).items())),
        fused_attention=min(len({layer.nodes or layer.name for layer in fused}), graph.attention),
        shares=shares_of(_work(products, work)),
        kept=(),
    )
    promised = graph.shares.get(engine.precision, 0.0)
    check_share(attestation, max(LEAST[engine.precision], promised - SLACK))
    counted = Counter(layer.precision for layer in products)
    return attestation, replace(engine, layers=dict(sorted(counted.items())))


def layers_of(inspected: str, what: str) -> list[Layer]:
    """The layers that the inspector tells of.

    Raises:
        BundleError: it tells names alone, or something else than was read here so far.
    """
    try:
        told = json.loads(inspected)["Layers"]
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(what, f"TensorRT's inspector says what is not understood ({error!r})", "report it") from error
    if not all(isinstance(layer, dict) for layer in told):
        raise BundleError(what, "TensorRT tells names of layers alone", "build it with detailed verbosity")
    return [_layer(layer) for layer in told]


def matrix_layers(layers: Sequence[Layer], work: Mapping[str, int]) -> list[Layer]:
    """The layers that multiply matrices: those that say so of a product of the graph, and others by kind or name."""
    able = [layer for layer in layers if not _MOVING.search(layer.kind)]
    return [layer for layer in able if {*layer.nodes} & {*work} or _MATRIX.search(f"{layer.kind} {layer.name}")]


def _work(products: Sequence[Layer], work: Mapping[str, int]) -> Counter[str]:
    """MACs in each precision. Several layers of one node share its work: every profile has its own layers.

    What no layer owns up to is taken to be done by the layers that own up to nothing; without such it is unknown.
    """
    claims = Counter(node for layer in products for node in {*layer.nodes} & {*work})
    done: Counter[str] = Counter()
    for layer in products:
        for node in {*layer.nodes} & {*work}:
            done[layer.precision] += work[node] // claims[node]
    lost = sum(size for node, size in work.items() if node not in claims)
    silent = [layer for layer in products if not {*layer.nodes} & {*work}]
    for layer in silent:
        done[layer.precision] += lost // len(silent)
    if lost and not silent:
        done[_UNKNOWN] += lost
    return +done


def _layer(told: Mapping[str, Any]) -> Layer:
    name, kind = str(told.get("Name", "")), str(told.get("LayerType", ""))
    # TensorRT's own fusions, and export.engines.attention, join the names of what they are made of.
    names = _NODE.findall(str(told.get("Metadata", ""))) or [_SUFFIX.sub("", name, count=1)]
    nodes = tuple(part.strip() for each in names for part in each.split("+"))
    weights, inputs = told.get("Weights"), told.get("Inputs")
    read = [weights] if isinstance(weights, dict) else []
    types = [_type_of(each) for each in [*read, *(inputs if isinstance(inputs, list) else [])]]
    known = [each for each in types if each][:2]
    order = [each for each, _ in _TYPES]
    return Layer(name, kind, nodes, max(known, key=order.index) if known else _UNKNOWN)


def _type_of(tensor: Any) -> str:
    """The type of a tensor that the inspector tells of; empty where it is none that is multiplied."""
    if not isinstance(tensor, dict):
        return ""
    for field in _FIELDS:
        for name, pattern in _TYPES:
            if field in tensor and pattern.search(str(tensor[field])):
                return name
    return ""


def _is_attention(layer: Layer, work: Mapping[str, int]) -> bool:
    """Whether it computes an attention in one go: by its name, or because softmax and products went into it."""
    softmax = any("softmax" in node.lower() for node in layer.nodes)
    products = sum(node in work for node in layer.nodes)
    return bool(re.search(r"mha", layer.name + layer.kind, re.IGNORECASE)) or (softmax and products >= 2)
