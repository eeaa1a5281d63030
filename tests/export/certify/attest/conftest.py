"""One tiny model in fp32, fp16 and int8, which the tests of attestation share."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from export.graphs.fp16 import fp16_from_graph
from export.quantize.activations import text_batches, values_in_turn
from export.quantize.gptq import gptq_weights, input_quantization
from export.quantize.linear_layers import in_int8, linear_layers
from runtime.bundle.store import TOKENIZER
from runtime.encode.tokenizer import Encoder
from runtime.text.conll import read_conll
from tests.export.certify.attest.precisions import FP16, FP32, INT8


@pytest.fixture(scope="session")
def graphs(tiny_bundle: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one model in fp32, fp16 and int8 (all linear layers but the classifier), and half in int8."""
    folder = tmp_path_factory.mktemp("attest")
    source = tiny_bundle / FP32.file
    sentences = [sentence.words for sentence in read_conll(tiny_corpus / "train.txt")]
    batches = text_batches(Encoder(tiny_bundle / TOKENIZER), sentences, max_length=64, most=2)
    fp16_from_graph(source, folder / FP16.file, FP32, batches, threads=1)
    model = onnx.load(source)
    onnx.save(model, folder / FP32.file)
    chosen = [each for each in linear_layers(model) if "/classifier/" not in each.name]
    names = sorted({each.input for each in chosen})
    values = dict(zip(names, values_in_turn(model, names, batches, threads=1)))
    inputs = {each.input: input_quantization(values[each.input], each.weights) for each in chosen}
    made = {each.name: gptq_weights(values[each.input], inputs[each.input], [each])[0] for each in chosen}
    onnx.save(in_int8(model, inputs, made), folder / INT8.file)
    few = {name: product for name, product in made.items() if "/down/" in name}
    onnx.save(in_int8(model, inputs, few), folder / "little.onnx")
    return folder
