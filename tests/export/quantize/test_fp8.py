"""fp8: what is stored in it, how near it stays, and that the file is what its name says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession, SessionOptions

from export.certify.attest.graph import attest_graph
from export.engines.bundle_engines import has_fp8
from export.graphs.fp16 import fp16_from_graph
from export.quantize.activations import text_batches
from export.quantize.fp8 import LARGEST, fp8_from_graph, nearest
from runtime.batch.batches import Batch
from runtime.bundle.store import TOKENIZER, Graph
from runtime.encode.tokenizer import Encoder
from runtime.errors import BundleError
from runtime.system.gpu import Gpu
from runtime.text.conll import read_conll
from tests.tiny import LABELS

FP32 = Graph("packed-fp32.onnx", "fp32", "packed", 17, ("input_ids", "position_ids", "segment_ids"))


@pytest.fixture(scope="module")
def made(tiny_bundle: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Graph]:
    """A folder with the tiny model's graphs in fp16 and fp8, nothing left out but the classifier."""
    folder = tmp_path_factory.mktemp("fp8")
    sentences = [sentence.words for sentence in read_conll(tiny_corpus / "train.txt")]
    source, fp16, tokenizer = tiny_bundle / FP32.file, folder / "packed-fp16.onnx", tiny_bundle / TOKENIZER
    batches = text_batches(Encoder(tokenizer), sentences, max_length=64, most=2)
    fp16_from_graph(source, fp16, FP32, batches, threads=1)
    quantised = fp8_from_graph(
        source,
        fp16,
        folder / "packed-fp8.onnx",
        FP32,
        tokenizer,
        sentences,
        max_length=64,
        labels=len(LABELS),
        threads=1,
        goal=1000,
    )
    assert [each.name for each in quantised.kept] == ["/classifier/MatMul"]
    assert quantised.changed.words > 1000
    assert quantised.changed.movement > 0
    return folder, quantised.graph


def test_nearest() -> None:
    given = [0.0, 1.0, 1.06, 1.07, 17.0, 448.0, 460.0, 1e6, -470.0, 2.0**-9, 2.0**-11]
    expected = [0.0, 1.0, 1.0, 1.125, 16.0, 448.0, 448.0, 448.0, -448.0, 2.0**-9, 0.0]
    assert nearest(np.array(given)).tolist() == expected


def test_a_product_computes_what_fp8_says(made: tuple[Path, Graph]) -> None:
    model = onnx.load(made[0] / made[1].file)
    layer = next(node for node in model.graph.node if node.name == "/layers.0/up/MatMul")
    provenance = {name: node for node in model.graph.node for name in node.output}
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    stored, scales = zip(*(provenance[name].input[:2] for name in layer.input))
    tensor = provenance[stored[0]].input[0]
    for name in (tensor, layer.output[0]):
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT16, None))
    options = SessionOptions()
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    session = InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    ids = np.random.default_rng(0).integers(5, 60, (4, 32))
    batch = Batch(ids, np.zeros_like(ids), np.tile(np.arange(32), (4, 1)))
    values, found = (
        each.astype(np.float32) for each in session.run([tensor, layer.output[0]], batch.named(FP32.inputs))
    )
    of_values, of_weights = (constants[name].astype(np.float32) for name in scales)
    weights = constants[stored[1]]
    seen = (values / of_values).astype(weights.dtype).astype(np.float32) * of_values
    expected = seen @ (weights.astype(np.float32) * of_weights)
    plain = values @ (weights.astype(np.float32) * of_weights)
    distance = np.linalg.norm(found - expected) / np.linalg.norm(expected)
    assert distance < 2e-3  # a sum in fp16
    assert np.linalg.norm(plain - expected) > 5 * np.linalg.norm(found - expected)


def test_products_are_fp8_and_nothing_else_is(made: tuple[Path, Graph]) -> None:
    folder, graph = made
    assert (graph.precision, graph.layout, graph.opset) == ("fp8", "packed", 19)
    model = onnx.load(folder / graph.file)
    provenance = {name: node for node in model.graph.node for name in node.output}
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    weights = [tensor for tensor in constants.values() if tensor.data_type == TensorProto.FLOAT8E4M3FN and tensor.dims]
    assert len(weights) == 2 * 6
    for tensor in weights:
        # Scales are normal numbers of fp16, so that tiny weights do not reach the end.
        assert LARGEST / 4 < np.abs(numpy_helper.to_array(tensor).astype(np.float32)).max() <= LARGEST
    for node in model.graph.node:
        factors = [provenance[name].op_type for name in node.input if name in provenance]
        if node.op_type == "MatMul" and "classifier" in node.name:
            assert "DequantizeLinear" not in factors
        elif node.op_type == "DequantizeLinear":
            assert constants[node.input[1]].data_type == TensorProto.FLOAT16
    told = attest_graph(folder / graph.file, graph)
    plain = attest_graph(folder / "packed-fp16.onnx", replace(FP32, file="packed-fp16.onnx", precision="fp16"))
    assert told.macs == plain.macs
    attention, classifier = plain.attention_macs, round(plain.shares.get("fp32", 0) * plain.macs)
    assert told.shares["fp8"] == pytest.approx(1 - (attention + classifier) / plain.macs, abs=1e-3)
    assert set(told.shares) == {"fp8", "fp16", "fp32"}


def test_a_graph_of_another_precision_is_not_fp8(made: tuple[Path, Graph]) -> None:
    with pytest.raises(BundleError, match="not what its name says"):
        attest_graph(made[0] / "packed-fp16.onnx", replace(made[1], file="packed-fp16.onnx"))
    with pytest.raises(BundleError, match="not what its name says"):
        attest_graph(made[0] / made[1].file, replace(made[1], precision="int8"))


@pytest.mark.parametrize(("capability", "able"), [("8.0", False), ("8.9", True), ("9.0", True), ("12.0", True)])
def test_gpus_that_multiply_in_fp8(capability: str, able: bool) -> None:
    assert has_fp8(Gpu("a GPU", capability, "580.0", 1 << 30, 100)) == able
