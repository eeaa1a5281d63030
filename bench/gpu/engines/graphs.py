"""A checkpoint's graphs for TensorRT in every precision, in seconds: what a builder makes of them is a matter of shape.

No text is read. Activations get any step, and weights are rounded to the nearest, so that the graphs in 8 bits have the
true form and no accuracy at all.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper
from transformers import PreTrainedModel

from export.graphs.attention_biases import layers_behind_values, with_value_biases_folded
from export.graphs.fp16 import fp16_from_graph
from export.graphs.packed import packed_from_checkpoint
from export.graphs.padded import padded_from_checkpoint
from export.quantize.gpu_eight_bits import OPSET, EightBits, StoredInput, StoredLayer, in_eight_bits
from export.quantize.int8 import layers_to_quantize
from export.quantize.linear_layers import LinearLayer
from runtime.bundle.store import Graph, Precision

_STEP = np.float32(2.0**-6)
# Most layers of MiniLM have an outlier channel before these two; see export.quantize.gptq.
_WITH_OUTLIERS = ("/up/", "/down/")
_LARGEST = {"fp8": 448.0, "int8": 127.0}
_STORED = {"fp8": helper.tensor_dtype_to_np_dtype(TensorProto.FLOAT8E4M3FN), "int8": np.dtype(np.int8)}


def engine_graphs(model: PreTrainedModel, folder: Path, *, layers_in: str = "fp16 padded fp8 int8") -> list[Graph]:
    """Write the graphs; what a manifest would say of them.

    Args:
        model: can be packed.
        folder: for the files.
        layers_in: which: "fp16" (packed), "padded" (in fp16), "fp8" and "int8".
    """
    packed = packed_from_checkpoint(model, folder / "packed-fp32.onnx")
    fp16 = fp16_from_graph(folder / packed.file, folder / "packed-fp16.onnx", packed, (), threads=1).graph
    made = [fp16] if "fp16" in layers_in else []
    if "padded" in layers_in:
        padded = padded_from_checkpoint(model, folder / "padded-fp32.onnx")
        made.append(fp16_from_graph(folder / padded.file, folder / "padded-fp16.onnx", padded, (), threads=1).graph)
    del model  # what follows holds the weights of a large model several times over
    precisions: tuple[Precision, ...] = ("fp8", "int8")
    made += [_eight_bits(folder, packed, fp16, precision) for precision in precisions if precision in layers_in]
    return made


def turing_graph(model: PreTrainedModel, folder: Path) -> Graph:
    """Write the packed graph all in fp16, its classifier, too."""
    packed = packed_from_checkpoint(model, folder / "packed-fp32.onnx")
    output = folder / "packed-all-fp16.onnx"
    return fp16_from_graph(folder / packed.file, output, packed, (), threads=1, classifier="fp16").graph


def _eight_bits(folder: Path, packed: Graph, fp16: Graph, precision: Precision) -> Graph:
    source = folder / packed.file
    model = with_value_biases_folded(onnx.load(source))
    fitted = layers_to_quantize(model, source)
    by_name = {layer.name: layer for layer in fitted}
    inputs = {layer.input: _input(layer, precision) for layer in fitted}
    layers = {layer.name: _layer(layer, precision) for layer in fitted}
    behind = {value: by_name[out] for value, out in layers_behind_values(model).items()}
    del model, by_name
    eight_bits = EightBits(precision, inputs, layers, behind)
    file = f"packed-{precision}.onnx"
    onnx.save(in_eight_bits(onnx.load(folder / fp16.file), eight_bits), folder / file)
    return replace(packed, file=file, precision=precision, opset=OPSET)


def _input(layer: LinearLayer, precision: Precision) -> StoredInput:
    """int8 has a scale and a shift for each channel, and an outlier in front of feed-forward layers; fp8 has none."""
    channels = len(layer.weights) if precision == "int8" else 0
    outliers = (channels // 2,) if channels and any(name in layer.name for name in _WITH_OUTLIERS) else ()
    scale, shift = np.linspace(0.5, 1, channels, dtype=np.float32), np.full(channels, 0.01, np.float32)
    scale[list(outliers)] = 0
    return StoredInput(_STEP, scale, shift, outliers)


def _layer(layer: LinearLayer, precision: Precision) -> StoredLayer:
    """int8 has a step for each output, fp8 one for all."""
    largest = np.abs(layer.weights).max(axis=0 if precision == "int8" else None)
    step = np.maximum(np.asarray(largest, np.float32) / np.float32(_LARGEST[precision]), np.float32(2.0**-14))
    cut = np.clip(layer.weights / step, -_LARGEST[precision], _LARGEST[precision])
    stored: NDArray[np.generic] = (np.round(cut) if precision == "int8" else cut).astype(_STORED[precision])
    return StoredLayer(layer, stored, step, layer.bias)
