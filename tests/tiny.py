"""Tiny random checkpoints with real tokenizers, made on the fly: every test's own model, in a fraction of a second.

    folder = tiny_checkpoint(tmp_path / "model", labels=("O", "B-PER", "I-PER"), architecture="roberta")

The weights are random and seeded; the tokenizers are trained on the few lines below, so that words fall apart into
pieces as real ones do. An architecture is one line of ARCHITECTURES: how its tokenizer and its configuration are made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers as hf
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

LABELS = ("O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER")
"""What a tiny model tells apart unless a test says otherwise."""

TEXT = (
    "Maria Keller flew from Lisbon to Oslo on Friday .",
    "The river rose again , said John Abara of Northwind Energy .",
    "Northwind Energy opened an office in Nairobi last spring .",
    "In Oslo , Peter Lund met the council of Lisbon .",
    "Nobody was hurt when the old bridge near Nairobi fell .",
    "Anna Lund joined Harbour Bank in 2019 and left it in 2021 .",
)
"""Training text of the tokenizers."""

_HIDDEN, _LAYERS, _HEADS, _VOCABULARY = 32, 2, 2, 300


@dataclass(frozen=True, slots=True)
class Architecture:
    """How to make one kind of model.

    Attributes:
        tokenizer: trains the tokenizer of its family.
        wrap: the transformers class around the tokenizer, which knows the names of its special tokens.
        options: what that class has to be told besides.
        config: vocabulary size and number of positions to a configuration.
    """

    tokenizer: Callable[[], Tokenizer]
    wrap: Callable[..., hf.PreTrainedTokenizerFast]
    options: Mapping[str, object]
    config: Callable[[int, int], hf.PretrainedConfig]


def tiny_checkpoint(
    folder: Path, *, labels: Sequence[str] = LABELS, architecture: str = "bert", positions: int = 64, seed: int = 0
) -> Path:
    """Write a checkpoint (config.json, model.safetensors, tokenizer.json and what goes with it) and return its folder.

    Args:
        folder: created where missing.
        labels: label names by index; none at all makes an encoder without a classifier, as a base is.
        architecture: a name in ARCHITECTURES.
        positions: longest input in word pieces, special ones included.
        seed: of the random weights.
    """
    kind = ARCHITECTURES[architecture]
    tokenizer = kind.wrap(tokenizer_object=kind.tokenizer(), **kind.options)
    tokenizer.model_max_length = positions
    config = kind.config(len(tokenizer), positions)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = _model(config, labels)
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(str(folder))
    return folder


def _model(config: hf.PretrainedConfig, labels: Sequence[str]) -> hf.PreTrainedModel:
    if not labels:
        encoder: hf.PreTrainedModel = hf.AutoModel.from_config(config)
        return encoder
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: index for index, label in enumerate(labels)}
    classifier: hf.PreTrainedModel = hf.AutoModelForTokenClassification.from_config(config)
    return classifier


def _wordpiece() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(
        TEXT, trainers.WordPieceTrainer(vocab_size=_VOCABULARY, special_tokens=special, show_progress=False)
    )
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def _byte_level_bpe() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer.train_from_iterator(
        TEXT,
        trainers.BpeTrainer(
            vocab_size=_VOCABULARY + 60, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        ),
    )
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return tokenizer


def _unigram() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer.train_from_iterator(
        TEXT,
        trainers.UnigramTrainer(vocab_size=_VOCABULARY, special_tokens=special, unk_token="<unk>", show_progress=False),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


def _bert(vocabulary: int, positions: int) -> hf.PretrainedConfig:
    return hf.BertConfig(
        vocab_size=vocabulary,
        hidden_size=_HIDDEN,
        num_hidden_layers=_LAYERS,
        num_attention_heads=_HEADS,
        intermediate_size=2 * _HIDDEN,
        max_position_embeddings=positions,
    )


def _distilbert(vocabulary: int, positions: int) -> hf.PretrainedConfig:
    return hf.DistilBertConfig(
        vocab_size=vocabulary,
        dim=_HIDDEN,
        n_layers=_LAYERS,
        n_heads=_HEADS,
        hidden_dim=2 * _HIDDEN,
        max_position_embeddings=positions,
    )


def _roberta_like(make: Callable[..., hf.PretrainedConfig]) -> Callable[[int, int], hf.PretrainedConfig]:
    # Positions of this family begin after the padding's index, 1: two rows of its table serve no word piece.
    return lambda vocabulary, positions: make(
        vocab_size=vocabulary,
        hidden_size=_HIDDEN,
        num_hidden_layers=_LAYERS,
        num_attention_heads=_HEADS,
        intermediate_size=2 * _HIDDEN,
        max_position_embeddings=positions + 2,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        type_vocab_size=1,
    )


ARCHITECTURES = {
    "bert": Architecture(_wordpiece, hf.BertTokenizerFast, {"do_lower_case": False}, _bert),
    "distilbert": Architecture(_wordpiece, hf.DistilBertTokenizerFast, {"do_lower_case": False}, _distilbert),
    "roberta": Architecture(_byte_level_bpe, hf.RobertaTokenizerFast, {}, _roberta_like(hf.RobertaConfig)),
    "xlm-roberta": Architecture(_unigram, hf.XLMRobertaTokenizerFast, {}, _roberta_like(hf.XLMRobertaConfig)),
}
