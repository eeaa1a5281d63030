"""Tiny random checkpoints with real tokenizers, made on the fly: every test's own model, in a fraction of a second.

    folder = tiny_checkpoint(tmp_path / "model", labels=("O", "B-PER", "I-PER"), architecture="roberta")

The weights are random and seeded; the tokenizers are trained on the few lines below, so that words fall apart into
tokens as real ones do. An architecture is one line of ARCHITECTURES: how its tokenizer and its configuration are made.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

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
    folder: Path,
    *,
    labels: Sequence[str] = LABELS,
    architecture: str | Architecture = "bert",
    positions: int = 64,
    seed: int = 0,
) -> Path:
    """Write a checkpoint (config.json, model.safetensors, tokenizer.json and what goes with it) and return its folder.

    Args:
        folder: created where missing.
        labels: label names by index; none at all makes an encoder without a classifier, as a base is.
        architecture: a name in ARCHITECTURES, or another kind of model.
        positions: longest input in tokens, special ones included.
        seed: of the random weights.
    """
    kind = ARCHITECTURES[architecture] if isinstance(architecture, str) else architecture
    tokenizer = kind.wrap(tokenizer_object=kind.tokenizer(), **kind.options)
    tokenizer.model_max_length = positions
    config = kind.config(len(tokenizer), positions)
    with torch.random.fork_rng(), warnings.catch_warnings():
        # transformers compiles parts of DeBERTa and ModernBERT while it imports them, in ways that PyTorch gives up.
        warnings.simplefilter("ignore", DeprecationWarning)
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


class _Special(NamedTuple):
    """Special tokens: all names in the order of their ids, and those that open and close a text or are unknown."""

    names: tuple[str, ...]
    opening: str
    closing: str
    unknown: str

    def special_tokens(self) -> processors.PostProcessor:
        return processors.TemplateProcessing(
            single=f"{self.opening} $A {self.closing}",
            pair=f"{self.opening} $A {self.closing} $B {self.closing}",
            special_tokens=[(name, self.names.index(name)) for name in (self.opening, self.closing)],
        )


_BRACKETS = _Special(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"), "[CLS]", "[SEP]", "[UNK]")
_ANGLES = _Special(("<s>", "<pad>", "</s>", "<unk>", "<mask>"), "<s>", "</s>", "<unk>")
_MPNET = _Special(("<s>", "<pad>", "</s>", "[UNK]", "<mask>"), "<s>", "</s>", "[UNK]")
_ALBERT = _Special(("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"), "[CLS]", "[SEP]", "<unk>")


def _wordpiece(special: _Special = _BRACKETS, *, lowercase: bool = False) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token=special.unknown))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.train_from_iterator(
        TEXT, trainers.WordPieceTrainer(vocab_size=_VOCABULARY, special_tokens=list(special.names), show_progress=False)
    )
    tokenizer.post_processor = special.special_tokens()
    return tokenizer


def _byte_level_bpe(special: _Special = _ANGLES) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        TEXT,
        trainers.BpeTrainer(
            vocab_size=_VOCABULARY + 60,
            special_tokens=list(special.names),
            initial_alphabet=alphabet,
            show_progress=False,
        ),
    )
    if special == _ANGLES:
        tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    else:
        tokenizer.post_processor = special.special_tokens()
    return tokenizer


def _unigram(special: _Special = _ANGLES) -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.train_from_iterator(
        TEXT,
        trainers.UnigramTrainer(
            vocab_size=_VOCABULARY, special_tokens=list(special.names), unk_token=special.unknown, show_progress=False
        ),
    )
    tokenizer.post_processor = special.special_tokens()
    return tokenizer


def _bert_like(make: Callable[..., hf.PretrainedConfig], **more: object) -> Callable[[int, int], hf.PretrainedConfig]:
    return lambda vocabulary, positions: make(
        vocab_size=vocabulary,
        hidden_size=_HIDDEN,
        num_hidden_layers=_LAYERS,
        num_attention_heads=_HEADS,
        intermediate_size=2 * _HIDDEN,
        max_position_embeddings=positions,
        **more,
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
    # Positions of this family begin after the padding's index, 1: two rows of its table serve no token.
    made = _bert_like(make, pad_token_id=1, bos_token_id=0, eos_token_id=2, type_vocab_size=1)
    return lambda vocabulary, positions: made(vocabulary, positions + 2)


def _uncased() -> Tokenizer:
    return _wordpiece(lowercase=True)


# As the published checkpoints have it: positions by distance alone, in the attention.
_DEBERTA = _bert_like(
    hf.DebertaV2Config,
    relative_attention=True,
    position_biased_input=False,
    pos_att_type=["p2c", "c2p"],
    position_buckets=16,
    share_att_key=True,
    norm_rel_ebd="layer_norm",
    type_vocab_size=0,
)
# Rotary positions, and every layer but the first attends to its neighbourhood only.
_MODERN = _bert_like(
    hf.ModernBertConfig,
    local_attention=16,
    pad_token_id=0,
    cls_token_id=2,
    sep_token_id=3,
    bos_token_id=2,
    eos_token_id=3,
    reference_compile=False,
)
_CASED = {"do_lower_case": False}
_MODERN_NAMES: Mapping[str, object] = {
    "model_input_names": ["input_ids", "attention_mask"],
    "cls_token": "[CLS]",
    "pad_token": "[PAD]",
    "sep_token": "[SEP]",
    "unk_token": "[UNK]",
    "mask_token": "[MASK]",
}

ARCHITECTURES = {
    "bert": Architecture(_wordpiece, hf.BertTokenizerFast, _CASED, _bert_like(hf.BertConfig)),
    "bert-uncased": Architecture(_uncased, hf.BertTokenizerFast, {"do_lower_case": True}, _bert_like(hf.BertConfig)),
    "distilbert": Architecture(_wordpiece, hf.DistilBertTokenizerFast, _CASED, _distilbert),
    "electra": Architecture(
        _uncased,
        hf.ElectraTokenizerFast,
        {"do_lower_case": True},
        _bert_like(hf.ElectraConfig, embedding_size=_HIDDEN // 2),
    ),
    "mpnet": Architecture(lambda: _wordpiece(_MPNET), hf.MPNetTokenizerFast, _CASED, _roberta_like(hf.MPNetConfig)),
    "roberta": Architecture(_byte_level_bpe, hf.RobertaTokenizerFast, {}, _roberta_like(hf.RobertaConfig)),
    "modernbert": Architecture(lambda: _byte_level_bpe(_BRACKETS), hf.PreTrainedTokenizerFast, _MODERN_NAMES, _MODERN),
    "xlm-roberta": Architecture(_unigram, hf.XLMRobertaTokenizerFast, {}, _roberta_like(hf.XLMRobertaConfig)),
    "camembert": Architecture(_unigram, hf.CamembertTokenizerFast, {}, _roberta_like(hf.CamembertConfig)),
    "albert": Architecture(
        lambda: _unigram(_ALBERT),
        hf.AlbertTokenizerFast,
        _CASED,
        _bert_like(hf.AlbertConfig, embedding_size=_HIDDEN // 2, pad_token_id=0),
    ),
    "deberta-v2": Architecture(lambda: _unigram(_BRACKETS), hf.DebertaV2TokenizerFast, _CASED, _DEBERTA),
}
