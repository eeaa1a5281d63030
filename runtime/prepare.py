"""From a bundle's folder to a chosen candidate whose files are verified and nobody else's. No backend is opened yet."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Self

from runtime.bundle.certificate import Candidate
from runtime.bundle.onnx_scan import check_loops, check_tables
from runtime.bundle.private_files import PrivateFiles
from runtime.bundle.profile import RunProfile
from runtime.bundle.store import Bundle, verify
from runtime.bundle.third_party import read_folder

if TYPE_CHECKING:
    from runtime.backends.base import Goal
    from runtime.selection import Choice


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is about to be opened. Close it once the backend has opened its files.

    Attributes:
        bundle: its files are where they are to be read from.
        candidate: what is to be run.
    """

    bundle: Bundle
    candidate: Candidate
    _files: PrivateFiles | None

    def close(self) -> None:
        """Give back the space that the copies take."""
        if self._files:
            self._files.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def prepare(
    bundle: str | PathLike[str] | Bundle,
    choice: Choice,
    *,
    goal: Goal,
    allow_uncertified: bool,
    limited: bool = False,
    public_key: Path | None = None,
    profile: str | RunProfile = "",
) -> Prepared:
    """Choose a candidate and copy what it needs, verifying every byte on the way.

    Args:
        bundle: a folder, of which every file is verified; or a Bundle, of which those are that the candidate needs.
        choice, goal, allow_uncertified: as Tagger.open has them.
        profile: see Tagger.open; its candidate must be one of those that are wanted.
        limited, public_key: see runtime.bundle.store.open_bundle; a Bundle was opened with its own.

    Raises:
        BundleError, UncertifiedError, BackendError: as Tagger.open.
        StorageError: there is no space for the copies.
    """
    opened = (
        bundle
        if isinstance(bundle, Bundle)
        else read_folder(bundle, allow_uncertified=allow_uncertified, limited=limited, public_key=public_key)
    )
    tuned = opened.profile(profile) if profile and isinstance(profile, str) else profile
    files = PrivateFiles(opened) if opened.sealed else None
    try:
        if files:
            # The weights first: to copy them takes longest, and leaves the interpreter free.
            files.add(opened.shared_files)
        from runtime.selection import (  # it loads numpy, which another thread may do while files are copied
            choose,
            of_profile,
        )

        choice = of_profile(tuned, choice) if isinstance(tuned, RunProfile) else choice
        chosen = choose(opened, choice, certified=not allow_uncertified, goal=goal)
        if files:
            files.add([chosen.file] if chosen.file else [])
        if any(graph.file == chosen.file for graph in opened.manifest.graphs):
            _check_graph(files.bundle() if files else opened, chosen.file)
        if files and not isinstance(bundle, Bundle):
            verify(opened, opened.manifest.files.keys() - {*opened.shared_files, chosen.file})
        return Prepared(files.bundle() if files else opened, chosen, files)
    except BaseException:
        if files:
            files.close()
        raise


def _check_graph(bundle: Bundle, file: str) -> None:
    """Refuse what a backend would run without an end, or what would have it read behind the end of a table."""
    path, place, manifest = bundle.file(file), str(bundle.path / file), bundle.manifest
    check_loops(path, place)
    check_tables(path, place, {"input_ids": manifest.vocabulary, "position_ids": manifest.max_length})
