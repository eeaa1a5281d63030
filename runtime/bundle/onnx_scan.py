"""What stands in an ONNX file, read without a library: operators, and how its weights are stored.

The runtime does without the package onnx, and a graph that others made must be looked at before an engine runs it. An
ONNX file is a message of protocol buffers; of these, only the few fields below are looked into, and weights are passed
over. The numbers of the fields are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

import mmap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from math import prod
from pathlib import Path

from runtime.bundle.certificate import Precision
from runtime.errors import BundleError
from runtime.system.files import open_regular, read_regular, regular_size

# A loop may never end, and no token classifier needs one. An If cannot repeat itself; what it holds is looked at.
_LOOPS = frozenset({"Loop", "Scan"})
_FOUR_BITS = frozenset({"MatMulNBits", "MatMulBnb4", "GatherBlockQuantized"})
_EIGHT_BITS = frozenset(
    {"DynamicQuantizeLinear", "MatMulInteger", "QLinearMatMul", "DynamicQuantizeMatMul", "MatMulIntegerToFloat"}
    | {"QAttention", "QGemm", "QuantizeLinear"}
)
# Numbers of TensorProto.DataType.
_FLOAT, _FLOAT16, _BFLOAT16, _FLOAT8, _INT4 = 1, 10, 16, frozenset({17, 18, 19, 20}), frozenset({21, 22})
# Far more than a graph has; the end of a file that was made to be read for hours.
_MOST_FIELDS, _MOST_AXES = 2_000_000, 32
# Bytes of a file that is read whole to look for a name. Larger ones hold weights, which scan_graph passes over.
_SMALL = 1 << 22
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_INTACT = "take an intact copy of it"


@dataclass(frozen=True, slots=True)
class Scan:
    """What was found in a graph and in all graphs inside it.

    Attributes:
        operators: names of the operators, and how many there are of each.
        weights: numbers of each type of TensorProto.DataType that stand in the file or beside it.
        bits: how many bits a weight of the operator MatMulNBits has, where there are any.
    """

    operators: Counter[str]
    weights: Counter[int]
    bits: frozenset[int]

    @property
    def precision(self) -> Precision:
        """The precision by the operators, and by the types of the weights where no operator tells it."""
        if (_FOUR_BITS & self.operators.keys() and self.bits != {8}) or _INT4 & self.weights.keys():
            return "int4"
        if _FLOAT8 & self.weights.keys():
            return "fp8"
        if self.bits or _EIGHT_BITS & self.operators.keys():
            return "int8"
        widths: dict[Precision, int] = {
            "fp32": self.weights[_FLOAT],
            "fp16": self.weights[_FLOAT16],
            "bf16": self.weights[_BFLOAT16],
        }
        return max(widths, key=widths.__getitem__)


def check_loops(path: Path, place: str) -> None:
    """Refuse a graph with a loop, as scan_graph does, in a hundredth of the time where none is named in the file.

    Args:
        path: the ONNX file, which nobody else can change.
        place: its name in messages.

    Raises:
        BundleError: as scan_graph.
    """
    if regular_size(path) <= _SMALL:
        raw = read_regular(path, most=_SMALL)
        if not any(name.encode() in raw for name in _LOOPS):
            return
    scan_graph(path, place)


def scan_graph(path: Path, place: str = "") -> Scan:
    """Look over an ONNX file.

    Args:
        path: the file.
        place: its name in messages; empty: the path.

    Raises:
        BundleError: it is no ONNX file, or it has a loop, which may never end.
    """
    place = place or str(path)
    with _mapped(path, place) as data:
        found = _scanned(data)
    if loops := sorted(_LOOPS & found.operators.keys()):
        problem = f"it has a loop (operator {loops[0]}), which might never end and which no token classifier needs"
        raise BundleError(place, problem, "export it again without control flow")
    if not found.operators:
        raise BundleError(place, "not an ONNX file (it has no operators)", _INTACT)
    return found


def check_tables(path: Path, place: str, reach: Mapping[str, int]) -> None:
    """Refuse a graph that would be asked for rows behind the end of a table: a backend may read what lies there.

    Known are tables whose rows an input of the graph picks, as it does for embeddings of tokens and positions.

    Args:
        path, place: as of check_loops.
        reach: by name of an input, the rows that a table must have for all of its values.

    Raises:
        BundleError: a table has fewer, or it is no ONNX file.
    """
    with _mapped(path, place) as data:
        tables = _tables(data, reach)
    for name, rows in tables:
        if rows < reach[name]:
            problem = f"its table for {name} has {rows:,} rows, where {reach[name]:,} are said to be there"
            raise BundleError(place, problem, "export it again")


@contextmanager
def _mapped(path: Path, place: str) -> Iterator[mmap.mmap]:
    """The bytes of an ONNX file; what goes wrong in reading them is a BundleError."""
    try:
        with open_regular(path) as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data
    except OSError as error:
        raise BundleError(place, error.strerror or str(error), "make it readable") from error
    except (ValueError, IndexError) as error:
        raise BundleError(place, f"not an ONNX file ({error})", _INTACT) from error


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of a message: its number, where its bytes begin and end, and its value where it is a number."""

    number: int
    start: int
    end: int
    value: int


# The messages that are looked into: field number -> message that it holds.
_INSIDE: dict[str, dict[int, str]] = {
    "Model": {7: "Graph", 25: "Function"},
    "Function": {7: "Node"},
    "Graph": {1: "Node", 5: "Tensor"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 11: "Graph"},
    "Tensor": {},
}
_OPERATOR, _NAME, _NUMBER, _DIMENSIONS, _TYPE = 4, 1, 3, 1, 2
_GRAPH, _NODE, _TENSOR = 7, 1, 5  # of a model, and of a graph
_INPUT, _OUTPUT, _ATTRIBUTE, _TENSOR_NAME = 1, 2, 5, 8
_GATHER, _CAST = b"Gather", b"Cast"


def _scanned(data: mmap.mmap) -> Scan:
    operators: Counter[str] = Counter()
    weights: Counter[int] = Counter()
    bits: set[int] = set()
    # A list and no recursion: graphs may lie in each other as deep as a file likes.
    waiting, seen = [("Model", 0, len(data))], 0
    while waiting:
        kind, start, end = waiting.pop()
        fields = list(islice(_fields(data, start, end), _MOST_FIELDS))
        seen += len(fields)
        if seen >= _MOST_FIELDS:
            raise ValueError(f"{_MOST_FIELDS:,} fields and more")
        waiting += [(_INSIDE[kind][one.number], one.start, one.end) for one in fields if one.number in _INSIDE[kind]]
        if kind == "Node":
            operators.update(_text(data, one) for one in fields if one.number == _OPERATOR)
        elif kind == "Tensor":
            weights[_type(fields)] += prod(islice(_dimensions(data, fields), _MOST_AXES))
        elif kind == "Attribute" and any(one.number == _NAME and _text(data, one) == "bits" for one in fields):
            bits.update(one.value for one in fields if one.number == _NUMBER)
    return Scan(operators, weights, frozenset(bits) if "MatMulNBits" in operators else frozenset())


def _tables(data: mmap.mmap, names: Iterable[str]) -> list[tuple[str, int]]:
    """Each table that values of these inputs of the main graph pick rows of: name of the input, number of rows."""
    parts = _main_graph(data)
    picked = _picked(data, [part for part in parts if part.number == _NODE], names)
    found: list[tuple[str, int]] = []
    for part in parts:
        if part.number != _TENSOR or not picked:
            continue
        fields = list(_fields(data, part.start, part.end))
        sizes = list(islice(_dimensions(data, fields), _MOST_AXES))
        table = next((_whole(data, one) for one in fields if one.number == _TENSOR_NAME), b"")
        # An axis that the table has not is a mistake that the engine tells.
        axes = [(axis, name) for axis, name in picked.get(table, ()) if -len(sizes) <= axis < len(sizes)]
        found += [(name, sizes[axis]) for axis, name in sorted(axes)]
    return found


def _main_graph(data: mmap.mmap) -> list[_Field]:
    """The fields of a model's graph. What stands in several fields of the model is one graph, as in all libraries."""
    graphs = [one for one in _fields(data, 0, len(data)) if one.number == _GRAPH]
    parts = chain.from_iterable(_fields(data, one.start, one.end) for one in graphs)
    found = list(islice(parts, _MOST_FIELDS))
    if len(found) == _MOST_FIELDS:
        raise ValueError(f"{_MOST_FIELDS:,} fields and more")
    return found


def _picked(data: mmap.mmap, nodes: Iterable[_Field], names: Iterable[str]) -> dict[bytes, set[tuple[int, str]]]:
    """By name of a table, the axes along which values of these inputs pick from it, and the inputs' names.

    It takes time that is linear in the nodes, as a file can have a great many that are made to be slow.
    """
    picked: dict[bytes, set[tuple[int, str]]] = {}
    same = {name.encode(): name for name in names}  # outputs that are an input with another type, by what they are
    for node in nodes:
        # To take a node apart costs 20 times as much as to see that it is neither of these.
        if all(data.find(operator, node.start, node.end) < 0 for operator in (_GATHER, _CAST)):
            continue
        fields = list(_fields(data, node.start, node.end))
        operator, given, made = (
            [_whole(data, one) for one in fields if one.number == number] for number in (_OPERATOR, _INPUT, _OUTPUT)
        )
        if operator == [_CAST] and made and given[:1] and given[0] in same:
            same[made[0]] = same[given[0]]
        elif operator == [_GATHER] and len(given) == 2 and given[1] in same:
            axis = _axis(data, fields)
            if abs(axis) <= _MOST_AXES:  # more would be kept for each node
                picked.setdefault(given[0], set()).add((axis, same[given[1]]))
    return picked


def _axis(data: mmap.mmap, node: list[_Field]) -> int:
    """The axis that a node is told; 0 where none is, as with Gather."""
    axis = 0
    for attribute in node:
        if attribute.number != _ATTRIBUTE:
            continue
        fields = list(_fields(data, attribute.start, attribute.end))
        if any(one.number == _NAME and _whole(data, one) == b"axis" for one in fields):
            axis = next((one.value for one in fields if one.number == _NUMBER), 0) & (1 << 64) - 1
    return axis - (1 << 64) if axis >> 63 else axis  # negative ones are in two's complement


def _whole(data: mmap.mmap, field: _Field) -> bytes:
    """A name, to be compared; _text is for messages and may cut it."""
    return data[field.start : field.end]


def _fields(data: mmap.mmap, start: int, end: int) -> Iterator[_Field]:
    at = start
    while at < end:
        key, at = _varint(data, at)
        wire, value, first = key & 7, 0, at
        if wire == _VARINT:
            value, at = _varint(data, at)
        elif wire == _BYTES:
            size, first = _varint(data, at)
            at = first + size
        elif wire in (_EIGHT, _FOUR):
            at += 8 if wire == _EIGHT else 4
        else:
            raise ValueError("an unknown kind of field")
        if at > end:
            raise ValueError("a field reaches beyond its message")
        yield _Field(key >> 3, first, at, value)


def _varint(data: mmap.mmap, at: int) -> tuple[int, int]:
    """A number of 7 bits a byte, the lowest first, and the place behind it."""
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number of more than ten bytes")


def _text(data: mmap.mmap, field: _Field) -> str:
    return data[field.start : min(field.end, field.start + 100)].decode("utf-8", "replace")


def _type(fields: list[_Field]) -> int:
    return next((one.value for one in fields if one.number == _TYPE), 0)


def _dimensions(data: mmap.mmap, fields: list[_Field]) -> Iterator[int]:
    """Sizes of a tensor's axes, one field each or all in one."""
    for one in fields:
        if one.number == _DIMENSIONS and one.value:
            yield one.value
        elif one.number == _DIMENSIONS:
            at = one.start
            while at < one.end:
                size, at = _varint(data, at)
                yield size
