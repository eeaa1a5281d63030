"""Linear layers of a graph: all are found, and in int8 they compute what the formula says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from export.quantize.activations import text_batches, values_in_turn
from export.quantize.gptq import gptq_weights, input_quantization
from export.quantize.linear_layers import CLASSIFIER, InputQuantization, in_int8, linear_layers
from runtime.bundle.store import TOKENIZER
from runtime.encode.tokenizer import Encoder
from runtime.system.cpu import SEVEN_BIT_LARGEST
from runtime.text.conll import read_conll
from tests.export.quantize.int8_math import relative, result


def test_every_linear_layer_of_a_model_is_found(tiny_bundle: Path) -> None:
    found = linear_layers(onnx.load(tiny_bundle / "packed-fp32.onnx"))
    # Two layers of six, and the classifier; hidden 32, feed-forward 64, 7 labels.
    assert len(found) == 2 * 6 + 1
    assert sum(layer.macs for layer in found) == 2 * (4 * 32 * 32 + 2 * 32 * 64) + 32 * 7
    assert [layer.weights.shape for layer in found if CLASSIFIER in layer.name] == [(32, 7)]
    assert all(layer.bias.shape == (layer.weights.shape[1],) for layer in found)
    # Query, key and value read one tensor.
    assert len({layer.input for layer in found[:3]}) == 1


def test_graph_in_int8_computes_what_the_formula_says(tiny_bundle: Path, tiny_corpus: Path) -> None:
    path = tiny_bundle / "packed-fp32.onnx"
    model = onnx.load(path)
    chosen = [each for each in linear_layers(model) if "/down/" in each.name]
    batches = text_batches(
        Encoder(tiny_bundle / TOKENIZER),
        [each.words for each in read_conll(tiny_corpus / "train.txt")],
        max_length=64,
        most=4,
    )
    names = [each.input for each in chosen]
    values = dict(zip(names, values_in_turn(model, names, batches, threads=1)))
    # Weights of 7 bits: of larger ones the engine computes something else where the CPU has no VNNI.
    quantized = {
        each.input: input_quantization(values[each.input], each.weights, most=SEVEN_BIT_LARGEST) for each in chosen
    }
    # One outlier channel, so that this way through the graph is taken, too.
    first = quantized[chosen[0].input]
    scale = first.scale.copy()
    scale[5] = 0
    quantized[chosen[0].input] = InputQuantization(np.where(scale > 0, first.center, 0), scale, first.step, (5,))
    made = {
        each.name: gptq_weights(values[each.input], quantized[each.input], [each], most=SEVEN_BIT_LARGEST)[0]
        for each in chosen
    }
    changed = in_int8(model, quantized, made)
    # The first product's input is the same in both graphs.
    outputs = [node.output[0] for node in model.graph.node if node.name == chosen[0].add]
    (found, *_) = values_in_turn(changed, outputs, batches, threads=1)
    expected = result(values[chosen[0].input], quantized[chosen[0].input], made[chosen[0].name], chosen[0].weights)
    # Values in the middle between two steps may go either way.
    assert relative(expected, found) < 1e-3
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in changed.graph.node}
    # x86 multiplies uint8 by int8: inputs are stored as the one, weights as the other.
    stored = {tensor.name: tensor.data_type for tensor in changed.graph.initializer}
    assert {stored[f"{each.input}/zero"] for each in chosen} == {onnx.TensorProto.UINT8}
    assert {stored[f"{each.name}/stored"] for each in chosen} == {onnx.TensorProto.INT8}


def test_graph_with_nothing_chosen_is_the_same(tiny_bundle: Path) -> None:
    model = onnx.load(tiny_bundle / "packed-fp32.onnx")
    same = in_int8(model, {}, {})
    ids = np.array([[3, 9, 4]])
    feed = {"input_ids": ids, "position_ids": np.array([[0, 1, 2]]), "segment_ids": np.zeros_like(ids)}
    before, after = (
        onnxruntime.InferenceSession(each.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, feed)[0]
        for each in (model, same)
    )
    assert np.array_equal(before, after)
