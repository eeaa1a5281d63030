"""Where a checkpoint comes from: a folder, or a hub id that is fetched into the hub's cache. Safetensors only."""

from __future__ import annotations

import re
from pathlib import Path

from runtime.bundle.store import TOKENIZER
from runtime.encode.tokenizer import Encoder
from runtime.errors import BundleError, CheckpointError

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
# No pickles: they are never fetched.
_FILES = ("config.json", "tokenizer*.json", "special_tokens_map.json", "*.safetensors", "*.safetensors.index.json")


def checkpoint_folder(name: str) -> Path:
    """The folder of a checkpoint that is named by its folder or hub id.

    Raises:
        CheckpointError: there is no such folder, and no such model can be had from the hub.
    """
    path = Path(name)
    if path.is_dir():
        return path
    if not _HUB_ID.fullmatch(name) or name.startswith((".", "build/")):
        raise CheckpointError(name, "there is no such folder", "give a checkpoint folder or a hub id")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=list(_FILES)))
    except Exception as error:  # the hub's errors, and those of every layer of the network below it
        reason = str(error).strip().partition("\n")[0]
        problem = f"neither a folder, nor to be had from the hub ({reason})"
        raise CheckpointError(name, problem, "check the name, and that the hub can be reached") from error


def check_tokenizer(checkpoint: Path, *, vocabulary: int) -> None:
    """Refuse a tokenizer that the runtime could not open, before anything is exported.

    Raises:
        CheckpointError: it is damaged, or gives out ids that the embedding table of `vocabulary` rows does not have.
    """
    place = str(checkpoint / TOKENIZER)
    try:
        encoder = Encoder(checkpoint / TOKENIZER)
    except BundleError as error:
        raise CheckpointError(place, error.problem, "take an intact copy of it") from error
    if encoder.largest_id >= vocabulary:
        problem = f"its ids reach {encoder.largest_id}, the model's embedding table ends at {vocabulary - 1}"
        raise CheckpointError(place, problem, "take the tokenizer that the checkpoint was trained with")
