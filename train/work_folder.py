"""The work folder OUTPUT.training: what an interrupted run leaves, and what becomes OUTPUT in one step at the end.

    OUTPUT.training/run.json        recipe, corpus digest and labels of the run that made it
    OUTPUT.training/checkpoint-N/   the Trainer's state after step N
    OUTPUT.training/final/          the new checkpoint, until it takes OUTPUT's place

It knows nothing of what training is.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from safetensors import SafetensorError

from runtime.errors import StorageError, UsageError
from runtime.system.files import check_replaceable, replace_folder, write_atomically

SCORES: Final = "scores.json"
_RUN: Final = "run.json"
_LOCK: Final = "lock"
_STATE: Final = "trainer_state.json"
# Of torch's archive writer (caffe2/serialize/inline_container.cc) and of safetensors.
_WRITING: Final = ("inline_container", "PytorchStreamWriter", "Error while serializing")


class WorkFolder:
    """The folder of one run towards `output`; made by open_work."""

    def __init__(self, output: Path, folder: Path) -> None:
        self.output, self.folder = output, folder
        self.final = folder / "final"

    def last_checkpoint(self) -> Path | None:
        """The newest of the Trainer's checkpoints that was written to its end; None before the first."""
        return next((folder for folder in self._newest_first() if _is_whole(folder)), None)

    def prune(self) -> None:
        """Remove all checkpoints but the newest whole one."""
        last = self.last_checkpoint()
        for folder in self._newest_first():
            if last and folder != last:
                shutil.rmtree(folder)

    def publish(self) -> None:
        """Put final/ in OUTPUT's place and remove the work folder.

        Raises:
            StorageError: no permission.
        """
        replace_folder(self.final, self.output)
        # What says that the folder is a run's goes last: who is killed here leaves nothing that is refused later.
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
        shutil.rmtree(self.folder)

    def _newest_first(self) -> list[Path]:
        folders = [(int(path.name.rpartition("-")[2]), path) for path in self.folder.glob("checkpoint-[0-9]*")]
        return [path for _, path in sorted(folders, reverse=True)]


@contextmanager
def open_work(output: Path, run: Mapping[str, Any], *, resume: bool) -> Iterator[WorkFolder]:
    """The work folder of a run, locked while it is open.

    Args:
        output: the folder to be made; one that an earlier training made is replaced at the end.
        run: what defines the run, as JSON; a run can resume only one that was defined alike.
        resume: go on from the last checkpoint there.

    Raises:
        StorageError: `output` is something that training did not make, or it cannot be written there.
        UsageError: there is an unfinished run and it is not to be resumed; or there is none, or another one, to resume.
    """
    output = output.resolve()
    _check_replaceable(output)
    work = WorkFolder(output, output.with_name(f"{output.name}.training"))
    if resume and not (work.folder / _RUN).is_file():
        raise UsageError(str(work.folder), "no unfinished run to resume is there", "start the run afresh")
    _check_work(work.folder)
    work.folder.mkdir(parents=True, exist_ok=True)
    # Two trainings that write to one folder would mix their checkpoints.
    with _locked(work.folder):
        if resume:
            _check_same(work.folder / _RUN, run)
        elif work.last_checkpoint():
            fix = f"resume it, or start afresh after rm -r {work.folder}"
            raise UsageError(str(work.folder), "an unfinished run is there", fix)
        # What a run leaves that was killed while it saved its result.
        shutil.rmtree(work.final, ignore_errors=True)
        write_atomically(work.folder / _RUN, json.dumps(run, indent=1).encode())
        yield work


def _check_replaceable(output: Path) -> None:
    """Training replaces what training made, and nothing else that a slip of the hand may name."""
    check_replaceable(output)
    if not output.exists():
        return
    if not output.is_dir():
        raise StorageError(str(output), "a file where a folder should be", "choose another place")
    record = _json(output / SCORES) or {}
    if any(output.iterdir()) and not {"recipe", "corpus_sha256", "rows"} <= record.keys():
        raise StorageError(str(output), "a folder that training did not make", "choose another place, or remove it")
    there = {path.relative_to(output).as_posix() for path in output.rglob("*") if not path.is_dir()}
    # Earlier versions did not say which files they had made.
    files = record.get("files", [*there])
    foreign = sorted(there.difference(map(str, files) if isinstance(files, list) else ()))
    if foreign:
        problem = f"a checkpoint with files that training did not make ({', '.join(foreign[:3])})"
        raise StorageError(str(output), problem, "move them elsewhere, or choose another place")


def _check_work(folder: Path) -> None:
    """A work folder is removed at the end, so that it must be one."""
    if not os.path.lexists(folder) or (folder / _RUN).is_file():
        return
    # A run that was killed at its very beginning has left no more than these.
    if not folder.is_dir() or any(path.name != _LOCK and _RUN not in path.name for path in folder.iterdir()):
        problem = "it is there and is no unfinished run, which gets that name"
        raise StorageError(str(folder), problem, "move it elsewhere, or choose another place")


@contextmanager
def storage_checked(folder: Path) -> Iterator[None]:
    """Turn what torch and safetensors raise where they cannot write, which is no OSError, into a StorageError."""
    try:
        yield
    except (RuntimeError, SafetensorError) as error:
        if not any(sign in str(error) for sign in _WRITING):
            raise
        fix = "free some space and resume the run"
        raise StorageError(str(folder), f"a file could not be written ({error})", fix) from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / _LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            fix = "wait for its end, or choose another place"
            raise StorageError(str(folder), "another training is writing there", fix) from error
        yield


def _check_same(path: Path, run: Mapping[str, Any]) -> None:
    before = _json(path)
    if before is None:
        raise UsageError(str(path), "not readable", f"start afresh after rm -r {path.parent}")
    # Through JSON, as what was read was: tuples become lists.
    now = json.loads(json.dumps(run))
    changed = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    if changed:
        problem = ", ".join(f"{key} {now.get(key)} where {before.get(key)} was" for key in changed)
        raise UsageError(
            str(path.parent), f"another run ({problem})", "resume it with the options that it was started with"
        )


def _is_whole(checkpoint: Path) -> bool:
    """The Trainer writes its state last of all."""
    return _json(checkpoint / _STATE) is not None


def _json(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
