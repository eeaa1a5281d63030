"""Nerve's runtime: a bundle in, entities out, without torch. The public names are these.

from runtime import Entity, NerveError, Tagger
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runtime.errors import NerveError
from runtime.text.entity import Entity

if TYPE_CHECKING:
    from runtime.tagger import Tagger

__version__ = "0.1.0"
__all__ = ["Entity", "NerveError", "Tagger", "__version__"]


def __getattr__(name: str) -> Any:
    # The tagger brings numpy and tokenizers along, which `--help` and half of the package do without.
    if name == "Tagger":
        from runtime.tagger import Tagger

        return Tagger
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
