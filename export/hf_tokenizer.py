"""The tokenizer that transformers opens from a checkpoint, and the bundle's copy of it.

A tokenizer.json is not the whole of a tokenizer: transformers changes it by tokenizer_config.json (strip_accents,
do_lower_case, add_prefix_space, tokenizer_class). The runtime has no transformers, so that a bundle holds what
transformers made of both files, saved by transformers itself.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import transformers

from export.preflight import check_tokenizer
from runtime.bundle.checkpoint import Checkpoint, slow_tokenizer_of
from runtime.errors import CheckpointError, storage_error

_PARTS = ("normalizer", "pre_tokenizer", "post_processor", "model", "added_tokens")
# What transformers' converters import; neither is needed for a tokenizer.json.
_CONVERTERS = ("sentencepiece", "protobuf", "tiktoken")
_INSTALL = "pip install sentencepiece protobuf"


def load_tokenizer(folder: Path, *, for_words: bool) -> transformers.PreTrainedTokenizerBase:
    """The fast tokenizer of a checkpoint, as transformers opens it; a slow one is converted.

    Args:
        folder: the checkpoint.
        for_words: for texts that are given as words. Byte-level tokenizers then need the space that a word lost when
            it was cut out of its text; others ignore it.

    Raises:
        CheckpointError: transformers cannot open it, or there is no fast one of its kind.
    """
    options = {"add_prefix_space": True} if for_words else {}
    with _told_as(partial(_cannot_load, folder)), _without_advice():
        tokenizer: transformers.PreTrainedTokenizerBase = transformers.AutoTokenizer.from_pretrained(
            folder, use_fast=True, local_files_only=True, trust_remote_code=False, **options
        )
    if not tokenizer.is_fast:
        problem = (
            f"there is no fast tokenizer of its kind ({type(tokenizer).__name__}), and only a fast one is exported"
        )
        raise CheckpointError(str(folder), problem, "take a checkpoint that has a tokenizer.json")
    return tokenizer


@contextmanager
def in_use(folder: Path) -> Iterator[None]:
    """Cut texts with what load_tokenizer opened; use it in a `with` statement. Some break only then, at some texts.

    Raises:
        CheckpointError: the tokenizer of the checkpoint in that folder breaks.
    """
    with _told_as(partial(_breaks, folder)):
        yield


def save_tokenizer(checkpoint: Checkpoint, output: Path) -> tuple[Checkpoint, list[str]]:
    """Write the tokenizer that transformers opens, and check it as check_tokenizer does.

    Args:
        checkpoint: whose.
        output: the tokenizer.json to write.

    Returns:
        The checkpoint with this tokenizer in place of its own, and what a person is told of it.

    Raises:
        CheckpointError: see load_tokenizer and export.preflight.check_tokenizer.
        StorageError: no permission, or no space.
    """
    opened = load_tokenizer(checkpoint.folder, for_words=False)
    try:
        output.write_text(opened.backend_tokenizer.to_str(pretty=True), encoding="utf-8")
    except OSError as error:
        raise storage_error(error) from error
    saved = replace(checkpoint, tokenizer=output)
    check_tokenizer(saved)
    return saved, _remarks(checkpoint, output)


def _remarks(checkpoint: Checkpoint, output: Path) -> list[str]:
    if not checkpoint.tokenizer.is_file():
        slow = slow_tokenizer_of(checkpoint.folder)
        return [f"the slow tokenizer ({slow}) is converted: the bundle's tokenizer.json is a fast one"]
    own, saved = (json.loads(path.read_text(encoding="utf-8")) for path in (checkpoint.tokenizer, output))
    changed = [name for name in _PARTS if _plain(own.get(name)) != _plain(saved.get(name))]
    if not changed:
        return []
    return [f"tokenizer_config.json changes the {', '.join(changed)} of tokenizer.json; the bundle has it as changed"]


def _plain(part: Any) -> Any:
    """The part without what other versions of the library leave out because it is usual."""
    if isinstance(part, dict):
        return {name: _plain(value) for name, value in part.items() if value not in (None, False)}
    if isinstance(part, list):
        # Merges were strings before they were pairs.
        return [_plain(item.split(" ") if isinstance(item, str) and " " in item else item) for item in part]
    return part


@contextmanager
def _told_as(told: Callable[[BaseException], CheckpointError]) -> Iterator[None]:
    """Turn what transformers and tokenizers raise, each of its own for every kind of damage, into an error of ours."""
    try:
        yield
    except Exception as error:
        raise told(error) from error
    except BaseException as error:  # tokenizers panics in Rust, which is no Exception
        if type(error).__name__ != "PanicException":
            raise
        raise told(error) from error


def _breaks(folder: Path, error: BaseException) -> CheckpointError:
    return CheckpointError(str(folder), f"its tokenizer breaks on a text ({_reason(error)})", "take an intact copy")


def _reason(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _cannot_load(folder: Path, error: BaseException) -> CheckpointError:
    reason = _reason(error)
    slow = slow_tokenizer_of(folder)
    if slow and not (folder / "tokenizer.json").is_file():
        problem = f"transformers cannot convert its slow tokenizer, {slow} ({reason})"
        if any(name in str(error) for name in _CONVERTERS):
            return CheckpointError(str(folder), problem, f"install what converts it and export again: {_INSTALL}")
        convert = "AutoTokenizer.from_pretrained(FOLDER, use_fast=True).save_pretrained(FOLDER)"
        return CheckpointError(str(folder), problem, f"run {convert} where it opens")
    return CheckpointError(str(folder), f"transformers cannot load its tokenizer ({reason})", "take an intact copy")


@contextmanager
def _without_advice() -> Iterator[None]:
    """Silence transformers' log, which advises to convert what is being converted."""
    logger = logging.getLogger("transformers")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
