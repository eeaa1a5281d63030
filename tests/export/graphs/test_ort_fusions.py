"""Between attentions: one operator for each normalization and each activation, and the logits of the plain graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnxruntime import InferenceSession
from onnxruntime.transformers.onnx_model import OnnxModel

from export.graphs.ort_fusions import DOMAIN, fuse_activations, fuse_normalizations
from tests.export.graphs.random_models import Packed

# Of two layers each: ALBERT shares its weights, ELECTRA widens its embeddings, RoBERTa and MPNet count differently.
_ARCHITECTURES = ("bert", "distilbert", "albert", "electra", "mpnet", "roberta")


def fused(model: onnx.ModelProto) -> onnx.ModelProto:
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    changed.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    fuse_normalizations(changed)
    fuse_activations(changed)
    OnnxModel(changed).topological_sort()
    return changed


def logits(model: onnx.ModelProto) -> NDArray[np.float32]:
    """Of two rows of two windows. [slots that hold something, labels]"""
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    segments = np.repeat([[0] * 14 + [1] * 12 + [-1] * 6], 2, axis=0)
    given = {
        "input_ids": np.random.default_rng(1).integers(5, 60, segments.shape),
        "position_ids": np.repeat([[*range(14), *range(12), *[0] * 6]], 2, axis=0),
        "segment_ids": segments,
    }
    found: NDArray[np.float32] = session.run(None, {name: given[name] for name in given})[0]
    return found[segments >= 0]


@pytest.mark.parametrize("architecture", _ARCHITECTURES)
def test_logits_stay_and_nothing_of_the_kind_is_left(architecture: str, packed_of: Callable[[str], Packed]) -> None:
    model = onnx.load(packed_of(architecture).file)
    changed = fused(model)
    kinds = Counter(node.op_type for node in changed.graph.node)
    # Two a layer, and that of the embeddings.
    gelus = 0 if architecture == "albert" else 2  # ALBERT's is the approximation
    assert (kinds["SkipLayerNormalization"], kinds["BiasGelu"]) == (5, gelus)
    assert not kinds["LayerNormalization"] + kinds["Erf"]
    biases = [node.input[4:] for node in changed.graph.node if node.op_type == "SkipLayerNormalization"]
    assert sorted(map(len, biases)) == [0, 1, 1, 1, 1]
    expected = logits(model)
    assert np.abs(logits(changed) - expected).max() < 2e-6 * np.abs(expected).max() + 1e-5


def test_what_is_no_gelu_with_the_error_function_stays(packed_of: Callable[[str], Packed]) -> None:
    model = onnx.load(packed_of("bert").file)
    for node in model.graph.node:
        # Of the first layer, the last factor is another; of the second, the result is read twice.
        if node.name == "/layers.0/activation/Constant_2":
            node.attribute[0].t.CopyFrom(numpy_helper.from_array(np.array(0.25, np.float32)))
        if node.name == "/layers.1/activation/Mul":
            model.graph.output.append(helper.make_tensor_value_info(node.output[0], onnx.TensorProto.FLOAT, None))
    changed = fused(model)
    kinds = Counter(node.op_type for node in changed.graph.node)
    assert (kinds["BiasGelu"], kinds["Erf"]) == (0, 2)
    assert np.abs(logits(changed) - logits(model)).max() < 1e-4


def test_a_sum_that_something_else_reads_stays(packed_of: Callable[[str], Packed]) -> None:
    model = onnx.load(packed_of("bert").file)
    totals = {node.input[0] for node in model.graph.node if node.name == "/layers.1/last/LayerNormalization"}
    model.graph.output.extend(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in totals)
    changed = fused(model)
    kinds = Counter(node.op_type for node in changed.graph.node)
    assert (kinds["SkipLayerNormalization"], kinds["LayerNormalization"]) == (4, 1)
    assert np.abs(logits(changed) - logits(model)).max() < 1e-4
