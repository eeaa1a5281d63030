"""spaCy's component `nerve_ner`: a bundle's entities in doc.ents or in a span group.

    nlp = spacy.blank("en")
    nlp.add_pipe("nerve_ner", config={"bundle": "build/bundle"})

spaCy finds it by its entry point, once nerve-ner is installed. The bundle is opened at the first text, for spaCy makes
components before it says where their files lie. `nlp.to_disk` copies the bundle, so that what was saved is whole.
"""

from __future__ import annotations

import itertools
import shutil
import uuid
import warnings
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.bundle.store import MANIFEST, sealed_files
from runtime.errors import BundleError, StorageError, UsageError, storage_error
from runtime.integrations._open import FASTEST, Opening, not_installed, open_tagger
from runtime.system.files import replace_folder
from runtime.tagger import Tagger
from runtime.text.entity import Entity

try:
    from spacy.language import Language
    from spacy.util import filter_spans
except ModuleNotFoundError as error:
    raise not_installed(error, "spacy") from error

ALIGNMENTS = ("expand", "contract", "strict")
BUNDLE = "bundle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """Where entities go.

    Attributes:
        spans_key: the span group that they go into, with their scores; empty: doc.ents. Entities that stand there
            already stay, and ours that overlap them are left out.
        alignment_mode: what becomes of an entity that does not begin and end with spaCy's tokens: "expand" and
            "contract" move its ends, "strict" leaves it out; a warning says how many were left out.
    """

    spans_key: str = ""
    alignment_mode: str = "expand"

    def __post_init__(self) -> None:
        if self.alignment_mode not in ALIGNMENTS:
            known = ", ".join(ALIGNMENTS)
            raise UsageError("alignment_mode", f"unknown: {self.alignment_mode!r}", f"choose one of {known}")


class NerveNer:
    """See the module.

    Args:
        name: the component's in its pipeline.
        bundle: the bundle's folder; empty where from_disk is to say it.
        placing: where entities go.
        opening: which candidate runs.
    """

    def __init__(self, name: str, bundle: str, placing: Placing, opening: Opening = FASTEST) -> None:
        self.name, self.bundle = name, bundle
        self._placing, self._opening = placing, opening
        self._taggers: list[Tagger] = []

    @property
    def tagger(self) -> Tagger:
        """The tagger, opened when it is first asked for.

        Raises:
            BundleError, UncertifiedError, BackendError: see Tagger.open.
        """
        if not self._taggers:
            if not self.bundle:
                raise BundleError(self.name, "it has no bundle", 'give add_pipe config={"bundle": FOLDER}')
            self._taggers.append(open_tagger(self.bundle, self._opening))
        return self._taggers[0]

    @property
    def labels(self) -> tuple[str, ...]:
        """The entity types that can come out; none while the bundle is still to come from disk."""
        return tuple(self.tagger.labels.types) if self._taggers or Path(self.bundle, MANIFEST).is_file() else ()

    def __call__(self, doc: Any) -> Any:
        """The document, with its entities."""
        (placed,) = self.pipe([doc])
        return placed

    def pipe(self, stream: Iterable[Any], *, batch_size: int = 512) -> Iterator[Any]:
        """The documents, with their entities, in order and lazily.

        Args:
            stream: documents; a few batches are read ahead.
            batch_size: documents that share batches of the model.
        """
        for_model, docs = itertools.tee(stream)
        answers = self.tagger.stream((doc.text for doc in for_model), chunk=max(1, batch_size))
        left_out = 0
        for doc, entities in zip(docs, answers):
            left_out += self._place(doc, entities)
            yield doc
        if left_out:
            problem = f"{self.name}: {left_out} entities did not fit spaCy's tokens and were left out"
            warnings.warn(f"{problem} (alignment_mode={self._placing.alignment_mode!r})", stacklevel=2)

    def to_disk(self, path: Any, *, exclude: Collection[str] = ()) -> None:
        """Copy the bundle into that folder, whole or not at all.

        Raises:
            StorageError: no permission, no space, or something else than a bundle is there.
            BundleError: what is there has a broken manifest.
        """
        if BUNDLE in exclude or not self.bundle:
            return
        # Opened first: a bundle that is damaged is not copied.
        source, target = Path(self.bundle), Path(path) / BUNDLE
        _ = self.tagger
        if target.exists() and target.samefile(source):
            return
        sealed = _sealed(source)
        names = sealed or _files_in(source)  # a third-party folder is not sealed, nor is its copy
        foreign = sorted(_files_in(target) - _sealed(target) - (set() if sealed else names))
        if foreign:
            problem = f"files that are no bundle's are there ({', '.join(foreign[:3])})"
            raise StorageError(str(target), problem, "move them elsewhere, or save to another folder")
        copy = target.with_name(f".{BUNDLE}.{uuid.uuid4().hex}")
        try:
            for name in names:
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source / name, copy / name)
            replace_folder(copy, target)
        except OSError as error:
            raise storage_error(error) from error
        finally:
            shutil.rmtree(copy, ignore_errors=True)

    def from_disk(self, path: Any, *, exclude: Collection[str] = ()) -> NerveNer:
        """Take the bundle that lies in that folder.

        Raises:
            StorageError: there is none.
        """
        if BUNDLE in exclude:
            return self
        folder = Path(path) / BUNDLE
        if not folder.is_dir():
            raise StorageError(str(folder), "there is no such folder", "save the pipeline again, with its bundle")
        self.bundle = str(folder)
        self._taggers.clear()
        return self

    def _place(self, doc: Any, entities: Sequence[Entity]) -> int:
        """Write entities into a document; how many did not fit its tokens."""
        mode = self._placing.alignment_mode
        spans = [doc.char_span(each.start, each.end, label=each.label, alignment_mode=mode) for each in entities]
        fitting = [(span, entity) for span, entity in zip(spans, entities) if span is not None]
        if self._placing.spans_key:
            doc.spans[self._placing.spans_key] = [span for span, _ in fitting]
            doc.spans[self._placing.spans_key].attrs["scores"] = [entity.score for _, entity in fitting]
        else:
            taken = {token.i for span in doc.ents for token in span}
            free = [span for span, _ in fitting if taken.isdisjoint(range(span.start, span.end))]
            doc.ents = filter_spans([*doc.ents, *free])
        return len(spans) - len(fitting)


@Language.factory(
    "nerve_ner",
    assigns=["doc.ents", "token.ent_iob", "token.ent_type"],
    default_config={
        "bundle": "",
        "spans_key": "",
        "alignment_mode": "expand",
        "backend": "auto",
        "precision": "auto",
        "device": "auto",
        "threads": 0,
        "allow_uncertified": False,
        "limited": False,
        "public_key": "",
        "profile": "",
    },
)
def make_nerve_ner(
    nlp: Language,
    name: str,
    bundle: str,
    spans_key: str,
    alignment_mode: str,
    backend: str,
    precision: str,
    device: str,
    threads: int,
    allow_uncertified: bool,
    limited: bool,
    public_key: str,
    profile: str,
) -> NerveNer:
    """The component; spaCy calls it with what `config` says. See Placing and Opening."""
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
    return NerveNer(name, bundle, Placing(spans_key=spans_key, alignment_mode=alignment_mode), opening)


def _sealed(bundle: Path) -> set[str]:
    """Names of the files that a manifest speaks for; none without one."""
    there = sealed_files(bundle) if (bundle / MANIFEST).is_file() else set()
    return {name for name in there if (bundle / name).is_file()}


def _files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
