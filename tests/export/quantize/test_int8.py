"""int8 of a whole graph: what is quantized, how much changes, and what it asks for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from export.quantize.gptq import LARGEST
from export.quantize.int8 import int8_from_graph
from export.quantize.mixed_precision import TuningSplit
from runtime.backends.onnxruntime_cpu import OnnxRuntime
from runtime.backends.openvino_cpu import OpenVino
from runtime.batch.batches import Batch
from runtime.bundle.store import TOKENIZER, open_bundle
from runtime.system.cpu import SEVEN_BIT_LARGEST, cpu_features
from runtime.text.conll import read_conll
from tests.tiny import LABELS


def text(corpus: Path) -> list[tuple[str, ...]]:
    """Sentences of the training part."""
    return [sentence.words for sentence in read_conll(corpus / "train.txt")]


@pytest.mark.parametrize("seven_bit", [False, True])
def test_int8_of_a_bundle_s_graph(seven_bit: bool, tiny_bundle: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    if not seven_bit and "vnni" not in cpu_features():
        pytest.skip("this CPU does not add 8 bits up exactly")
    manifest = open_bundle(tiny_bundle).manifest
    longest, words = manifest.max_length, text(tiny_corpus)
    made = int8_from_graph(
        tiny_bundle / "packed-fp32.onnx",
        tmp_path / "packed-int8.onnx",
        TuningSplit(tiny_bundle / TOKENIZER, words, max_length=longest, labels=len(LABELS)),
        vocabulary=manifest.vocabulary,
        threads=1,
        seven_bit=seven_bit,
        goal=1000,
    )
    assert made.graph.seven_bit == seven_bit
    kept = [numpy_helper.to_array(one) for one in onnx.load(tmp_path / "packed-int8.onnx").graph.initializer]
    largest = max(int(np.abs(one.astype(int)).max()) for one in kept if one.dtype == np.int8 and one.ndim == 2)
    assert largest == (SEVEN_BIT_LARGEST if seven_bit else LARGEST)
    assert (made.graph.precision, made.graph.layout) == ("int8", "packed")
    assert [each.name for each in made.kept] == ["/classifier/MatMul"]
    assert made.changed.words > 1000
    assert made.changed.per_10k < 1000
    assert made.changed.movement > 0
    graph = onnx.load(tmp_path / "packed-int8.onnx").graph
    # Two layers of six linear layers, which read four tensors.
    assert sum(node.op_type == "DequantizeLinear" for node in graph.node) == 2 * (6 + 4)
    both_backends_multiply_in_int8(tmp_path / "packed-int8.onnx", tmp_path, layers=2 * 6)


def both_backends_multiply_in_int8(path: Path, work: Path, *, layers: int) -> None:
    """ONNX Runtime fuses every quantized layer into a multiplication of integers, and says what OpenVINO says."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(work / "optimized.onnx")
    options.log_severity_level = 4  # it warns of what it writes being for this CPU alone
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    kinds = Counter(node.op_type for node in onnx.load(work / "optimized.onnx").graph.node)
    assert (kinds["MatMulIntegerToFloat"], kinds["DequantizeLinear"]) == (layers, 0)
    ids = np.array([[2, 9, 30, 41, 5, 3]])
    batch = Batch(ids, np.zeros_like(ids), np.arange(6)[None])
    on_openvino = OpenVino(
        path,
        precision="int8",
        layout="packed",
        streams=1,
        threads=1,
        vocabulary=1_000,
        positions=64,
        cache="",
    )
    on_onnxruntime = OnnxRuntime(path, layout="packed", streams=1, threads=1, int8=True)
    # Values in the middle between two steps may go either way.
    assert np.allclose(on_onnxruntime.logits(batch), on_openvino.logits(batch), atol=0.02)
