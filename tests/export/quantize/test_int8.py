"""int8 of a whole graph: what is quantized, how much changes, and what it asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

from export.graphs.packed import packed_encoder
from export.quantize.activations import text_batches, values_in_turn
from export.quantize.gptq import LARGEST
from export.quantize.int8 import Quantized, int8_from_graph
from export.quantize.mixed_precision import TuningSplit
from export.quantize.wider_text import made_strange
from export.torch_model import load_model
from export.unfinished import Arrays, InFolder, Unfinished
from runtime.backends.onnxruntime_cpu import OnnxRuntime
from runtime.backends.openvino_cpu import OpenVino
from runtime.batch.batches import Batch
from runtime.bundle.store import TOKENIZER, open_bundle
from runtime.encode.tokenizer import Encoder
from runtime.screen.display import showing
from runtime.system.cpu import SEVEN_BIT_LARGEST, cpu_features
from runtime.text.conll import read_conll
from tests.fakes.screen import FakeScreen
from tests.tiny import LABELS


def text(corpus: Path) -> list[tuple[str, ...]]:
    """Sentences of the training part."""
    return [sentence.words for sentence in read_conll(corpus / "train.txt")]


def int8_of(
    bundle: Path,
    corpus: Path,
    output: Path,
    *,
    quickly_by: torch.nn.Module | None = None,
    seven_bit: bool = False,
    goal: float,
) -> Quantized:
    """int8 of a bundle's packed graph, fitted to the training part."""
    manifest = open_bundle(bundle).manifest
    return int8_from_graph(
        bundle / "packed-fp32.onnx",
        output,
        TuningSplit(bundle / TOKENIZER, text(corpus), max_length=manifest.max_length, labels=len(LABELS)),
        quickly_by=quickly_by,
        vocabulary=manifest.vocabulary,
        threads=1,
        seven_bit=seven_bit,
        goal=goal,
    )


@pytest.mark.skipif("vnni" not in cpu_features(), reason="this CPU does not add 8 bits up exactly")
def test_a_quick_search_ranks_the_layers_by_the_model_itself(
    tiny_model: Path, tiny_bundle: Path, tiny_corpus: Path, tmp_path: Path
) -> None:
    pytest.importorskip("openvino")
    quickly_by = packed_encoder(load_model(tiny_model))
    made = int8_of(tiny_bundle, tiny_corpus, tmp_path / "packed-int8.onnx", quickly_by=quickly_by, goal=0)
    kept = [each for each in made.kept if each.name != "/classifier/MatMul"]
    assert 0 < len(kept) < 12
    assert all("of what moves the logits" in each.reason for each in kept)
    both_backends_multiply_in_int8(tmp_path / "packed-int8.onnx", tmp_path, layers=2 * 6 - len(kept))


@pytest.mark.parametrize("seven_bit", [False, True])
def test_int8_of_a_bundle_s_graph(seven_bit: bool, tiny_bundle: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    if not seven_bit and "vnni" not in cpu_features():
        pytest.skip("this CPU does not add 8 bits up exactly")
    made = int8_of(tiny_bundle, tiny_corpus, tmp_path / "packed-int8.onnx", seven_bit=seven_bit, goal=1000)
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


class Ordinary(TuningSplit):
    """A tuning split that knows no strange text."""

    @property
    def strange(self) -> list[Sequence[str]]:
        return []


def test_less_is_clipped_on_text_that_no_corpus_has(tiny_bundle: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    source, sentences = tiny_bundle / "packed-fp32.onnx", text(tiny_corpus)
    clipped = []
    for kind in (Ordinary, TuningSplit):
        tuning = kind(tiny_bundle / TOKENIZER, sentences, max_length=64, labels=len(LABELS))
        vocabulary = open_bundle(tiny_bundle).manifest.vocabulary
        int8_from_graph(source, tmp_path / "int8.onnx", tuning, vocabulary=vocabulary, threads=1, goal=10_000)
        # The sentences that nothing is fitted to.
        others = made_strange([words for number, words in enumerate(sentences) if number % 5])
        clipped.append(share_clipped(source, tmp_path / "int8.onnx", Encoder(tiny_bundle / TOKENIZER), others))
    assert clipped[1] < clipped[0] / 2


def share_clipped(source: Path, int8: Path, encoder: Encoder, sentences: list[list[str]]) -> float:
    """Of all numbers that the int8 graph stores of activations, 0 to 1; the text runs through the graph in fp32."""
    constants = {one.name: numpy_helper.to_array(one) for one in onnx.load(int8).graph.initializer}
    tensors = [name.removesuffix("/shift") for name in constants if name.endswith("/shift")]
    batches = text_batches(encoder, sentences, max_length=64, most=8)
    beyond = []
    for name, values in zip(tensors, values_in_turn(onnx.load(source), tensors, batches, threads=1)):
        scaled = values * constants[f"{name}/scale"] + constants[f"{name}/shift"]
        beyond.append(np.mean(np.abs(scaled / constants[f"{name}/step"]) > LARGEST + 0.5))
    return float(np.mean(beyond))


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


class Killed:
    """Unfinished work of an export that is killed as soon as so many parts are kept."""

    def __init__(self, folder: Path, most: int) -> None:
        self.work, self.left = InFolder(folder), most

    def has(self, name: str) -> bool:
        return self.work.has(name)

    def load(self, name: str) -> Arrays:
        return self.work.load(name)

    def keep(self, name: str, arrays: Arrays) -> None:
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        self.work.keep(name, arrays)


# Half of the tensors; and all of them, the first count and three layers by themselves.
@pytest.mark.parametrize("most", [4, 12])
def test_who_was_killed_goes_on_where_it_was_and_to_the_same_bytes(
    most: int, tiny_bundle: Path, tiny_corpus: Path, tmp_path: Path
) -> None:
    pytest.importorskip("openvino")
    words = text(tiny_corpus)

    def make(name: str, work: Unfinished) -> bytes:
        split = TuningSplit(tiny_bundle / TOKENIZER, words, max_length=64, labels=len(LABELS), unfinished=work)
        output = tmp_path / name
        vocabulary = open_bundle(tiny_bundle).manifest.vocabulary
        # A goal that nothing reaches, so that layers are ranked and kept.
        int8_from_graph(
            tiny_bundle / "packed-fp32.onnx", output, split, vocabulary=vocabulary, threads=1, seven_bit=True, goal=-1
        )
        return output.read_bytes()

    with pytest.raises(KeyboardInterrupt):
        make("killed", Killed(tmp_path / "work", most))
    with showing(FakeScreen()) as display:
        assert isinstance(display.screen, FakeScreen)
        again = make("again", InFolder(tmp_path / "work"))
    fitted = min(most, 8)
    assert f"int8: goes on where an export before this one was stopped: {fitted} of 8 inputs are fitted" in (
        display.screen.lines
    )
    # With all of it kept, nothing is measured once more.
    assert make("third", Killed(tmp_path / "work", 0)) == again
    assert make("at once", InFolder(tmp_path / "new")) == again
