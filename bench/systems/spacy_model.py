"""spaCy with a model that is installed. It is another model, so its labels are not compared with the checkpoint's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.systems.base import Failure, Setting, Span, Spec, Split
from bench.systems.baseline_files import Model

# spaCy's English types (OntoNotes) and the types of CoNLL-2003 that they stand for; the others have none there.
_TYPES = {
    **{"PERSON": "PER", "PER": "PER", "ORG": "ORG", "GPE": "LOC", "LOC": "LOC", "FAC": "LOC"},
    **dict.fromkeys(("NORP", "EVENT", "WORK_OF_ART", "PRODUCT", "LANGUAGE", "LAW", "MISC"), "MISC"),
}


def spacy_specs(model: Model) -> list[Spec]:
    """Return one system, with whichever model is installed."""
    batches = (1, 32, 128) if model.thorough else (32,)
    return [
        Spec(
            name="spacy",
            title="spaCy, the first installed model (another model)",
            group="baseline",
            precision="fp32",
            open=open_spacy,
            settings=tuple(Setting(batch, 1, model.threads) for batch in batches),
            needs=("spacy",),
            install="pip install spacy, and a model: python -m spacy download en_core_web_sm",
            versions=("spacy",),
            same_model=False,
        )
    ]


class Spacy:
    """A spaCy pipeline with only its entity recognizer, as spaCy's documentation advises for speed."""

    def __init__(self, pipe: Any, batch: int) -> None:
        self._pipe, self._batch = pipe, batch

    def tag(self, texts: Sequence[str]) -> Any:
        """See System."""
        return [document.ents for document in self._pipe.pipe(texts, batch_size=self._batch)]

    def spans(self, answer: Any) -> list[list[Span]]:
        """See System."""
        return [
            [(_TYPES[one.label_], one.start_char, one.end_char) for one in found if one.label_ in _TYPES]
            for found in answer
        ]

    def split(self, texts: Sequence[str]) -> Split:
        """Return nothing: its batches cannot be seen from outside."""
        return Split({}, 0, 0)

    def close(self) -> None:
        """See System."""
        del self._pipe


def open_spacy(setting: Setting) -> Spacy:
    """Open the first installed model in alphabetical order."""
    import spacy

    names = sorted(spacy.util.get_installed_models())
    if not names:
        raise Failure("spaCy is installed, but no model for it")
    needed = {"tok2vec", "transformer", "ner"}
    pipe = spacy.load(names[0])
    # Tagger, parser and lemmatizer would be timed for answers that nobody asked for.
    for name in pipe.pipe_names:
        if name not in needed:
            pipe.disable_pipe(name)
    return Spacy(pipe, setting.batch)
