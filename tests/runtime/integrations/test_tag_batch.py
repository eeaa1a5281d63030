"""TagBatch keeps a batch's columns, and no document spoils another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from runtime.errors import UsageError
from runtime.integrations.tag_batch import TagBatch
from tests.lookup import lookup_bundle

WORDS = {"Angela": "B-PER", "Merkel": "I-PER", "Paris": "B-LOC"}


@pytest.fixture(scope="module")
def tag(tmp_path_factory: pytest.TempPathFactory) -> TagBatch:
    return TagBatch(lookup_bundle(tmp_path_factory.mktemp("lookup") / "bundle", WORDS), column="body", threads=1)


def test_columns_stay_and_entities_come(tag: TagBatch) -> None:
    batch = {"id": np.array([1, 2]), "body": np.array(["Angela Merkel", "in Paris"], dtype=object)}
    out = tag(batch)
    assert (out["id"] is batch["id"], out["body"] is batch["body"]) == (True, True)
    found = [[(one["label"], one["start"], one["end"]) for one in entities] for entities in out["entities"]]
    assert found == [[("PER", 0, 13)], [("LOC", 3, 8)]]
    assert list(out["error"]) == ["", ""]


def test_what_is_no_text_has_an_error_and_its_neighbors_have_entities(tag: TagBatch) -> None:
    found, errors = tag.tag(["Paris", None, 3, "", "Paris"])
    assert [len(entities) for entities in found] == [1, 0, 0, 0, 1]
    assert errors == ["", "not a text but NoneType", "not a text but int", "", ""]


def test_no_texts(tag: TagBatch) -> None:
    assert tag.tag([]) == ([], [])
    assert tag({"body": []})["entities"].shape == (0,)


@pytest.mark.parametrize(
    ("batch", "problem"),
    [
        ({"text": ["Paris"]}, "column 'body': not in the batch"),
        (["Paris"], "column 'body': not in the batch"),
        ({"body": "Paris"}, "column 'body': one string is given"),
        ({"body": 3}, "column 'body': a value of type int is given"),
    ],
)
def test_a_batch_without_texts_is_refused(tag: TagBatch, batch: Any, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        tag(batch)
