"""spaCy with a bundle in its pipeline: entities, span groups, alignment, batches, saving, drawing."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path
from typing import Any

import pytest

from runtime.errors import BundleError, StorageError, UsageError
from tests.lookup import lookup_bundle

spacy = pytest.importorskip("spacy")

# As the entry point does where nerve-ner is installed.
importlib.import_module("runtime.integrations.spacy_component")

pytestmark = pytest.mark.integration
WORDS = {"Angela": "B-PER", "Merkel": "I-PER", "Paris": "B-LOC", "Oslo": "I-LOC"}
TEXT = "Angela Merkel visited Paris."


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lookup_bundle(tmp_path_factory.mktemp("lookup") / "bundle", WORDS)


def pipeline(bundle: Path | str, **config: Any) -> Any:
    nlp = spacy.blank("en")
    nlp.add_pipe("nerve_ner", config={"bundle": str(bundle), **config})
    return nlp


def entities(doc: Any) -> list[tuple[str, str]]:
    return [(span.text, span.label_) for span in doc.ents]


def test_entities_of_a_document(bundle: Path) -> None:
    nlp = pipeline(bundle)
    assert entities(nlp(TEXT)) == [("Angela Merkel", "PER"), ("Paris", "LOC")]
    assert entities(nlp("")) == []
    assert nlp.get_pipe("nerve_ner").labels == ("LOC", "PER")


def test_entry_point_is_declared() -> None:
    declared = Path("pyproject.toml").read_text(encoding="utf-8")
    assert 'nerve_ner = "runtime.integrations.spacy_component:make_nerve_ner"' in declared
    assert spacy.Language.has_factory("nerve_ner")


def test_span_group_with_scores(bundle: Path) -> None:
    doc = pipeline(bundle, spans_key="nerve")(TEXT)
    assert [(span.text, span.label_) for span in doc.spans["nerve"]] == [("Angela Merkel", "PER"), ("Paris", "LOC")]
    assert all(0.5 < score <= 1 for score in doc.spans["nerve"].attrs["scores"])
    assert doc.ents == ()


def test_entities_of_earlier_components_stay(bundle: Path) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "CITY", "pattern": "Paris"}])
    nlp.add_pipe("nerve_ner", config={"bundle": str(bundle)})
    assert entities(nlp(TEXT)) == [("Angela Merkel", "PER"), ("Paris", "CITY")]


def test_alignment_with_tokens(bundle: Path) -> None:
    def found(mode: str) -> list[str]:
        nlp = pipeline(bundle, alignment_mode=mode)
        # One token of spaCy's, of which the model's word is a part.
        doc = spacy.tokens.Doc(nlp.vocab, words=["in", "Paris,now"])
        return [span.text for span in nlp.get_pipe("nerve_ner")(doc).ents]

    assert found("expand") == ["Paris,now"]
    for mode in ("contract", "strict"):
        with pytest.warns(UserWarning, match="nerve_ner: 1 entities did not fit spaCy's tokens"):
            assert found(mode) == []


def test_many_documents_in_order(bundle: Path) -> None:
    texts = ["Paris " * (number % 5) for number in range(1200)]
    docs = list(pipeline(bundle).pipe(texts, batch_size=100))
    assert [len(doc.ents) for doc in docs] == [number % 5 for number in range(1200)]
    one_by_one = pipeline(bundle).pipe(iter(texts), batch_size=1)
    assert [len(next(one_by_one).ents) for _ in range(5)] == [0, 1, 2, 3, 4]


def test_saved_pipeline_is_whole(bundle: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(bundle, tmp_path / "bundle")
    nlp = pipeline(moved, spans_key="nerve")
    nlp.to_disk(tmp_path / "saved")
    shutil.rmtree(moved)
    again = spacy.load(tmp_path / "saved")
    assert [span.text for span in again(TEXT).spans["nerve"]] == ["Angela Merkel", "Paris"]
    again.to_disk(tmp_path / "saved")
    assert len(spacy.load(tmp_path / "saved")(TEXT).spans["nerve"]) == 2


def test_saving_a_pipeline_replaces_a_bundle_and_nothing_else(bundle: Path, tmp_path: Path) -> None:
    nlp, other = pipeline(bundle), lookup_bundle(tmp_path / "other", {"Oslo": "B-LOC"})
    pipeline(other).to_disk(tmp_path / "saved")
    nlp.to_disk(tmp_path / "saved")
    assert [each.text for each in spacy.load(tmp_path / "saved")(TEXT).ents] == ["Angela Merkel", "Paris"]
    (graph,) = (tmp_path / "saved").glob("**/*.onnx")
    theirs = graph.with_name("thesis.txt")
    theirs.write_text("years of work")
    with pytest.raises(StorageError, match=r"files that are no bundle's are there \(thesis\.txt\)"):
        nlp.to_disk(tmp_path / "saved")
    assert theirs.read_text() == "years of work"
    assert [path.name for path in graph.parent.parent.iterdir()] == ["bundle"]


@pytest.mark.parametrize("name", ["bundle", "bundle/tokenizer.json"])
def test_saving_does_not_take_the_place_of_what_is_no_bundle(bundle: Path, tmp_path: Path, name: str) -> None:
    theirs = tmp_path / "saved" / name
    theirs.parent.mkdir(parents=True)
    theirs.write_text("years of work")
    with pytest.raises(StorageError):
        pipeline(bundle).get_pipe("nerve_ner").to_disk(tmp_path / "saved")
    assert theirs.read_text() == "years of work"
    assert [path.name for path in (tmp_path / "saved").iterdir()] == ["bundle"]


def test_damage_is_found_at_the_first_text(bundle: Path, tmp_path: Path) -> None:
    pipeline(bundle).to_disk(tmp_path / "saved")
    graph = next((tmp_path / "saved").glob("**/*.onnx"))
    graph.write_bytes(graph.read_bytes()[:-1] + b"x")
    with pytest.raises(BundleError, match="sha256"):
        spacy.load(tmp_path / "saved")(TEXT)
    shutil.rmtree(graph.parent)
    with pytest.raises(StorageError, match="no such folder"):
        spacy.load(tmp_path / "saved")


def test_displacy_draws_the_entities(bundle: Path) -> None:
    html = spacy.displacy.render(pipeline(bundle)(TEXT), style="ent", jupyter=False)
    assert "Angela Merkel" in html
    assert "PER" in html
    assert "LOC" in html


def test_what_is_wrong_is_said(bundle: Path) -> None:
    with pytest.raises(UsageError, match="choose one of expand, contract, strict"):
        pipeline(bundle, alignment_mode="stretch")
    with pytest.raises(BundleError, match="it has no bundle"):
        pipeline("")(TEXT)
