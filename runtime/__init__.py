"""Nerve's runtime: a bundle in, entities out, without torch. The public names are these.

from runtime import Entity, NerveError, Tagger
"""

from __future__ import annotations

from runtime.entity import Entity
from runtime.errors import NerveError

__version__ = "0.1.0"
__all__ = ["Entity", "NerveError", "__version__"]
