"""What OpenVINO compiled, kept between starts in a file that is verified before it is used.

OpenVINO's own cache believes its files: one flipped bit in one of them changed a quarter of the labels, without a word.
So the file is ours: a digest of what it is for and of the rest, then the rest. It is copied to a file without a name
while it is verified, and mapped into memory from there, so that nobody can change it afterwards. A digest does not say
who wrote a file; so one that others own or may write into is not read. Nor does it say that OpenVINO compiled rightly:
a graph is kept once it has passed the self-check (see runtime.backends.base.Keeping), and removed where it fails one.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import tempfile
import time
import uuid
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from runtime.bundle.store import Precision
from runtime.errors import StorageError
from runtime.system.cpu import cpu_info, flags_of
from runtime.system.files import copy_with_sha256, only_we_write, open_regular

# The digest's line is filled up to a page, so that what follows can be mapped as the library wants it.
_PAGE = 4096
_SUFFIX = ".compiled"
# What a file vouches for, as a part of its name: files of earlier versions were written before any self-check.
_PASSED = "passed its self-check"
# Files of a bundle that are kept: one for each candidate and number of threads and streams. A MiniLM's has 90 MB.
_KEPT = 12
# Seconds after which a file that is being written was left behind by a process that was killed.
_LEFT_BEHIND = 3600.0
# Bytes of files whose graphs in floating point are kept; bert-large's has 1.7 billion.
_MOST_BYTES = 1_000_000_000


def worth_keeping(precision: Precision, *, graph_bytes: int) -> bool:
    """Whether a compiled graph opens faster than the graph is compiled anew.

    Compiling takes as long as a graph has operators, and most where they are quantized; verifying and copying takes as
    long as it has bytes. bert-large's shape (OpenVINO 2026.4, seconds of CPU time, compiled anew and kept): bf16 1.6
    and 3.6, with a file of 1.3 GB, and twice as much memory the first time; int8 2.3 and 0.8 to 1.5, with 0.4 GB.

    Args:
        precision: of the candidate.
        graph_bytes: of all files that its answers come from.
    """
    return precision == "int8" or graph_bytes <= _MOST_BYTES


class CompiledCache:
    """The compiled form of one graph under one set of settings.

    Args:
        folder: where it is kept; empty: nowhere.
        graph: name of the graph's file in its bundle.
        settings: all that OpenVINO is told.
        version: of OpenVINO.

    Attributes:
        lacks_it: there is a folder, and nothing in it that this process has loaded or stored.
    """

    def __init__(self, folder: str, graph: str, settings: Mapping[str, Any], version: str) -> None:
        # The folder has the bundle's digest in its name.
        made_for = (Path(folder).name, graph, sorted(settings.items()), version, sorted(flags_of(cpu_info())))
        told = repr((*made_for, _PASSED))
        self._key = hashlib.sha256(told.encode()).hexdigest()
        self._file = Path(folder) / (self._key[:16] + _SUFFIX) if folder else None
        self.lacks_it = bool(folder)

    def load(self, core: Any, settings: Mapping[str, Any]) -> tuple[Any, Any]:
        """The compiled model and the memory that it lives in, which must be kept as long; (None, None) without one.

        A file that is damaged, that others can write into, made for something else, or that this OpenVINO cannot read,
        counts as none.
        """
        if self._file is None or not self._file.is_file():
            return None, None
        import openvino

        with contextlib.suppress(OSError, StorageError, ValueError, RuntimeError):
            memory = _verified(self._file, self._key)
            with contextlib.suppress(OSError):  # those that were used last are kept
                os.utime(self._file)
            compiled = core.import_model(openvino.Tensor(memory, shared_memory=True), "CPU", settings)
            self.lacks_it = False
            return compiled, memory
        return None, None

    def remove(self) -> None:
        """Remove what this process has loaded or stored, if anything."""
        if self._file is not None and not self.lacks_it:
            with contextlib.suppress(OSError):
                self._file.unlink()

    def store(self, compiled: Any) -> None:
        """Keep for the next start what has passed the self-check, if there is space; nothing depends on it."""
        if self._file is None:
            return
        self.lacks_it = False
        content = io.BytesIO()
        compiled.export_model(content)
        temporary = self._file.with_suffix(f".{uuid.uuid4().hex}.tmp")
        try:
            _prune(self._file.parent)
            with open(temporary, "xb", opener=partial(os.open, mode=0o600)) as file:
                digest = hashlib.sha256(content.getbuffer()).hexdigest()
                file.write(_digest(self._key, digest).encode().ljust(_PAGE))
                file.write(content.getbuffer())
            temporary.replace(self._file)
        except OSError:
            temporary.unlink(missing_ok=True)


def _digest(key: str, content: str) -> str:
    """Over the digests of what a file is for and of its content: under another name it is worth nothing."""
    return hashlib.sha256(f"{key} {content}".encode()).hexdigest()


def _prune(folder: Path) -> None:
    """Make room for one more file, and remove halves that killed processes have left, as far as that can be done."""
    now, kept = time.time(), []
    for path in folder.iterdir():
        with contextlib.suppress(OSError):  # another process was faster, or it is not ours
            written = path.lstat().st_mtime
            if path.suffix == ".tmp" and now - written > _LEFT_BEHIND:
                path.unlink()
            elif path.suffix == _SUFFIX:
                kept.append((written, path))
    for _, path in sorted(kept, reverse=True)[_KEPT - 1 :]:
        with contextlib.suppress(OSError):
            path.unlink()


def _verified(path: Path, key: str) -> Any:
    """The content behind the digest, mapped from a file without a name.

    Raises:
        ValueError: it is not what was written for this, or others can write into it.
        OSError: it cannot be read or copied.
    """
    with open_regular(path) as file, tempfile.TemporaryFile(buffering=0) as copy:
        if not only_we_write(file):
            raise ValueError("others can write into it")
        digest = file.read(_PAGE).rstrip().decode("ascii")
        if _digest(key, copy_with_sha256(file, copy)) != digest:
            raise ValueError("its digest is another")
        return np.memmap(copy, np.uint8, mode="c")
