"""The residual stream in fp32 where OpenVINO computes in bf16.

A transformer adds what each of its parts finds to one tensor, the residual stream, and normalizes it. bf16 has 8 bits
for a number, so that the stream is rounded anew at each sum, and what it loses stays lost. Sums, normalizations and
the quantization of what they give are next to no work, and OpenVINO keeps them in fp32 for 2 to 3% more time;
see docs/how-int8-works.md. Matrix multiplications stay in bf16, or int8.

OpenVINO (2026.4) computes in fp32 what carries its mark "precise" (`ov::disable_conversion`, which the CPU plugin reads
in src/plugins/intel_cpu/src/node.cpp), except matrix multiplications. Python cannot set the mark. OpenVINO's own format
can hold it, so the graph is written in that format, marked there and read again. Its weights are not: inputs stand in
for them meanwhile. A copy of bert-large's would take 1.3 GB on disk and as much memory.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.bundle.private_files import private_folder
from runtime.errors import BackendError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

BF16 = "bf16"
RULE = 1
"""Number of the rule that says what is marked, in the name under which a compiled graph is kept. With another rule,
certificates that say residual_in_fp32 hold no longer, either."""
# OpenVINO's name of a normalization, and the operators between one and the next matrix multiplication.
NORMALIZATION = "MVN"
_ELEMENTWISE = frozenset({"Add", "Multiply", "Subtract", "FakeQuantize"})
# Never from any type to one of 16 bits. The CPU plugin asks for f16 also where it means bf16.
_MARK = {"name": "precise", "version": "0", "value": "dynamic:f16"}
# Constants of so many bytes that hold numbers of these types, OpenVINO's names, are weights. Shapes are of others.
_WEIGHT_BYTES, _WEIGHT_TYPES = 4096, frozenset({"f32", "f16", "bf16", "i8", "u8"})


def read_graph(core: Any, path: Path, settings: Mapping[str, Any], *, residual_in_fp32: bool) -> Any:
    """The model of an ONNX file, to be compiled with these settings.

    Args:
        core: OpenVINO's.
        path: the file.
        settings: all that OpenVINO is told.
        residual_in_fp32: mark the residual stream, where the settings say bf16.

    Raises:
        StorageError: there is no place for temporary files.
        BackendError: no space for the graph without its weights in the folder for temporary files.
        Exception: of OpenVINO's, which cannot read it.
    """
    model = core.read_model(str(path))
    if not residual_in_fp32 or settings["INFERENCE_PRECISION_HINT"] != BF16:
        return model
    weights = _taken_out(model)
    with private_folder() as folder:
        xml = folder / "graph.xml"
        try:
            _write_marked(model, xml)
        except (OSError, RuntimeError) as error:  # the library's errors of writing are RuntimeErrors
            problem = f"its copy could not be written to {folder.parent} ({error})"
            raise BackendError(path.name, problem, "make space there, or set TMPDIR to another folder") from error
        marked = core.read_model(str(xml))
    _put_back(marked, weights)
    return marked


def _taken_out(model: Any) -> dict[str, Any]:
    """Put an input in the place of each weight of a model, and return the constants by the names of these inputs.

    The constants stay where they are in memory, which they share with the file that they were read from.
    """
    from openvino import opset8

    weights: dict[str, Any] = {}
    inputs = []
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Constant" or not is_weight(node.output(0)):
            continue
        name = f"weight/{len(weights)}"
        stand_in = opset8.parameter(node.get_output_shape(0), node.get_output_element_type(0), name=name)
        replace_node(node, stand_in)
        weights[name] = node
        inputs.append(stand_in)
    model.add_parameters(inputs)
    return weights


def is_weight(output: Any) -> bool:
    """Whether a constant's output holds weights; shapes and numbers of axes are small, or of other types."""
    kind = output.get_element_type()
    size = math.prod(output.get_shape()) * kind.size
    return size >= _WEIGHT_BYTES and kind.get_type_name() in _WEIGHT_TYPES


def _put_back(model: Any, weights: Mapping[str, Any]) -> None:
    """Undo _taken_out in a model that was read from the same graph.

    Raises:
        RuntimeError: a weight has no place in it.
    """
    there = {each.get_friendly_name(): each for each in model.get_parameters()}
    for name, weight in weights.items():
        if name not in there:
            raise RuntimeError(f"this OpenVINO does not keep the name {name!r}")
        replace_node(there[name], weight)
        model.remove_parameter(there[name])


def replace_node(node: Any, other: Any) -> None:
    """Let everything that reads a node read the other."""
    for reader in list(node.output(0).get_target_inputs()):
        reader.replace_source_output(other.output(0))


def _write_marked(model: Any, xml: Path) -> None:
    """Write a model in OpenVINO's format, with its residual stream marked."""
    from xml.etree import ElementTree

    import openvino

    openvino.serialize(model, str(xml))
    tree = ElementTree.parse(xml)
    mark_residual(tree.getroot())
    tree.write(xml)


def mark_residual(net: Element) -> int:
    """Mark the residual stream of a graph in OpenVINO's format, in place, and count the operators that are marked.

    These are normalizations, the sums that they read, and all that is done element by element to what they give.
    """
    layers = {layer.attrib["id"]: layer for layer in net.iterfind("layers/layer")}
    sources, readers = defaultdict(list), defaultdict(list)
    for edge in net.iterfind("edges/edge"):
        sources[edge.attrib["to-layer"]].append(edge.attrib["from-layer"])
        readers[edge.attrib["from-layer"]].append(edge.attrib["to-layer"])
    chosen = {name for name, layer in layers.items() if layer.attrib["type"] == NORMALIZATION}
    following = [reader for name in chosen for reader in readers[name]]
    before = {source for name in chosen for source in sources[name]}
    following += [name for name in before if layers[name].attrib["type"] == "Add"]
    while following:
        name = following.pop()
        if name not in chosen and layers[name].attrib["type"] in _ELEMENTWISE:
            chosen.add(name)
            following += readers[name]
    for name in chosen:
        _mark(layers[name])
    return len(chosen)


def _mark(layer: Element) -> None:
    from xml.etree.ElementTree import SubElement

    told = layer.find("rt_info")
    SubElement(SubElement(layer, "rt_info") if told is None else told, "attribute", _MARK)
