"""spaCy as a baseline: another model, whose labels are brought to CoNLL's."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from bench.systems.baseline_files import Model
from bench.systems.spacy_model import Spacy, spacy_specs


def _entity(label: str, start: int, end: int) -> SimpleNamespace:
    return SimpleNamespace(label_=label, start_char=start, end_char=end)


def test_types_are_conlls_and_others_are_left_out() -> None:
    found = [[_entity("PERSON", 0, 6), _entity("GPE", 10, 14), _entity("DATE", 20, 24), _entity("NORP", 30, 35)]]
    assert Spacy(None, 1).spans(found) == [[("PER", 0, 6), ("LOC", 10, 14), ("MISC", 30, 35)]]


def test_texts_go_through_the_pipeline_in_batches() -> None:
    sizes: list[int] = []

    def pipe(texts: list[str], batch_size: int) -> list[SimpleNamespace]:
        sizes.append(batch_size)
        return [SimpleNamespace(ents=[_entity("ORG", 0, len(text))]) for text in texts]

    system = Spacy(SimpleNamespace(pipe=pipe), 32)
    assert system.spans(system.tag(["UN"])) == [[("ORG", 0, 2)]]
    assert sizes == [32]
    assert system.split(["UN"]).slots == 0


def test_it_is_not_compared_with_the_checkpoint(tmp_path: Path) -> None:
    (spec,) = spacy_specs(Model(tmp_path, tmp_path, ("O",), 8, threads=1, thorough=False, bf16=False))
    assert not spec.same_model
    assert spec.needs == ("spacy",)
