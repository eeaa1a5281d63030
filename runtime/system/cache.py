"""Where libraries keep what they compiled from a bundle: with the user, not in the bundle, which is sealed."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from runtime.bundle.store import Manifest
from runtime.system.files import only_we_write, open_regular, write_atomically

# Bundles whose compiled models are kept. bert-large's in int8 takes 0.4 GB.
KEPT = 8
MARK = ".nerve-cache"
"""An empty file in every folder that is ours; only such folders are ever removed."""


def cache_folder(library: str, manifest: Manifest, environment: Mapping[str, str]) -> str:
    """A folder for what a library compiles from a bundle; empty where the user has no place for it.

    It lies in $NERVE_CACHE, or else in nerve/ in $XDG_CACHE_HOME or ~/.cache, and can be deleted at any time. The
    bundle's digest is in its name: libraries tell files apart by name, size and time alone. The folders of the last
    KEPT bundles stay, older ones are removed.

    Args:
        library: a folder of its own for each.
        manifest: the bundle's.
        environment: the process's, os.environ.
    """
    home = environment.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        root = Path(environment.get("NERVE_CACHE") or Path(home) / "nerve").expanduser()
        folder = root / library / _digest(manifest)[:16]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARK).touch()
        os.utime(folder)
        # What does not bear the mark, somebody else has put there.
        ours = [each for each in folder.parent.iterdir() if (each / MARK).is_file() and not each.is_symlink()]
        for old in sorted(ours, key=lambda each: -each.stat().st_mtime)[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)
    except (OSError, RuntimeError):  # RuntimeError: "~nobody" is nobody's home, or HOME is not set
        return ""  # compiled anew each time: slower to open, and nothing else is different
    return str(folder) if os.access(folder, os.W_OK) else ""


def write_kept(path: Path, content: bytes) -> None:
    """Keep what a library compiled, behind a digest of it and of its name: libraries believe what they read.

    Raises:
        StorageError: no permission, or no space.
    """
    write_atomically(path, _digest_of(path, content) + b"\n" + content, mode=0o600)


def read_kept(path: Path) -> bytes:
    """What write_kept wrote; nothing where it is not there, or is damaged, or others can write into it."""
    try:
        with open_regular(path) as file:
            is_ours = only_we_write(file)
            digest, _, content = file.read().partition(b"\n")
    except OSError:
        return b""
    return content if is_ours and _digest_of(path, content) == digest else b""


def _digest_of(path: Path, content: bytes) -> bytes:
    """Over a file's name and content: under another name it is worth nothing."""
    return hashlib.sha256(f"{path.name}\n".encode() + content).hexdigest().encode()


def _digest(manifest: Manifest) -> str:
    """Over all files of a bundle: graphs can be equal to a byte where the weights beside them are not."""
    digests = "".join(f"{name} {digest.sha256}\n" for name, digest in sorted(manifest.files.items()))
    return hashlib.sha256(digests.encode()).hexdigest()
