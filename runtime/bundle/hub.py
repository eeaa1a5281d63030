"""A checkpoint by its name: a folder, or a hub id whose files are fetched into the hub's cache. Safetensors only.

A hub id can name a revision, id@revision: a branch, a tag, or a commit, which alone always means the same bytes.
It looks at no file: what a folder holds is checked by runtime.bundle.checkpoint.
"""

from __future__ import annotations

import os
import re
import urllib.error
import urllib.request
from pathlib import Path

from runtime.bundle.checkpoint import Checkpoint, open_checkpoint
from runtime.errors import CheckpointError

_HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?(@[\w.-]+(/[\w.-]+)*)?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
# Only what is read. Pickled weights can run code, and are never fetched.
_FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "bpe.codes", "README.md"]
_PROBE_SECONDS = 10


def find_checkpoint(name: str) -> Checkpoint:
    """The NER checkpoint of that name, which is a folder or a hub id, with a revision or without.

    Raises:
        CheckpointError: it cannot be found, or it is no NER checkpoint; see runtime.bundle.checkpoint.describe.
    """
    folder = checkpoint_folder(name)
    # The hub's cache names a snapshot's folder by its commit.
    from_hub = not Path(name).is_dir() and _COMMIT.fullmatch(folder.name)
    return open_checkpoint(folder, name=name, commit=folder.name if from_hub else "")


def with_revision(name: str) -> tuple[str, str | None]:
    """A hub id and its revision; None, which the hub's libraries take for the main branch, where none is given."""
    repository, _, revision = name.partition("@")
    return repository, revision or None


def checkpoint_folder(name: str) -> Path:
    """The folder of a checkpoint that is named by its folder or its hub id.

    Raises:
        CheckpointError: there is no such folder, and the hub does not give such a model.
    """
    path = Path(name)
    if path.is_dir():
        return path
    # "build/..." is where our own commands put checkpoints, and nobody's name on the hub.
    if not _HUB_ID.fullmatch(name) or name.startswith("build/"):
        raise CheckpointError(name, "there is no such folder", "give a checkpoint's folder or its hub id")
    return _downloaded(name)


def offline_unless_reachable() -> None:
    """Let the hub's libraries use their cache alone where the hub does not answer; they would retry for half a minute.

    It takes effect if they are not imported yet, which is so in a command's process.
    """
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    try:
        urllib.request.urlopen(urllib.request.Request(endpoint, method="HEAD"), timeout=_PROBE_SECONDS).close()
    except urllib.error.HTTPError as error:
        error.close()  # It answered, whatever it thinks of being asked.
    except OSError:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")


def _downloaded(name: str) -> Path:
    offline_unless_reachable()
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    repository, revision = with_revision(name)
    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=_FILES))
    except RevisionNotFoundError as error:
        raise CheckpointError(name, f"{repository} has no revision {revision!r}", "check the revision") from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        problem = "there is no such folder, and no such model on the hub"
        raise CheckpointError(name, problem, "check the name") from error
    except LocalEntryNotFoundError as error:
        problem = "there is no such folder, and the hub cannot be reached"
        raise CheckpointError(name, problem, "check the name and the network, or give a folder") from error
    except Exception as error:  # the hub's other errors, and those of every layer of the network below it
        reason = str(error).strip().partition("\n")[0]
        raise CheckpointError(name, f"the hub does not give it ({reason})", "give a folder") from error
