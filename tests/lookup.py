"""A bundle whose model is a table: every word of a list has its label, all others are O. Real files, a real engine.

    bundle = lookup_bundle(tmp_path / "bundle", {"Angela": "B-PER", "Merkel": "I-PER", "Paris": "B-LOC"})

The graph looks a token's logits up (5 for its label, 0 for others); the certificate vouches for that and no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from runtime.bundle.certificate import Probe
from runtime.bundle.store import Certificate, Graph, Manifest, Source, digest_of, seal
from tests.certificates import vouching

LABELS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
_LOUD = 5.0


def lookup_bundle(
    folder: Path, words: Mapping[str, str], *, labels: Sequence[str] = LABELS, max_length: int = 64
) -> Path:
    """Write the bundle and return its folder.

    Args:
        folder: created where missing.
        words: label of each word.
        labels: label names by index.
        max_length: most tokens of a row, special ones included.
    """
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {word: number for number, word in enumerate((*_SPECIAL, *words))}
    _tokenizer(vocabulary).save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text("{}", encoding="utf-8")
    table = np.zeros((len(vocabulary), len(labels)), np.float32)
    table[:, labels.index("O")] = _LOUD / 2
    for word, label in words.items():
        table[vocabulary[word], labels.index(label)] = _LOUD
    onnx.save(_graph(table), folder / "padded-fp32.onnx")
    unknown = Probe((("never", "seen"),), np.tile(table[vocabulary["[UNK]"]], 2).astype("<f4").tobytes().hex())
    seal(folder, _manifest(folder, tuple(labels), len(vocabulary), max_length, unknown))
    return folder


def _tokenizer(vocabulary: dict[str, int]) -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def _graph(table: np.ndarray) -> onnx.ModelProto:
    shape = ["rows", "length"]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in ("input_ids", "attention_mask")]
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [*shape, table.shape[1]])
    look_up = helper.make_node("Gather", ["table", "input_ids"], ["logits"])
    graph = helper.make_graph([look_up], "lookup", inputs, [logits], [numpy_helper.from_array(table, "table")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _manifest(folder: Path, labels: tuple[str, ...], vocabulary: int, max_length: int, probe: Probe) -> Manifest:
    graph = Graph("padded-fp32.onnx", "fp32", "padded", 17, ("input_ids", "attention_mask"))
    certificate = Certificate(
        file=graph.file,
        backend="onnxruntime",
        precision="fp32",
        device="cpu",
        versions={"onnxruntime": onnxruntime.__version__},
        corpus="none",
        corpus_sha256="",
        measured={},
        limits={},
        passed=True,
    )
    manifest = Manifest(
        checkpoint=Source("lookup", ""),
        labels=labels,
        max_length=max_length,
        vocabulary=vocabulary,
        files={name: digest_of(folder / name) for name in ("tokenizer.json", "config.json", graph.file)},
        graphs=(graph,),
        certificates=(),
        versions={},
    )
    return replace(manifest, certificates=(vouching(certificate, manifest, probe),))
