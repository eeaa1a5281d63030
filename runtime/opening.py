"""Open what a Tagger is made of: a verified bundle, the candidate that was chosen, its backend, its tokenizer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from runtime.backends.base import NO_SETTINGS, Backend, BackendOptions, Goal
from runtime.backends.registry import open_candidate
from runtime.bundle.certificate import AUTO
from runtime.bundle.manifest import Manifest
from runtime.bundle.store import TOKENIZER, Bundle
from runtime.bundle.third_party import open_folder
from runtime.encode.tokenizer import Encoder
from runtime.selection import Choice, choose, describe
from runtime.system.libraries import available_threads


@dataclass(frozen=True, slots=True)
class OpenModel:
    """A model that is ready to run.

    Attributes:
        manifest: of its bundle: labels and limits.
        encoder: its tokenizer.
        backend: runs it.
        about: what runs, in one line for people.
    """

    manifest: Manifest
    encoder: Encoder
    backend: Backend
    about: str


def open_model(
    bundle: str | PathLike[str] | Bundle,
    *,
    candidate: Choice = AUTO,
    goal: Goal = "throughput",
    threads: int = 0,
    settings: Mapping[str, str] = NO_SETTINGS,
    checkpoint: str | PathLike[str] = "",
    allow_uncertified: bool = False,
) -> OpenModel:
    """Verify a bundle, choose a candidate of it, and open its backend. The arguments are Tagger.open's.

    Raises:
        BundleError: the bundle is missing, damaged, or holds no such candidate.
        UncertifiedError: no candidate that is left holds a passing certificate.
        BackendError: the backend is unknown, not installed, or cannot load the file.
        UsageError: a setting that there is not; the message lists those that there are.
    """
    # A bundle that is handed on open was verified when it was opened, and is not read once more.
    opened = bundle if isinstance(bundle, Bundle) else open_folder(bundle, allow_uncertified=allow_uncertified)
    chosen = choose(opened, candidate, certified=not allow_uncertified, goal=goal)
    options = BackendOptions(
        threads=threads or available_threads(),
        goal=goal,
        certified=not allow_uncertified,
        checkpoint=Path(checkpoint) if checkpoint else None,
        settings=settings,
    )
    # The tokenizer first: it is opened in milliseconds, and a backend that is open must be closed again.
    encoder = Encoder(opened.file(TOKENIZER))
    backend = open_candidate(chosen, opened, options)
    return OpenModel(opened.manifest, encoder, backend, describe(opened, chosen, candidate))
