"""Models for the GPU check: MiniLM's and bert-large's true shapes, made without a network.

Speed depends on the shape only, so weights are random. MiniLM is trained for some seconds on the generated corpus: the
labels of a random model change with the last bit of its logits, and a certificate would say nothing.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.systems.hf_pipeline import dtype_argument
from bench.workloads.bert_large import Shape

MINILM = Shape(hidden=384, layers=6, heads=12, inner=1536, vocabulary=30522)
LONGEST = 512
# Tokens of the tokenizer. The embedding table has as many rows as the true shape all the same.
_TOKENS = 6000
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_BATCH, _RATE = 64, 3e-4


def make_corpus(folder: Path) -> None:
    """Write the generated sample, as `make export` does, with a smaller valid.txt."""
    command = [sys.executable, "-m", "train.corpus.sample", "--output", str(folder), "--valid", "1500"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def sentences_in(file: Path) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return the words and labels of each sentence of a CoNLL file."""
    from runtime.text.conll import read_conll

    return [(sentence.words, sentence.labels) for sentence in read_conll(file)]


def make_checkpoint(folder: Path, shape: Shape, corpus: Path) -> None:
    """Make a checkpoint of that shape with random weights; its tokenizer and labels come from the corpus."""
    import torch
    import transformers

    sentences = sentences_in(corpus / "train.txt")
    # "O" first, as in common checkpoints.
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


def train_briefly(folder: Path, corpus: Path, *, seconds: float, device: str = "cuda") -> dict[str, float]:
    """Train a checkpoint in place, on the first token of each word.

    Args:
        folder: the checkpoint.
        corpus: a folder with train.txt.
        seconds: for how long.
        device: PyTorch's name of it.

    Returns:
        The number of steps, and the last loss.
    """
    import torch
    import transformers

    loader = transformers.AutoModelForTokenClassification
    model = (
        loader.from_pretrained(folder, local_files_only=True, trust_remote_code=False, **dtype_argument(torch.float32))
        .to(device)
        .train()
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    optimizer = torch.optim.AdamW(model.parameters(), lr=_RATE)
    batches = [_batch(tokenizer, part, model.config.label2id) for part in _parts(sentences_in(corpus / "train.txt"))]
    begun, steps, loss = time.monotonic(), 0, float("nan")
    for batch in itertools.cycle(batches):
        result = model(**{name: tensor.to(device) for name, tensor in batch.items()})
        result.loss.backward()
        # Random weights give large first gradients.
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        steps, loss = steps + 1, result.loss.item()
        # By time and not by steps: a slow GPU must not use up the check's minutes.
        if time.monotonic() - begun > seconds:
            break
    model.cpu().save_pretrained(folder)
    return {"steps": steps, "loss": loss}


def _parts(sentences: Sequence[Any]) -> list[Sequence[Any]]:
    return [sentences[first : first + _BATCH] for first in range(0, len(sentences), _BATCH)]


def _batch(tokenizer: Any, sentences: Sequence[Any], index_of: dict[str, int]) -> dict[str, Any]:
    """Return tensors for the model: a word's label at its first token, -100 (not counted) elsewhere."""
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
