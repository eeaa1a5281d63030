"""The checkpoint that a run starts from: found in a folder, an installed package or on the hub, and looked over.

Everything that can be wrong with its files is found here, before torch is loaded: weights that only unpickling could
read, a tokenizer that only Python code could run, broken JSON. It knows nothing of what the files mean.
"""

from __future__ import annotations

import importlib.util
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer

from runtime.errors import CheckpointError
from train.hub import offline_unless_reachable

PACKAGE: Final = "package:"
OTHER_LICENSE: Final = "other"
_HUB_ID: Final = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")
_CONFIG, _TOKENIZER = "config.json", "tokenizer.json"
_WEIGHTS: Final = ("model.safetensors", "model.safetensors.index.json")
_PICKLED: Final = ("pytorch_model.bin", "pytorch_model.bin.index.json")
_SLOW: Final = ("vocab.txt", "vocab.json", "spm.model", "spiece.model", "sentencepiece.bpe.model")
_LICENSE: Final = re.compile(r"\A---\n(?:.*\n)*?license:[ \t]*([\w.-]+)[ \t]*\n(?:.*\n)*?---\n")


@dataclass(frozen=True, slots=True)
class Base:
    """A checkpoint whose files are there.

    Attributes:
        name: hub id, package, or name of the folder: what the model card may say.
        folder: where its files are.
        license: as its own model card states it, or "other".
    """

    name: str
    folder: Path
    license: str


def find_base(name: str) -> Base:
    """The checkpoint of that name, its files looked over.

    Args:
        name: a folder, a hub id, or package:NAME/FOLDER for a folder inside an installed package.

    Raises:
        CheckpointError: it cannot be found, or its files are not those of a safetensors checkpoint with a tokenizer.
    """
    if name.startswith(PACKAGE):
        folder, shown = _packaged(name), name.removeprefix(PACKAGE)
    elif Path(name).is_dir():
        folder = Path(name)
        shown = folder.resolve().name
    elif _HUB_ID.fullmatch(name):
        folder, shown = _downloaded(name), name
    else:
        raise CheckpointError(name, "no such folder", "give a checkpoint's folder or its hub id")
    check_files(folder, name)
    return Base(shown, folder, _license(folder))


def check_files(folder: Path, name: str) -> None:
    """See that config.json, safetensors weights and tokenizer.json are in `folder` and can be opened.

    Raises:
        CheckpointError: one is missing or broken; it says how to convert what can be converted.
    """
    if not (folder / _CONFIG).is_file():
        raise CheckpointError(name, f"not a checkpoint, it has no {_CONFIG}", "give the folder that holds the model")
    if "model_type" not in _json_object(folder / _CONFIG):
        raise CheckpointError(str(folder / _CONFIG), "no model_type", "give a checkpoint of a Hugging Face model")
    if not any((folder / file).is_file() for file in _WEIGHTS):
        raise _no_weights(folder, name)
    for weights in folder.glob("*.safetensors"):
        _open_weights(weights)
    if not (folder / _TOKENIZER).is_file():
        raise _no_tokenizer(folder, name)
    _open_tokenizer(folder / _TOKENIZER)


def _packaged(name: str) -> Path:
    package, _, inner = name.removeprefix(PACKAGE).partition("/")
    # The specification tells where the package is without running its code.
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise CheckpointError(name, f"the package {package} is not installed", "run make setup")
    return Path(found.submodule_search_locations[0]) / inner


def _downloaded(name: str) -> Path:
    offline_unless_reachable()
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError, RepositoryNotFoundError

    try:
        # Only what is read: no pickled weights, no other framework's.
        return Path(snapshot_download(name, allow_patterns=["*.json", "*.safetensors", "*.txt", "README.md"]))
    except (RepositoryNotFoundError, HFValidationError) as error:
        found = "no such folder, and no such model on the hub"
        raise CheckpointError(name, found, "check the name") from error
    except LocalEntryNotFoundError as error:
        found = "no such folder, and the hub cannot be reached"
        raise CheckpointError(name, found, "check the name and the network, or give a folder") from error


def _open_weights(path: Path) -> None:
    """Read the header, which says how long the file should be."""
    try:
        with safe_open(path, framework="numpy"):
            pass
    except (SafetensorError, OSError) as error:
        raise CheckpointError(str(path), f"damaged or cut off ({error})", "get the file again") from error


def _open_tokenizer(path: Path) -> None:
    try:
        Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises nothing more particular
        raise CheckpointError(str(path), f"not a tokenizer ({error})", "get the file again") from error


def _json_object(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise CheckpointError(str(path), f"not readable as JSON ({error})", "get the file again") from error
    if not isinstance(content, dict):
        raise CheckpointError(str(path), "JSON, but not an object", "get the file again")
    return content


def _no_weights(folder: Path, name: str) -> CheckpointError:
    if any((folder / file).is_file() for file in _PICKLED):
        convert = (
            'convert it where you trust it: python -c "from transformers import AutoModelForTokenClassification as M; '
            f"M.from_pretrained('{name}').save_pretrained('{name}', safe_serialization=True)\""
        )
        return CheckpointError(name, "weights in a pickle only, which can run code when it is opened", convert)
    return CheckpointError(name, "not a checkpoint, it has no model.safetensors", "give the folder with the weights")


def _no_tokenizer(folder: Path, name: str) -> CheckpointError:
    if any((folder / file).is_file() for file in _SLOW):
        convert = (
            'convert it: python -c "from transformers import AutoTokenizer as T; '
            f"T.from_pretrained('{name}').save_pretrained('{name}')\""
        )
        return CheckpointError(name, f"a slow tokenizer only, it has no {_TOKENIZER}", convert)
    return CheckpointError(name, f"it has no {_TOKENIZER}", "save its tokenizer beside the weights")


def _license(folder: Path) -> str:
    """What the front matter of the checkpoint's own model card says."""
    card = folder / "README.md"
    if not card.is_file():
        return OTHER_LICENSE
    match = _LICENSE.match(card.read_text(encoding="utf-8", errors="replace"))
    return match[1] if match else OTHER_LICENSE
