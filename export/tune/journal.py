"""What an unfinished search has measured, a line each, in a file beside the bundle.

A line counts for the same request of the same candidate alone: its files, certificate, library and CPU.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from export.tune.trial import Trial, TrialRequest
from runtime.backends.registry import version_of
from runtime.bundle.schema import SchemaError, read
from runtime.bundle.store import Bundle
from runtime.errors import StorageError
from runtime.system.cpu import cpu_info, flags_of
from runtime.system.files import read_regular

# A journal begins so, and is smaller: a line is a set-up.
_BEGINS, _LARGEST = b'{"key": ', 1 << 26


class Journal:
    """See the module.

    Args:
        path: of the file; it need not be there.
        bundle: what is measured: another bundle's lines count for nothing.

    Raises:
        StorageError: somebody else's file is there, which would be written to, and removed.
    """

    def __init__(self, path: Path, bundle: Bundle) -> None:
        self._path, self._bundle = path, bundle
        _check_ours(path)
        content = self._path.read_bytes() if self._path.is_file() else b""
        self._kept = dict(_trials(content))
        # A process that was killed may have left half a line.
        self._before = b"" if content.endswith(b"\n") or not content else b"\n"

    def __len__(self) -> int:
        """Number of trials that were measured before, of this search or another."""
        return len(self._kept)

    def known(self, request: TrialRequest) -> Trial | None:
        """The trial, if it was measured before."""
        return self._kept.get(self._key(request))

    def keep(self, request: TrialRequest, trial: Trial) -> None:
        """Write a trial down."""
        key = self._key(request)
        if key not in self._kept:
            self._kept[key] = trial
            line = json.dumps({"key": key, "trial": asdict(trial)}) + "\n"
            with self._path.open("ab") as file:
                file.write(self._before + line.encode())
            self._before = b""

    def end(self) -> None:
        """Remove the file: the search is done."""
        self._path.unlink(missing_ok=True)

    def _key(self, request: TrialRequest) -> str:
        candidate, manifest = request.profile.candidate, self._bundle.manifest
        # All that a trial depends on besides the request: a certificate says how a candidate is opened.
        held = [one for one in manifest.certificates if one.candidate == candidate]
        here = version_of(candidate), sorted(flags_of(cpu_info()))
        told = f"{sorted(manifest.files.items())} {held} {here} {request!r}"
        return hashlib.sha256(told.encode(errors="surrogateescape")).hexdigest()


def _trials(content: bytes) -> Iterator[tuple[str, Trial]]:
    for line in content.splitlines():
        try:
            value = json.loads(line)
            yield value["key"], read(Trial, value["trial"])
        except (ValueError, KeyError, TypeError, SchemaError):
            continue  # the line at which the search was interrupted


def _check_ours(path: Path) -> None:
    if not os.path.lexists(path):
        return
    try:
        head = read_regular(path, most=_LARGEST)[: len(_BEGINS)]
        # A process that was killed while it began one has left nothing, or a part of the first line.
        is_ours = head == _BEGINS[: len(head)] and not path.is_symlink()
    except OSError:
        is_ours = False
    if not is_ours:
        problem = "it is there and is no unfinished tuning, which gets that name"
        raise StorageError(str(path), problem, "move it elsewhere")
