"""The final layers of a TensorRT engine, read from what TensorRT tells of them; it judges nothing.

    layers_from_inspector    the engine inspector's JSON, which needs a GPU to read the engine
    layers_from_build_log    the message that lists all layers in the build's log, at detailed verbosity: no GPU needed

Both name, for each layer, the ONNX nodes that went into it ("Metadata") and the type of every tensor that it reads.
TensorRT 10 writes a type as "Format/Datatype", TensorRT 11 as "Format" and "Datatype"; weights are "Weights" in the one
and among "Constants" in the other. All of these are read.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runtime.errors import BundleError

UNKNOWN = "unknown"
"""A precision that TensorRT does not tell."""
# Words for a type, in any of TensorRT's fields; the more special first, since "bfloat16" holds "float".
_TYPES = (
    ("fp8", re.compile(r"fp8|e4m3|e5m2", re.IGNORECASE)),
    ("int8", re.compile(r"\bint8\b", re.IGNORECASE)),
    ("bf16", re.compile(r"bf16|bfloat16", re.IGNORECASE)),
    ("fp16", re.compile(r"half|fp16|float16", re.IGNORECASE)),
    ("fp32", re.compile(r"float|fp32", re.IGNORECASE)),
    ("int64", re.compile(r"int64", re.IGNORECASE)),
    ("int32", re.compile(r"int32", re.IGNORECASE)),
    ("bool", re.compile(r"bool", re.IGNORECASE)),
)
BYTES = {"fp8": 1, "int8": 1, "bf16": 2, "fp16": 2, "fp32": 4, "int64": 8, "int32": 4, "bool": 1}
"""Of one number."""
_MULTIPLIED = ("fp8", "int8", "bf16", "fp16", "fp32")
_FIELDS = ("DataType", "Datatype", "Format/Datatype", "Format/DataType", "Format", "Type")
# Kinds and names of layers that multiply matrices. In names that TensorRT's compiler joins from abbreviations, such as
# __myl_FcAddCast, Fc is the multiplication.
_MATRIX = re.compile(r"gemm|gemv|matrix_?multiply|matmul|fullyconnected|mha|attention", re.IGNORECASE)
_FC = re.compile(r"^__myl_(?:[A-Z][a-z]*)*Fc(?![a-z])")
# A layer that only moves numbers can carry the name of a matrix multiplication that it was made for.
_MOVING = re.compile(r"reformat|cast|shuffle|constant|copy|noop|shape|signal|wait", re.IGNORECASE)
# Kinds of layers that start no kernel on the GPU: they order streams, name a view, or compute sizes on the CPU.
_NO_KERNEL = re.compile(r"^(signal|wait|reshape|shape_call|constant|noop)$", re.IGNORECASE)
_NODE = re.compile(r"\[ONNX Layer: ([^\]]+)\]")
# What TensorRT's compiler hangs on the names of its layers, and what it tells those of further profiles by.
_SUFFIX = re.compile(r"(?:_myl(?P<compiled>\d*)_\d+)?(?: \[profile (?P<profile>\d+)\])?$")
_LOGGED = re.compile(
    r"^Name: (?P<Name>.*), LayerType: (?P<LayerType>[^,]*), Inputs: \[(?P<Inputs>.*)\], "
    r"Constants: \[(?P<Constants>.*)\], Outputs: \[(?P<Outputs>.*)\], TacticName:.*?Metadata: (?P<Metadata>.*)$"
)
_TENSOR = re.compile(r"\{ Name: (?P<Name>.*?), Dimensions: \[(?P<Dimensions>[-\d,]*)\].*?Datatype: (?P<Datatype>\w+)")


@dataclass(frozen=True, slots=True)
class Tensor:
    """What a layer reads or writes: its precision, and its shape; () where not told. A size of -1 is free."""

    precision: str
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """Its size; 0 where the precision is not told, or the shape is not, or is free."""
        return max(0, math.prod(self.shape)) * BYTES.get(self.precision, 0) if self.shape else 0


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of an engine.

    Attributes:
        name, kind: as TensorRT calls it.
        profile: the optimization profile that it belongs to.
        nodes: of the graph, that it computes.
        precision: of what it multiplies: the wider one of its weights' and its first input's.
        inputs, constants, outputs: tensors.
    """

    name: str
    kind: str
    profile: int
    nodes: tuple[str, ...]
    precision: str
    inputs: tuple[Tensor, ...] = ()
    constants: tuple[Tensor, ...] = ()
    outputs: tuple[Tensor, ...] = ()

    @property
    def is_kernel(self) -> bool:
        """Whether it starts a kernel on the GPU. What writes single numbers computes sizes, on the CPU."""
        sizes = bool(self.outputs) and all({*each.shape} == {1} for each in self.outputs)
        return not _NO_KERNEL.search(self.kind) and not sizes

    @property
    def is_moving(self) -> bool:
        """Whether it only moves or casts numbers."""
        return bool(_MOVING.search(self.kind))

    @property
    def is_matrix(self) -> bool:
        """Whether it is a matrix multiplication, or a whole attention, by its kind or its name."""
        return not self.is_moving and bool(_MATRIX.search(f"{self.kind} {self.name}") or _FC.search(self.name))

    def is_attention(self, products: Mapping[str, int]) -> bool:
        """Whether it computes an attention in one go: by its name, or since a softmax and two products went into it.

        Args:
            products: the graph's matrix multiplications, by node.
        """
        softmax = any("softmax" in node.lower() for node in self.nodes)
        several = sum(node in products for node in self.nodes) >= 2
        return bool(re.search(r"mha", self.name + self.kind, re.IGNORECASE)) or (softmax and several)


def layers_from_inspector(inspected: str, what: str) -> list[Layer]:
    """The layers that the engine inspector tells of.

    Args:
        inspected: its JSON.
        what: the engine's name, for messages.

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


def layers_from_build_log(message: str, what: str) -> list[Layer]:
    """The layers that a build's log lists.

    Args:
        message: the one that begins with "Layers:". A line is a layer.
        what: the engine's name, for messages.

    Raises:
        BundleError: a line is not understood, or there is none.
    """
    # No splitlines(): names of nodes are joined by the control character RS, which it takes for the end of a line.
    lines = [line for line in message.partition("I/O Tensors:")[0].split("\n") if line.startswith("Name: ")]
    found = [_LOGGED.search(line) for line in lines]
    if not found or not all(found):
        raise BundleError(what, f"TensorRT's log lists {len(lines)} layers that are not understood", "report it")
    return [_layer(_logged(match)) for match in found if match]


def _logged(match: re.Match[str]) -> dict[str, Any]:
    """A line of the log as the inspector would tell it."""
    told: dict[str, Any] = dict(match.groupdict())
    for field in ("Inputs", "Constants", "Outputs"):
        tensors = [each.groupdict() for each in _TENSOR.finditer(told[field])]
        told[field] = [{**each, "Dimensions": _numbers(each["Dimensions"] or "")} for each in tensors]
    return told


def _numbers(text: str) -> list[int]:
    return [int(each) for each in text.split(",") if each]


def _layer(told: Mapping[str, Any]) -> Layer:
    name, kind = str(told.get("Name", "")), str(told.get("LayerType", ""))
    suffix = _SUFFIX.search(name)
    # TensorRT's own fusions, and export.engines.attention, join the names of what they are made of.
    names = _NODE.findall(str(told.get("Metadata", ""))) or [_SUFFIX.sub("", name, count=1)]
    inputs, constants, outputs = (_tensors(told.get(field)) for field in ("Inputs", "Constants", "Outputs"))
    return Layer(
        name=name,
        kind=kind,
        profile=int((suffix and (suffix["profile"] or suffix["compiled"])) or 0),
        nodes=tuple(part.strip() for each in names for part in each.split("+")),
        precision=_precision(told.get("Weights"), inputs, constants),
        inputs=inputs,
        constants=constants,
        outputs=outputs,
    )


def _precision(weights: object, inputs: Sequence[Tensor], constants: Sequence[Tensor]) -> str:
    """The wider one of the first two factors that are told: weights, the largest constant, then the inputs."""
    matrices = [each for each in constants if sum(size > 1 for size in each.shape) >= 2]
    largest = sorted(matrices, key=lambda each: -math.prod(each.shape))[:1]
    told = [_precision_of(weights), *(each.precision for each in (*largest, *inputs))]
    known = [each for each in told if each in _MULTIPLIED][:2]
    return max(known, key=_MULTIPLIED.index) if known else UNKNOWN


def _tensors(told: object) -> tuple[Tensor, ...]:
    if not isinstance(told, list):
        return ()
    return tuple(Tensor(_precision_of(each), _shape(each)) for each in told)


def _shape(tensor: object) -> tuple[int, ...]:
    sizes = tensor.get("Dimensions") if isinstance(tensor, dict) else None
    return tuple(sizes) if isinstance(sizes, list) and all(isinstance(size, int) for size in sizes) else ()


def _precision_of(tensor: object) -> str:
    """The precision of a tensor that TensorRT tells of; UNKNOWN where it is none that is known."""
    if isinstance(tensor, dict):
        for field in _FIELDS:
            for name, pattern in _TYPES:
                if field in tensor and pattern.search(str(tensor[field])):
                    return name
    return UNKNOWN
