"""The checkpoint that a run starts from: found in a folder, an installed package or on the hub, and looked over.

Everything that can be wrong with its files is found here, before torch is loaded: weights that only unpickling could
read, a tokenizer that only Python code could run, broken JSON. It knows nothing of what the files mean.
"""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer

from runtime.bundle.checkpoint import check_files, max_length
from runtime.bundle.hub import checkpoint_folder
from runtime.errors import CheckpointError
from train.notices import check_known, notices

PACKAGE: Final = "package:"
OTHER_LICENSE: Final = "other"
_LICENSE: Final = re.compile(r"^license:[ \t]*([\w.-]+)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Base:
    """A checkpoint whose files are there.

    Attributes:
        name: hub id, package, or name of the folder: what the model card may say.
        folder: where its files are.
        license: as its own model card states it, or "other".
        longest: most tokens of an input, special ones included.
        notices: texts of the licenses and notices that came with it; they stay with what is made of it.
    """

    name: str
    folder: Path
    license: str
    longest: int
    notices: str = ""


def find_base(name: str) -> Base:
    """The checkpoint of that name, its files looked over.

    Args:
        name: a folder, a hub id, or package:NAME/FOLDER for a folder inside an installed package.

    Raises:
        CheckpointError: it cannot be found, or its files are not those of a safetensors checkpoint with a tokenizer, or
            not those that the quick start was measured with.
    """
    folder = _packaged(name) if name.startswith(PACKAGE) else checkpoint_folder(name)
    # Not the whole path of a folder, which says more of the machine than of the checkpoint.
    shown = folder.resolve().name if Path(name).is_dir() else name.removeprefix(PACKAGE)
    longest, package = _look_over(folder), shown.partition("/")[0] if name.startswith(PACKAGE) else ""
    check_known(shown, folder)
    return Base(shown, folder, _license(folder), longest, notices(folder, package))


def _look_over(folder: Path) -> int:
    """Open what can be opened without torch, and return the most tokens that an input may have."""
    config = check_files(folder)
    if "model_type" not in config:
        raise CheckpointError(str(folder / "config.json"), "no model_type", "give a checkpoint of a Hugging Face model")
    # Only their headers are read, which takes no time, and tells whether a download was cut off.
    for weights in folder.glob("*.safetensors"):
        _open_weights(weights)
    _open_tokenizer(folder / "tokenizer.json")
    return max_length(folder, config)


def _packaged(name: str) -> Path:
    package, _, inner = name.removeprefix(PACKAGE).partition("/")
    # The specification tells where the package is without running its code.
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise CheckpointError(name, f"the package {package} is not installed", "run make setup")
    return Path(found.submodule_search_locations[0]) / inner


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


def _license(folder: Path) -> str:
    """What the front matter of the checkpoint's own model card says."""
    card = folder / "README.md"
    if not card.is_file():
        return OTHER_LICENSE
    text = card.read_text(encoding="utf-8", errors="replace")
    front = text.partition("---\n")[2].partition("\n---\n")[0] if text.startswith("---\n") else ""
    match = _LICENSE.search(front)
    return match[1] if match else OTHER_LICENSE
