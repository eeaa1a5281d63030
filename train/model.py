"""A base's tokenizer and weights, loaded for training: the classifier is new, everything else must be there.

It knows nothing of the Trainer, of sentences or of files' names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
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

from runtime.errors import CheckpointError, UsageError
from train.base import Base

_T = TypeVar("_T")
# What transformers reads of such a length in tokenizer.json, and would write to tokenizer_config.json.
_KEPT_LENGTHS: Final = ("max_length", "stride", "truncation_strategy", "pad_to_multiple_of", "pad_token_type_id")


def load_tokenizer(base: Base) -> PreTrainedTokenizerFast:
    """The base's fast tokenizer, made to take words one by one and to cut nothing by itself.

    Raises:
        CheckpointError: it cannot be loaded, or not as a fast one.
    """
    kind = _load_or_explain(base, lambda: AutoTokenizer.from_pretrained(base.folder, trust_remote_code=False))
    if _byte_level_without_prefix(kind):
        # Otherwise a word given by itself is not the word after a space that the base has learned.
        kind = AutoTokenizer.from_pretrained(base.folder, add_prefix_space=True, trust_remote_code=False)
    if not isinstance(kind, PreTrainedTokenizerFast) or _byte_level_without_prefix(kind):
        problem = f"{type(kind).__name__} cannot take words one by one"
        raise CheckpointError(base.name, problem, "give a base with a fast tokenizer")
    # Some bases (all-MiniLM) keep a length in tokenizer.json to cut and pad to; it would outlive this run.
    kind.backend_tokenizer.no_truncation()
    kind.backend_tokenizer.no_padding()
    for name in _KEPT_LENGTHS:
        kind.init_kwargs.pop(name, None)
    return kind


def load_config(base: Base, labels: Sequence[str]) -> tuple[PretrainedConfig, bool]:
    """The base's configuration with these labels, and whether the base's own classifier serves them.

    A base that tells exactly these labels apart keeps its classifier and the order of its labels.
    """
    config: PretrainedConfig = _load_or_explain(
        base, lambda: AutoConfig.from_pretrained(base.folder, trust_remote_code=False)
    )
    is_classifier = any(name.endswith("ForTokenClassification") for name in config.architectures or ())
    keeps = is_classifier and sorted(labels_of(config)) == sorted(labels)
    if not keeps:
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: index for index, label in enumerate(labels)}
    return config, keeps


def labels_of(config: PretrainedConfig) -> tuple[str, ...]:
    """The label names that a configuration holds, by index."""
    names = config.id2label or {}
    return tuple(names[index] for index in sorted(names))


def check_max_length(max_length: int, longest: int) -> None:
    """Raise UsageError where the recipe allows inputs longer than the base takes."""
    if max_length > longest:
        problem = f"{max_length} where the base takes {longest} tokens at most"
        raise UsageError("max_length", problem, f"give {longest} or less")


def load_model(base: Base, config: PretrainedConfig, *, keep_classifier: bool) -> PreTrainedModel:
    """The base with a classifier for config's labels, new from torch's random numbers unless the base's is kept.

    Raises:
        CheckpointError: the weights cannot be read, or some of the encoder's are missing or of another shape.
    """
    model, report = _load_or_explain(base, lambda: _load_quietly(base, config))
    # Versions of transformers differ in whether they give a mismatch as its name or as name and shapes.
    mismatched = (key if isinstance(key, str) else key[0] for key in report["mismatched_keys"])
    absent = [*report["missing_keys"], *mismatched]
    in_encoder = sorted(key for key in absent if key.startswith(f"{model.base_model_prefix}."))
    if in_encoder:
        problem = f"{len(in_encoder)} of the encoder's weights are missing or of another shape ({in_encoder[0]})"
        raise CheckpointError(base.name, problem, "give a checkpoint whose config.json fits its weights")
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
            trust_remote_code=False,
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
