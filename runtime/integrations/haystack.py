"""Haystack's named-entity extraction on a bundle: documents in, the same documents with entities in their meta out.

    pipeline.add_component("ner", NerveEntityExtractor(bundle="build/bundle"))

It takes the place of NamedEntityExtractor: the same input, output and meta key, and annotations with the same fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from runtime.integrations._open import Opening, not_installed, open_tagger
from runtime.tagger import Tagger

try:
    from haystack import Document, component, default_from_dict, default_to_dict
except ModuleNotFoundError as error:
    raise not_installed(error, "haystack") from error

META = "named_entities"


@dataclass(frozen=True, slots=True)
class NamedEntityAnnotation:
    """An entity of a document, with the fields of Haystack's class of that name; offsets are code points."""

    entity: str
    start: int
    end: int
    score: float


@component
class NerveEntityExtractor:
    """See the module.

    Args:
        bundle: the bundle's folder.
        backend, precision, device, threads, allow_uncertified, limited, public_key, profile: see Opening.
    """

    def __init__(
        self,
        bundle: str,
        backend: str = "auto",
        precision: str = "auto",
        device: str = "auto",
        threads: int = 0,
        allow_uncertified: bool = False,
        limited: bool = False,
        public_key: str = "",
        profile: str = "",
    ) -> None:
        self.bundle = bundle
        self._opening = Opening(
            backend=backend,
            precision=precision,
            device=device,
            threads=threads,
            allow_uncertified=allow_uncertified,
            limited=limited,
            public_key=public_key,
            profile=profile,
        )
        self._taggers: list[Tagger] = []

    def warm_up(self) -> None:
        """Open the bundle; Haystack calls it before a pipeline runs.

        Raises:
            BundleError, UncertifiedError, BackendError: see Tagger.open.
        """
        if not self._taggers:
            self._taggers.append(open_tagger(self.bundle, self._opening))

    @component.output_types(documents=list[Document])
    def run(self, documents: list[Document], batch_size: int = 512) -> dict[str, Any]:
        """Documents with their entities in meta["named_entities"].

        Args:
            documents: one without content has no entities.
            batch_size: documents that share batches of the model.
        """
        self.warm_up()
        texts = [document.content or "" for document in documents]
        answers = self._taggers[0].stream(texts, chunk=max(1, batch_size))
        return {"documents": [_with(document, found) for document, found in zip(documents, answers)]}

    def to_dict(self) -> dict[str, Any]:
        """For a pipeline's YAML."""
        chosen = self._opening
        saved: dict[str, Any] = default_to_dict(
            self,
            bundle=self.bundle,
            backend=chosen.backend,
            precision=chosen.precision,
            device=chosen.device,
            threads=chosen.threads,
            allow_uncertified=chosen.allow_uncertified,
            limited=chosen.limited,
            public_key=chosen.public_key,
            profile=chosen.profile,
        )
        return saved

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> NerveEntityExtractor:
        """From a pipeline's YAML."""
        made: NerveEntityExtractor = default_from_dict(cls, data)
        return made

    @classmethod
    def get_stored_annotations(cls, document: Document) -> Sequence[NamedEntityAnnotation]:
        """The entities that a document holds; empty where nobody looked for any."""
        stored: Sequence[NamedEntityAnnotation] = document.meta.get(META, ())
        return stored


def _with(document: Document, found: Sequence[Any]) -> Document:
    annotations = [NamedEntityAnnotation(each.label, each.start, each.end, each.score) for each in found]
    return replace(document, meta={**document.meta, META: annotations})
