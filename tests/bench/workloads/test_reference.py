"""The checkpoint's own answers, through PyTorch."""

from __future__ import annotations

from pathlib import Path

from bench.measure.jobs import Session
from bench.workloads.reference import reference_labels
from runtime.bundle.checkpoint import describe


def test_every_word_gets_a_label_and_a_text_longer_than_the_model_gets_none(tiny_model: Path) -> None:
    said = describe(tiny_model)
    sentences = [["Oslo", "and", "Lisbon"], ["Oslo"] * 300, []]
    found = reference_labels(Session(), tiny_model, sentences, said.labels, said.max_length, 1)
    assert found[1] is None
    assert found[2] == []
    assert found[0] is not None
    assert len(found[0]) == 3
    assert set(found[0]) <= set(said.labels)
