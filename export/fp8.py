"""fp16 graph of packed layout -> the same with its products in fp8 (E4M3), for cards that multiply in it.

Every product with constant weights but the classifier reads both its factors through QuantizeLinear and
DequantizeLinear, the form that TensorRT knows as explicit quantisation. Each tensor has one scale, by which its largest
value on text becomes 448, the end of E4M3; larger ones are cut to it. There is nothing to fit: the error of a
floating-point number goes with its size, so that uneven channels do each other no harm, as they do in int8. Everything
else stays as it is in fp16, attention included.

On a CPU, ONNX Runtime runs it by widening what it reads: as slow as it is exact, to certify it by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper
from onnxruntime.transformers.onnx_model import OnnxModel

from export.activations import largest
from export.products import CLASSIFIER, products
from runtime.bundle import Graph
from runtime.pack import Batch

LARGEST = 448.0
"""The largest number in E4M3 (Micikevicius et al. 2022, "FP8 formats for deep learning")."""
# The first version of ONNX's operator set that quantises to fp8, and of the file format that holds it.
OPSET, _IR = 19, 9
# The smallest normal number of fp16, which scales are stored in.
_SMALLEST = 2.0**-14


def fp8_from_graph(
    source: Path, half: Path, output: Path, graph: Graph, batches: Sequence[Batch], *, threads: int
) -> Graph:
    """Write the fp8 graph.

    Args:
        source: the packed graph in fp32, on which activations are measured.
        half: the same in fp16, which the fp8 graph is made of.
        output: the ONNX file to write.
        graph: what the manifest says of the one in fp16.
        batches: training text.
        threads: processors to use.
    """
    plain, model = onnx.load(source), onnx.load(half)
    chosen = {product.name: product for product in products(plain) if CLASSIFIER not in product.name}
    reach = largest(plain, sorted({product.input for product in chosen.values()}), batches, threads=threads)
    given: dict[str, str] = {}  # tensor -> the same, come through fp8
    for node in [node for node in model.graph.node if node.name in chosen]:
        product, tensor = chosen[node.name], node.input[0]
        if tensor not in given:
            given[tensor] = _through(model.graph, tensor, reach[product.input])
        node.input[0], node.input[1] = given[tensor], _stored(model.graph, node.name, product.weights)
    del model.opset_import[:], model.graph.value_info[:]
    model.opset_import.append(helper.make_opsetid("", OPSET))
    model.ir_version = max(model.ir_version, _IR)
    whole = OnnxModel(model)
    whole.prune_graph()
    whole.topological_sort()
    onnx.save(whole.model, output)
    onnx.checker.check_model(str(output))
    return replace(graph, file=output.name, precision="fp8", opset=OPSET)


def _through(graph: onnx.GraphProto, tensor: str, reach: float) -> str:
    """A tensor's name after it has come through fp8."""
    names = _scale(graph, tensor, reach)
    zero = helper.make_tensor(f"{tensor}/fp8/zero", TensorProto.FLOAT8E4M3FN, [], [0.0])
    graph.initializer.append(zero)
    stored, given = f"{tensor}/fp8/stored", f"{tensor}/fp8"
    graph.node.append(helper.make_node("QuantizeLinear", [tensor, names, zero.name], [stored], f"{tensor}/fp8/Q"))
    graph.node.append(_dequantised(stored, names, given))
    return given


def _stored(graph: onnx.GraphProto, name: str, weights: NDArray[np.float32]) -> str:
    """The name of weights that lie in the file in fp8."""
    scale = _scale(graph, name, float(np.abs(weights).max(initial=0)))
    stored, given = f"{name}/fp8/stored", f"{name}/fp8"
    narrow = helper.tensor_dtype_to_np_dtype(TensorProto.FLOAT8E4M3FN)
    graph.initializer.append(numpy_helper.from_array((weights / _value(graph, scale)).astype(narrow), stored))
    graph.node.append(_dequantised(stored, scale, given))
    return given


def _scale(graph: onnx.GraphProto, name: str, reach: float) -> str:
    """The name of a scale by which `reach` becomes the end of fp8, or little less."""
    # Rounded up: what is beyond the end is cut.
    scale = np.nextafter(np.float16(max(reach / LARGEST, _SMALLEST)), np.float16(np.inf))
    graph.initializer.append(numpy_helper.from_array(np.asarray(scale), f"{name}/fp8/scale"))
    return f"{name}/fp8/scale"


def _value(graph: onnx.GraphProto, name: str) -> np.float32:
    tensor = next(tensor for tensor in graph.initializer if tensor.name == name)
    return np.float32(numpy_helper.to_array(tensor))


def _dequantised(stored: str, scale: str, given: str) -> NodeProto:
    return helper.make_node("DequantizeLinear", [stored, scale], [given], f"{given}/DQ")
