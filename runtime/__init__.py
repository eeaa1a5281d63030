"""Nerve's runtime: it opens a bundle and finds entities in texts, without torch. This module has the public names.

from runtime import Decoding, Entity, NerveError, Tagger, Windowing

The way of a text, module by module:

tagger                      Tagger, which users call; opening, prepare and selection make one of a bundle
chunk_answers, readers      a chunk of texts -> answers, in three steps; one_text: the short way of a single text
text/, encode/, batch/      words and sentences, tokens, rows and batches
logits                      batches through a backend, in order; backends/ has a file for each library
decode/                     logits -> labels -> entities
bundle/                     the folder that export made: certificates, gate, verified files
self_check, checked_rows    a backend must answer as it did when it was certified
tag/, serve/, integrations/ what stands on a Tagger: the command, the server, other tools
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from runtime.bundle.certificate import Candidate, Wanted
from runtime.errors import (
    BackendError,
    BugError,
    BundleError,
    CheckpointError,
    CorpusError,
    NerveError,
    StorageError,
    TextError,
    UncertifiedError,
    UsageError,
)
from runtime.text.entity import Entity

if TYPE_CHECKING:
    from runtime.batch.windowing import Windowing
    from runtime.bundle.store import Bundle, open_bundle
    from runtime.decode.options import Decoding
    from runtime.tagger import Tagger

__version__ = "0.1.0"
__all__ = [
    "Tagger",
    "Entity",
    "Bundle",
    "open_bundle",
    "Candidate",
    "Wanted",
    "Decoding",
    "Windowing",
    "NerveError",
    "UsageError",
    "CheckpointError",
    "CorpusError",
    "BundleError",
    "UncertifiedError",
    "BackendError",
    "TextError",
    "StorageError",
    "BugError",
    "__version__",
]
# Imported at first use: these modules import numpy and tokenizers, which --help and half of the package do not need.
_LATER = {
    "Tagger": "runtime.tagger",
    "Bundle": "runtime.bundle.store",
    "open_bundle": "runtime.bundle.store",
    "Decoding": "runtime.decode.options",
    "Windowing": "runtime.batch.windowing",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
