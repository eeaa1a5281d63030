"""Opening: how every integration opens a bundle. Its options are plain values, as configuration files hold them."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, cast

from runtime.batch.windowing import DEFAULT_WINDOWING, Windowing
from runtime.bundle.certificate import Wanted
from runtime.bundle.store import Bundle
from runtime.bundle.third_party import open_folder
from runtime.decode.options import BY_WORD, Decoding
from runtime.errors import UsageError
from runtime.prepare import prepare
from runtime.tagger import Tagger

Folder = str | PathLike[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What to run and how.

    Attributes:
        backend, precision, device: of the candidate to run; "auto" leaves it open.
        threads: for the backend; 0 takes every CPU that this process may use.
        allow_uncertified: run a candidate that holds no passing certificate.
        limited: let certificates of limited evidence pass, too.
        public_key: a file; the bundle must be signed with the key that belongs to it. Empty: it need not be.
        profile: name of a profile of the bundle, which says candidate, goal and threads; see runtime.bundle.profile.
            Empty: none.
    """

    backend: str = "auto"
    precision: str = "auto"
    device: str = "auto"
    threads: int = 0
    allow_uncertified: bool = False
    limited: bool = False
    public_key: str = ""
    profile: str = ""

    @property
    def key(self) -> Path | None:
        """The public key's file, where a signature is asked for."""
        return Path(self.public_key) if self.public_key else None


FASTEST = Opening()


def open_tagger(
    bundle: Folder | Bundle,
    opening: Opening = FASTEST,
    *,
    windowing: Windowing = DEFAULT_WINDOWING,
    decoding: Decoding = BY_WORD,
) -> Tagger:
    """A tagger on a bundle.

    Raises:
        BundleError, UncertifiedError, BackendError, UsageError: see Tagger.open.
    """
    # Configuration files hold strings; what is no precision or device finds no candidate, and the error lists them all.
    wanted = Wanted(backend=opening.backend, precision=cast(Any, opening.precision), device=cast(Any, opening.device))
    # A Bundle was opened with what it must prove.
    prepared = prepare(
        bundle,
        wanted,
        goal="throughput",
        allow_uncertified=opening.allow_uncertified,
        limited=opening.limited,
        public_key=opening.key,
        profile=opening.profile,
    )
    return Tagger.open(
        prepared,
        candidate=wanted,
        threads=opening.threads,
        windowing=windowing,
        decoding=decoding,
        allow_uncertified=opening.allow_uncertified,
        profile=opening.profile,
    )


def open_verified(folder: Folder, opening: Opening = FASTEST) -> Bundle:
    """A bundle with every byte verified, for what needs more of it than its tagger.

    Raises:
        BundleError, UncertifiedError, CheckpointError: see runtime.bundle.third_party.open_folder.
    """
    return open_folder(
        folder, allow_uncertified=opening.allow_uncertified, limited=opening.limited, public_key=opening.key
    )


def not_installed(error: ModuleNotFoundError, extra: str) -> UsageError:
    """The error of a module whose library is missing; the extra installs it."""
    return UsageError(f"the library {error.name!r}", "not installed", f"pip install 'nerve-ner[{extra}]'")
