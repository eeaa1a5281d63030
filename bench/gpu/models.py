"""Models for bench.gpu: MiniLM's and bert-large's true shapes, made without a network, and bundles of them.

Speed is a matter of shape, so weights are random. MiniLM is trained for some seconds on the generated corpus, so that
it is sure of its labels and a certificate means something: a random model's tags turn over at the last bit.
"""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.gpu.baselines import dtype_argument
from bench.workloads.bert_large import BERT_LARGE, Shape

MINILM = Shape(hidden=384, layers=6, heads=12, inner=1536, vocabulary=30522)
SHAPES = {"minilm": MINILM, "bert-large": BERT_LARGE}
LONGEST = 512
_TOKENS = 6000  # of the tokenizer; the embedding table has the true shape's rows all the same
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_TRAIN_SECONDS, _BATCH, _RATE = 25.0, 64, 3e-4
# Shapes of engines, rows and length, and how hard TensorRT tries: what a check has the time for.
_PROFILES = ((128, 64), (1, 64), (32, 128), (1, 128), (4, 512), (1, 512))
_LEVEL = 2
# Batches on which fp16 is searched for overflow.
_SEARCHED = 4


def make_corpus(folder: Path) -> None:
    """The generated sample, as `make export` takes it."""
    command = [sys.executable, "-m", "train.corpus.sample", "--output", str(folder), "--valid", "1500"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def sentences_in(file: Path) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Words and labels of each sentence of a CoNLL file."""
    from runtime.text.conll import read_conll

    return [(sentence.words, sentence.labels) for sentence in read_conll(file)]


def make_checkpoint(folder: Path, shape: Shape, corpus: Path) -> None:
    """A checkpoint of that shape with random weights, its tokenizer and labels taken from the corpus."""
    import torch
    import transformers

    sentences = sentences_in(corpus / "train.txt")
    labels = sorted({label for _, gold in sentences for label in gold}, key=lambda name: (name != "O", name))
    folder.mkdir(parents=True, exist_ok=True)
    _tokenizer([words for words, _ in sentences], folder)
    config = transformers.BertConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.inner,
        max_position_embeddings=LONGEST,
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
    )
    torch.manual_seed(0)
    transformers.BertForTokenClassification(config).save_pretrained(folder)


def _tokenizer(sentences: Sequence[Sequence[str]], folder: Path) -> None:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=_TOKENS, special_tokens=list(_SPECIAL), show_progress=False)
    made.train_from_iterator([" ".join(words) for words in sentences], trainer)
    ends = [(name, _SPECIAL.index(name)) for name in ("[CLS]", "[SEP]")]
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=ends
    )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), _SPECIAL))
    PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=LONGEST, **names).save_pretrained(str(folder))


def train_briefly(
    folder: Path, corpus: Path, *, seconds: float = _TRAIN_SECONDS, device: str = "cuda"
) -> dict[str, float]:
    """Train a checkpoint in place, on first tokens of words; steps and the last loss."""
    import torch
    import transformers

    loader = transformers.AutoModelForTokenClassification
    model = loader.from_pretrained(folder, local_files_only=True, **dtype_argument(torch.float32)).to(device).train()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=_RATE)
    batches = [_batch(tokenizer, part, model.config.label2id) for part in _parts(sentences_in(corpus / "train.txt"))]
    begun, steps, loss = time.monotonic(), 0, float("nan")
    for batch in itertools.cycle(batches):
        result = model(**{name: tensor.to(device) for name, tensor in batch.items()})
        result.loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        steps, loss = steps + 1, result.loss.item()
        if time.monotonic() - begun > seconds:
            break
    model.cpu().save_pretrained(folder)
    return {"steps": steps, "loss": loss}


def _parts(sentences: Sequence[Any]) -> list[Sequence[Any]]:
    return [sentences[first : first + _BATCH] for first in range(0, len(sentences), _BATCH)]


def _batch(tokenizer: Any, sentences: Sequence[Any], index_of: dict[str, int]) -> dict[str, Any]:
    """Tensors for the model: a word's label at its first token, -100 (not counted) elsewhere."""
    import torch

    words = [list(given) for given, _ in sentences]
    encoded = tokenizer(
        words, is_split_into_words=True, padding=True, truncation=True, max_length=LONGEST, return_tensors="pt"
    )
    targets = torch.full(encoded["input_ids"].shape, -100)
    for row, (_, gold) in enumerate(sentences):
        before = None
        for column, word in enumerate(encoded.word_ids(row)):
            if word is not None and word != before:
                targets[row, column] = index_of[gold[word]]
            before = word
    return {"input_ids": encoded["input_ids"], "attention_mask": encoded["attention_mask"], "labels": targets}


def make_bundle(checkpoint: Path, folder: Path, corpus: Path) -> list[str]:
    """A sealed bundle without certificates: packed and, where Optimum can make it, padded; both in fp32 and fp16.

    Returns:
        Lines about what was left out, and how near fp16 comes to its end.
    """
    from export.certify.attest.graph import attest_graph
    from export.graphs.packed import packed_from_checkpoint
    from export.graphs.padded import padded_from_checkpoint
    from export.graphs.shared_weights import share_weights
    from export.pipeline import PACKED, PADDED, WEIGHTS, seal_uncertified
    from export.torch_model import load_model
    from export.variants import fp16_variants
    from runtime.bundle.checkpoint import open_checkpoint
    from runtime.bundle.store import seal
    from runtime.system.libraries import available_threads

    folder.mkdir(parents=True)
    said, model, source = [], load_model(checkpoint), open_checkpoint(checkpoint)
    graphs = [packed_from_checkpoint(model, folder / PACKED)]
    try:
        graphs.insert(0, padded_from_checkpoint(model, folder / PADDED))
    except Exception as error:  # Optimum fits few versions of transformers, and the packed graphs do without it
        (folder / PADDED).unlink(missing_ok=True)
        said.append(f"no padded graph: {error!r:.200}")
    words = [given for given, _ in sentences_in(corpus / "train.txt")]
    for graph in tuple(graphs):
        variants_of = fp16_variants(
            folder / graph.file,
            graph,
            source,
            words,
            threads=available_threads(),
            most=_SEARCHED,
        )
        said += [variant.said for variant in variants_of]
        graphs += [variant.graph for variant in variants_of]
    share_weights([folder / graph.file for graph in graphs], folder / WEIGHTS)
    sealed = seal_uncertified(folder, source, tuple(graphs)).manifest
    packed = [graph for graph in graphs if graph.layout == "packed"]
    seal(folder, replace(sealed, attestations=tuple(attest_graph(folder / graph.file, graph) for graph in packed)))
    return said


def add_engines(folder: Path) -> list[str]:
    """Build TensorRT engines into a bundle of make_bundle's; lines about them."""
    from export.engines.bundle_engines import with_engines
    from export.engines.options import TensorRTOptions
    from runtime.bundle.manifest import Profile
    from runtime.bundle.store import open_bundle, seal

    tensorrt_options = TensorRTOptions(
        wanted=True, level=_LEVEL, profiles=tuple(Profile(*shape) for shape in _PROFILES)
    )
    made = with_engines(open_bundle(folder), tensorrt_options)
    seal(folder, made.manifest)
    return [f"{one.file}: {one.built_for}, {len(one.profiles)} shapes, {one.layers}" for one in made.manifest.engines]


def make_fp8_bundle(bundle: Path, folder: Path, corpus: Path) -> list[str]:
    """A sealed bundle without certificates: the graph in fp8 alone, made of those in another bundle of make_bundle's.

    Nothing is left out of fp8: how fast it is, is a matter of shape; a checkpoint of one's own is for the gate.
    """
    from export.certify.attest.graph import attest_graph
    from export.pipeline import PACKED
    from export.quantize.fp8 import fp8_from_graph
    from export.variants import FILES
    from runtime.bundle.store import CONFIG, TOKENIZER, digest_of, open_bundle, seal
    from runtime.system.libraries import available_threads

    folder.mkdir()
    held = open_bundle(bundle)
    for name in (TOKENIZER, CONFIG):
        shutil.copyfile(held.file(name), folder / name)
    manifest = held.manifest
    made = fp8_from_graph(
        held.file(PACKED),
        held.file(FILES["fp16"]),
        folder / FILES["fp8"],
        held.graph_in(PACKED),
        held.file(TOKENIZER),
        [words for words, _ in sentences_in(corpus / "train.txt")],
        max_length=manifest.max_length,
        labels=len(manifest.labels),
        threads=available_threads(),
        goal=10_000,
    )
    files = {name: digest_of(folder / name) for name in (TOKENIZER, CONFIG, made.graph.file)}
    attested = attest_graph(folder / made.graph.file, made.graph, kept=made.kept)
    seal(folder, replace(manifest, files=files, graphs=(made.graph,), attestations=(attested,), engines=()))
    return [f"{made.graph.file}: {made.changed.per_10k:.1f} labels in 10,000 changed on held-out text"]


def flops_of(checkpoint: Path) -> float:
    """Operations of the matrix products of one token."""
    from bench.workloads.subject import flops_per_token

    return flops_per_token(json.loads((checkpoint / "config.json").read_text(encoding="utf-8")))
