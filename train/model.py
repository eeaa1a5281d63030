"""A base's tokenizer and weights, loaded for training: the classifier is new, everything else must be there.

Word pieces, word by word; the labels of the corpus in the configuration. It knows nothing of the Trainer or of files'
names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import torch
from transformers import (
    AutoConfig,
    AutoModelForTokenClassification,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.utils import logging

from runtime.conll import Sentence
from runtime.errors import CheckpointError, UsageError
from train.align import IGNORED, Loss, WordIds, loss_of, piece_labels
from train.base import Base

_T = TypeVar("_T")
_NO_LIMIT: Final = 10**30
# Their position table begins after the padding's index (modeling_roberta.py: create_position_ids_from_input_ids).
_POSITIONS_AFTER_PADDING: Final = frozenset(
    {"roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "longformer", "mpnet", "data2vec-text"}
)


@dataclass(frozen=True, slots=True)
class Example:
    """One sentence as word pieces.

    Attributes:
        features: the model's inputs and "labels", each a list of one number a piece.
        word_ids: index of each piece's word, None for special pieces. [pieces]
        loss: words of it whose label reaches no piece.
    """

    features: dict[str, list[int]]
    word_ids: WordIds
    loss: Loss

    @property
    def labelled(self) -> bool:
        """Whether any piece carries a label; without one the sentence teaches nothing and its loss is 0/0."""
        return any(label != IGNORED for label in self.features["labels"])


def load_tokenizer(base: Base) -> PreTrainedTokenizerFast:
    """The base's fast tokenizer, made to take words one by one and to cut nothing by itself.

    Raises:
        CheckpointError: it cannot be loaded, or not as a fast one.
    """
    kind = _load_or_explain(base, lambda: AutoTokenizer.from_pretrained(base.folder))
    if _byte_level_without_prefix(kind):
        # Otherwise a word given by itself is not the word after a space that the base has learnt.
        kind = AutoTokenizer.from_pretrained(base.folder, add_prefix_space=True)
    if not isinstance(kind, PreTrainedTokenizerFast) or _byte_level_without_prefix(kind):
        found = f"{type(kind).__name__} cannot take words one by one"
        raise CheckpointError(base.name, found, "give a base with a fast tokenizer")
    # Some bases (all-MiniLM) keep a length in tokenizer.json to cut and pad to; it would outlive this run.
    kind.backend_tokenizer.no_truncation()
    kind.backend_tokenizer.no_padding()
    return kind


def examples_of(
    tokenizer: PreTrainedTokenizerFast, sentences: Sequence[Sentence], labels: Sequence[str], max_length: int
) -> list[Example]:
    """Each sentence as word pieces with labels, cut to max_length; what the cut costs is counted in Example.loss."""
    index = {label: number for number, label in enumerate(labels)}
    with_types = "token_type_ids" in tokenizer.model_input_names
    backend = tokenizer.backend_tokenizer
    backend.enable_truncation(max_length)
    try:
        encodings = backend.encode_batch([list(sentence.words) for sentence in sentences], is_pretokenized=True)
    finally:
        backend.no_truncation()
    examples = []
    for sentence, encoding in zip(sentences, encodings, strict=True):
        cut = [word for overflow in encoding.overflowing for word in overflow.word_ids]
        features = {"input_ids": encoding.ids, "attention_mask": encoding.attention_mask}
        if with_types:
            features["token_type_ids"] = encoding.type_ids
        features["labels"] = piece_labels(encoding.word_ids, [index[label] for label in sentence.labels])
        examples.append(Example(features, encoding.word_ids, loss_of(len(sentence.words), encoding.word_ids, cut)))
    return examples


def load_config(base: Base, labels: Sequence[str]) -> tuple[PretrainedConfig, bool]:
    """The base's configuration with these labels, and whether the base's own classifier serves them.

    A base that tells exactly these labels apart keeps its classifier and the order of its labels.
    """
    config: PretrainedConfig = _load_or_explain(base, lambda: AutoConfig.from_pretrained(base.folder))
    is_classifier = any(name.endswith("ForTokenClassification") for name in config.architectures or ())
    known = [config.id2label[index] for index in sorted(config.id2label)]
    keeps = is_classifier and len(known) == len(labels) and set(known) == set(labels)
    if not keeps:
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: index for index, label in enumerate(labels)}
    return config, keeps


def longest_input(config: PretrainedConfig, tokenizer: PreTrainedTokenizerFast) -> int:
    """Most word pieces, special ones included, that the base takes."""
    positions = getattr(config, "max_position_embeddings", None) or _NO_LIMIT
    if config.model_type in _POSITIONS_AFTER_PADDING:
        positions -= config.pad_token_id + 1
    return int(min(positions, tokenizer.model_max_length))


def check_max_length(max_length: int, longest: int) -> None:
    """Raise UsageError where the recipe allows inputs longer than the base takes."""
    if max_length > longest:
        found = f"{max_length} where the base takes {longest} word pieces at most"
        raise UsageError("--max-length", found, f"give --max-length {longest}")


def load_model(base: Base, config: PretrainedConfig, *, keep_classifier: bool) -> PreTrainedModel:
    """The base with a classifier for config's labels, new from torch's random numbers unless the base's is kept.

    Raises:
        CheckpointError: the weights cannot be read, or some of the encoder's are missing or of another shape.
    """
    model, report = _load_or_explain(base, lambda: _load_quietly(base, config))
    absent = [*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])]
    in_encoder = sorted(key for key in absent if key.startswith(f"{model.base_model_prefix}."))
    if in_encoder:
        found = f"{len(in_encoder)} of the encoder's weights are missing or of another shape ({in_encoder[0]})"
        raise CheckpointError(base.name, found, "give a checkpoint whose config.json fits its weights")
    if not keep_classifier:
        _renew_classifier(model)
    return model


def _load_quietly(base: Base, config: PretrainedConfig) -> tuple[PreTrainedModel, dict[str, Any]]:
    """The model and what transformers would warn of, which load_model judges itself."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        loaded: tuple[PreTrainedModel, dict[str, Any]] = AutoModelForTokenClassification.from_pretrained(
            base.folder,
            config=config,
            use_safetensors=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            dtype=torch.float32,
        )
        return loaded
    finally:
        logging.set_verbosity(verbosity)


def _renew_classifier(model: PreTrainedModel) -> None:
    """Draw the classifier anew: a base's own, of the same shape, would answer for other labels."""
    encoder = f"{model.base_model_prefix}."
    for name, weight in model.named_parameters():
        if name.startswith(encoder) or weight.shape[0] != model.config.num_labels:
            continue
        with torch.no_grad():
            weight.normal_(std=model.config.initializer_range) if weight.dim() > 1 else weight.zero_()


def _byte_level_without_prefix(tokenizer: object) -> bool:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return False
    return any(
        node.get("type") == "ByteLevel" and not node["add_prefix_space"]
        for node in _nodes(json.loads(backend.to_str())["pre_tokenizer"])
    )


def _nodes(tree: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    """A pre-tokenizer's description and those it is made of."""
    if tree is not None:
        yield tree
        for part in tree.get("pretokenizers", ()):
            yield from _nodes(part)


def _load_or_explain(base: Base, load: Callable[[], _T]) -> _T:
    """What `load` gives, or a CheckpointError in place of whatever the libraries raise on a broken file."""
    try:
        return load()
    except Exception as error:  # tokenizers and safetensors raise bare Exceptions on a broken file
        raise CheckpointError(
            base.name, f"cannot be loaded ({error})", "give a whole checkpoint of a known kind"
        ) from error
