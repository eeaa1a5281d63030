"""TagBatch: columns in, the same columns and their entities out. A plain class that any engine over columns can drive.

    ray:    dataset.map_batches(TagBatch, fn_constructor_kwargs={"bundle": "build/bundle"}, batch_format="numpy", ...)
    Daft:   a class UDF that calls it        Spark: mapInPandas over dict(frame.items())

It knows nothing of any of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from runtime.errors import NerveError, UsageError
from runtime.integrations._open import Folder, Opening, open_tagger
from runtime.tagger import Tagger
from runtime.text.entity import Entity
from runtime.text.given import listed

ENTITIES, ERROR = "entities", "error"
Found = list[dict[str, Any]]


class TagBatch:
    """See the module. The bundle is opened once, when the object is made.

    Args:
        bundle: the bundle's folder.
        column: that holds the texts.
        backend, precision, device, threads, allow_uncertified, limited, public_key, profile: see Opening.

    Raises:
        BundleError, UncertifiedError, BackendError: see Tagger.open.
    """

    def __init__(
        self,
        bundle: Folder,
        *,
        column: str = "text",
        backend: str = "auto",
        precision: str = "auto",
        device: str = "auto",
        threads: int = 0,
        allow_uncertified: bool = False,
        limited: bool = False,
        public_key: str = "",
        profile: str = "",
    ) -> None:
        opening = Opening(
            backend=backend,
            precision=precision,
            device=device,
            threads=threads,
            allow_uncertified=allow_uncertified,
            limited=limited,
            public_key=public_key,
            profile=profile,
        )
        self._column, self._tagger = column, open_tagger(bundle, opening)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """The batch's columns, and "entities" (a list of dictionaries a text) and "error" (empty: none).

        Raises:
            UsageError: it has no such column, or one that is no list.
        """
        if not hasattr(batch, "keys") or self._column not in batch:
            raise UsageError(f"column {self._column!r}", "not in the batch", "name the column that has the texts")
        found, errors = self.tag([*listed(batch[self._column], f"column {self._column!r}")])
        return {**batch, ENTITIES: _objects(found), ERROR: np.array(errors, dtype=object)}

    def tag(self, texts: Sequence[Any]) -> tuple[list[Found], list[str]]:
        """The entities of each text, and why it has none where it could not be read; empty: it could."""
        wrong = ["" if isinstance(text, str) else f"not a text but {type(text).__name__}" for text in texts]
        read = _read(self._tagger, [text if isinstance(text, str) else "" for text in texts])
        errors = [problem or error for problem, (_, error) in zip(wrong, read)]
        return [[asdict(entity) for entity in entities] for entities, _ in read], errors


def _read(tagger: Tagger, texts: Sequence[str]) -> list[tuple[Sequence[Entity], str]]:
    """Entities of each text, and why it has none; what is refused together is read one by one, so that none spoils
    another.
    """
    try:
        answers = list(tagger.answers(texts))
    except NerveError as error:
        return [([], str(error))] if len(texts) == 1 else [_read(tagger, [text])[0] for text in texts]
    return [(answer.entities, str(answer.refused or "")) for answer in answers]


def _objects(values: Sequence[Any]) -> Any:
    """An array of lists; NumPy would make a table of lists that happen to be of one length. [texts]"""
    array = np.empty(len(values), dtype=object)
    for number, value in enumerate(values):
        array[number] = value
    return array
