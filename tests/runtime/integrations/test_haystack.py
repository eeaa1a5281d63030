"""Haystack's pipeline with a bundle in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lookup import lookup_bundle

pytest.importorskip("haystack")
from haystack import Document, Pipeline

from runtime.integrations.haystack import NerveEntityExtractor

pytestmark = pytest.mark.integration
WORDS = {"Angela": "B-PER", "Merkel": "I-PER", "Paris": "B-LOC"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lookup_bundle(tmp_path_factory.mktemp("lookup") / "bundle", WORDS)


def test_documents_come_back_with_entities(bundle: Path) -> None:
    pipeline = Pipeline()
    pipeline.add_component("ner", NerveEntityExtractor(bundle=str(bundle)))
    again = Pipeline.loads(pipeline.dumps(), allowed_modules=["runtime.integrations.haystack"])
    given = [Document(content="Angela Merkel in Paris", meta={"id": 7}), Document(content=None)]
    for each in (pipeline, again):
        documents = each.run({"ner": {"documents": given}})["ner"]["documents"]
        found = [NerveEntityExtractor.get_stored_annotations(document) for document in documents]
        assert [[(one.entity, one.start, one.end) for one in entities] for entities in found] == [
            [("PER", 0, 13), ("LOC", 17, 22)],
            [],
        ]
        assert documents[0].meta["id"] == 7
    assert NerveEntityExtractor.get_stored_annotations(given[0]) == ()
