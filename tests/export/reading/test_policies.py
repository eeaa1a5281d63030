"""Reading policies are measured on training text, and what is measured becomes the default."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from export.reading.__main__ import main
from export.reading.documents import running
from export.reading.policies import POLICIES, f1_of, readings_of, some_of
from runtime.batch.windowing import Windowing
from runtime.bundle.store import Reading, open_bundle, seal
from runtime.tagger import Tagger
from runtime.text.conll import Sentence, write_conll
from runtime.text.entity import Entity
from tests.lookup import lookup_bundle

SENTENCE = Sentence(("Anna", "saw", "Paris", "."), ("B-PER", "O", "B-LOC", "O"))
DOCUMENTS = ((SENTENCE,) * 3, (SENTENCE,) * 5)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return lookup_bundle(tmp_path / "bundle", {"Anna": "B-PER", "Paris": "B-LOC"})


def test_every_policy_is_measured_and_sentences_win_a_tie(bundle: Path) -> None:
    seconds = itertools.count()
    readings = readings_of(open_bundle(bundle, limited=True), DOCUMENTS, threads=1, clock=lambda: float(next(seconds)))
    assert [reading.policy for reading in readings] == [windowing.policy for windowing in POLICIES]
    assert [(reading.f1, reading.is_default) for reading in readings] == [(1.0, True), (1.0, False), (1.0, False)]
    # Three styles of 32 tokens each, in a second by this clock.
    assert {reading.tokens_per_second for reading in readings} == {96.0}


def test_the_command_seals_it_and_the_tagger_reads_so(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_conll([SENTENCE] * 50, tmp_path / "train.txt")
    assert main([str(bundle), "--corpus", str(tmp_path), "--threads", "1"]) == 0
    assert "sentences             F1 1.0000" in capsys.readouterr().out
    best = open_bundle(bundle, limited=True).manifest.default_reading
    assert best is not None
    assert best.policy == "sentences"


class _Tokens(Tagger):
    """Shows how a tagger reads."""

    def sentences(self, text: str) -> int:
        tokens = self.reader.tokenize([text])
        return len(tokens.encoded.sentence_start) - 1


@pytest.mark.parametrize(("policy", "parts"), [("windows", 1), ("sentences", 2), ("context", 2)])
def test_a_bundle_says_how_it_is_read_and_a_user_has_the_last_word(bundle: Path, policy: str, parts: int) -> None:
    opened = open_bundle(bundle, limited=True)
    reading = Reading(policy, 9 * (policy == "context"), 0.9, 100.0, is_default=True)  # type: ignore[arg-type]
    seal(bundle, replace(opened.manifest, readings=(reading,)))
    text = "Anna came. Paris fell."
    with _Tokens.open(open_bundle(bundle, limited=True)) as tagger:
        assert tagger.sentences(text) == parts
    with _Tokens.open(open_bundle(bundle, limited=True), windowing=Windowing(policy="windows")) as tagger:
        assert tagger.sentences(text) == 1


def test_f1_counts_exact_types_and_places() -> None:
    text = running((SENTENCE,))
    right, wrong = Entity("PER", "Anna", 0, 4, 1.0), Entity("PER", "Paris", 9, 14, 1.0)

    def f1(*entities: Entity) -> float:
        return f1_of([text], [entities])

    assert (f1(right), f1(right, wrong), f1(), f1_of([], [])) == (2 / 3, 0.5, 0.0, 0.0)


@pytest.mark.parametrize(("words", "sizes"), [(1, [3]), (16, [3]), (32, [3, 5]), (1000, [3, 5])])
def test_some_documents(words: int, sizes: Sequence[int]) -> None:
    assert [len(document) for document in some_of(DOCUMENTS, words)] == sizes
