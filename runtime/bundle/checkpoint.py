"""What can be said of a checkpoint folder without torch: its digest, its labels, its limits.

A checkpoint is a Hugging Face folder: config.json, model.safetensors (or shards), and a tokenizer.json or the files of
a slow tokenizer, which export converts. It knows nothing of tensors.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.bundle.checkpoint_config import longest_told, read_config
from runtime.bundle.manifest import Source
from runtime.bundle.weights import check_classifier
from runtime.errors import CheckpointError
from runtime.system.files import regular_size, sha256_of_file
from runtime.text.crf import Crf
from runtime.text.label_names import OUTSIDE, SchemeName
from runtime.text.label_schemes import LabelSet, label_set_of

# The files of slow tokenizers, by which each is known.
_SLOW = (
    *("spiece.model", "spm.model", "sentencepiece.bpe.model", "sentencepiece.model", "tokenizer.model"),
    *("bpe.codes", "vocab.txt", "vocab.json"),
)
_PATTERNS = ("config.json", "tokenizer.json", "*.safetensors", "*.safetensors.index.json")
# Each of them changes what transformers makes of a text.
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "merges.txt")
_PICKLES = ("pytorch_model*.bin", "*.pt", "*.pth", "*.ckpt")
# What transformers writes when nobody has named the labels.
_UNNAMED = re.compile(r"LABEL_\d+")


@dataclass(frozen=True, slots=True)
class Description:
    """What a checkpoint's config.json and tokenizer.json say.

    Attributes:
        architecture: transformers' model_type, such as "bert".
        labels: names in the order of the logits.
        max_length: most tokens of a row, special ones included.
        vocabulary: rows of the embedding table.
    """

    architecture: str
    labels: tuple[str, ...]
    max_length: int
    vocabulary: int


@dataclass(frozen=True, slots=True)
class Checkpoint(Description):
    """A checkpoint that was read, checked and hashed once: the value that export hands on from stage to stage.

    Attributes:
        folder: where its files are.
        name: the folder or the hub id, as the user gave it.
        sha256: see sha256_of_checkpoint.
        tokenizer_sha256: the same over all files that make its tokenizer.
        commit: of the hub's repository that it was fetched from; empty where it was not.
        tokenizer: the tokenizer.json; not there yet where the checkpoint has a slow one, and in its place the file that
            transformers saved, once export has made it.
        label_scheme: how the labels spell entities, where somebody said it; "": as their names show.
        crf: its CRF, where it has one and it was read; at most one.
    """

    folder: Path
    name: str
    sha256: str
    tokenizer_sha256: str
    commit: str
    tokenizer: Path
    label_scheme: SchemeName = ""
    crf: tuple[Crf, ...] = ()

    @property
    def label_set(self) -> LabelSet:
        """Its labels with their meaning."""
        return label_set_of(self)

    @property
    def source(self) -> Source:
        """What the manifest of a bundle says of it."""
        return Source(self.name, self.sha256, self.tokenizer_sha256, self.commit)


def open_checkpoint(folder: Path, *, name: str = "", commit: str = "") -> Checkpoint:
    """Read, check and hash a checkpoint folder.

    Args:
        folder: the folder.
        name: what the user called it, if not by its folder.
        commit: see Checkpoint.

    Raises:
        CheckpointError: see describe.
    """
    found = describe(folder)
    return Checkpoint(
        found.architecture,
        found.labels,
        found.max_length,
        found.vocabulary,
        folder=folder,
        name=name or str(folder),
        sha256=sha256_of_checkpoint(folder),
        tokenizer_sha256=_sha256_of(folder, {name for name in (*_TOKENIZER, *_SLOW) if (folder / name).is_file()}),
        commit=commit,
        tokenizer=folder / "tokenizer.json",
    )


def describe(path: Path, *, weights: bool = True) -> Description:
    """Read and check a checkpoint folder.

    Args:
        path: the folder.
        weights: refuse a folder without weights, or with pickled ones alone. Without them, nothing can convert a slow
            tokenizer, either.

    Raises:
        CheckpointError: it is missing or not a checkpoint, its weights are pickled, its tokenizer is missing, or its
            configuration is unreadable, names no labels, or others than the classifier has.
    """
    config = check_files(path, weights=weights, slow_tokenizer=weights)
    labels = _labels(path, config)
    if weights:
        check_classifier(path, len(labels))
    architecture = config.get("model_type", "")
    return Description(architecture, labels, max_length(path, config), _vocabulary(path, config))


def check_files(path: Path, *, weights: bool = True, slow_tokenizer: bool = False) -> dict[str, Any]:
    """The configuration of a folder that holds a checkpoint's files; they need not be those of a NER model.

    Args:
        path, weights: see describe.
        slow_tokenizer: take a slow tokenizer, too, which has no tokenizer.json.

    Raises:
        CheckpointError: it is missing or not a checkpoint, its weights are pickled, its tokenizer is missing or slow,
            or its configuration is unreadable.
    """
    if not path.is_dir():
        raise CheckpointError(str(path), "there is no such folder", "give a checkpoint's folder or its hub id")
    config = read_config(path)
    _check_regular(path)
    if weights:
        _check_weights(path)
    _check_tokenizer(path, convertible=slow_tokenizer)
    return config


def slow_tokenizer_of(path: Path) -> str:
    """The file by which a folder's slow tokenizer is known; empty where there is none."""
    return next((name for name in _SLOW if (path / name).is_file()), "")


def sha256_of_checkpoint(path: Path) -> str:
    """One digest over the configuration, the weights and the tokenizer: over "name sha256" lines in order of name."""
    return _sha256_of(path, {file.name for pattern in _PATTERNS for file in path.glob(pattern)})


def _sha256_of(path: Path, names: set[str]) -> str:
    lines = "".join(f"{name} {sha256_of_file(path / name)}\n" for name in sorted(names))
    return hashlib.sha256(lines.encode()).hexdigest()


def _read_files(path: Path) -> set[str]:
    patterns = (*_PATTERNS, *_TOKENIZER, *_SLOW)
    return {file.name for pattern in patterns for file in path.glob(pattern)}


def _check_regular(path: Path) -> None:
    """Refuse pipes and devices, which would be read forever."""
    for name in sorted(_read_files(path)):
        try:
            regular_size(path / name)
        except OSError as error:
            problem = error.strerror or str(error)
            raise CheckpointError(str(path / name), problem, "take an intact copy of it") from error


def _check_weights(path: Path) -> None:
    if any(path.glob("*.safetensors")):
        return
    pickled = next((file.name for pattern in _PICKLES for file in path.glob(pattern)), "")
    if not pickled:
        raise CheckpointError(str(path), "no weights, there is no model.safetensors", "give another folder")
    problem = f"pickled weights alone ({pickled}), which can run code when they are read"
    command = "AutoModelForTokenClassification.from_pretrained(FOLDER).save_pretrained(NEW, safe_serialization=True)"
    raise CheckpointError(str(path), problem, f"if you trust them, convert them with transformers: {command}")


def _check_tokenizer(path: Path, *, convertible: bool) -> None:
    slow = slow_tokenizer_of(path)
    if (path / "tokenizer.json").is_file() or (slow and convertible):
        return
    problem = (
        f"no tokenizer.json, only a slow tokenizer's {slow}" if slow else "the tokenizer is missing (tokenizer.json)"
    )
    fix = "convert it with transformers: AutoTokenizer.from_pretrained(FOLDER, use_fast=True).save_pretrained(FOLDER)"
    raise CheckpointError(
        str(path), problem, fix if slow else "copy it from the model that the checkpoint was trained from"
    )


def _labels(path: Path, config: dict[str, Any]) -> tuple[str, ...]:
    place = str(path / "config.json")
    named = config.get("id2label") or {}
    fix = 'name them in "id2label" as {"0": "O", "1": "B-PER", ...}, or give a checkpoint trained for NER'
    if not named or all(_UNNAMED.fullmatch(str(label)) for label in named.values()):
        raise CheckpointError(place, "no labels", fix)
    try:
        by_index = {int(index): str(label) for index, label in named.items()}
        labels = tuple(by_index[index] for index in range(len(by_index)))
    except (ValueError, KeyError) as error:
        raise CheckpointError(place, f'the indices of "id2label" are not 0 to {len(named) - 1}', fix) from error
    if OUTSIDE not in labels or len(set(labels)) != len(labels):
        problem = "two labels of one name" if OUTSIDE in labels else 'no label "O"'
        raise CheckpointError(place, problem, fix)
    return labels


def max_length(path: Path, config: dict[str, Any]) -> int:
    """Most tokens of a row: the positions of the configuration, or fewer if the tokenizer was told fewer.

    RoBERTa and its relatives count positions from padding_idx + 1, so that many rows of the table are never used
    (transformers, create_position_ids_from_input_ids). Models without such a table say it, too: for DeBERTa (relative
    positions) and ModernBERT (rotary ones) it is the length they were trained with, and so the longest to trust.
    """
    positions = config.get("max_position_embeddings")
    if not isinstance(positions, int) or positions < 1:
        problem = '"max_position_embeddings" is missing, so the longest row is not known'
        fix = "write there how long the longest row was that the model was trained with"
        raise CheckpointError(str(path / "config.json"), problem, fix)
    if config.get("model_type") in _OFFSET_POSITIONS:
        positions -= int(config.get("pad_token_id") or 0) + 1
        if positions < 1:
            problem = f'"pad_token_id" is {config["pad_token_id"]}, after which its positions hold no token'
            raise CheckpointError(str(path / "config.json"), problem, "take an intact copy of it")
    return int(min(positions, longest_told(path)))


_OFFSET_POSITIONS = frozenset(
    {"roberta", "xlm-roberta", "camembert", "xlm-roberta-xl", "longformer", "mpnet", "luke"}
    | {"data2vec-text", "esm", "ibert", "roberta-prelayernorm", "xmod"}
)


def _vocabulary(path: Path, config: dict[str, Any]) -> int:
    size = config.get("vocab_size")
    if not isinstance(size, int) or size < 1:
        raise CheckpointError(str(path / "config.json"), '"vocab_size" is missing', "take an intact copy of it")
    return size
