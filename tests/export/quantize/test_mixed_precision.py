"""The tuning split: its text is not what is fitted to, half of it fills windows, and it finds what does harm."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from export.quantize.mixed_precision import TuningSplit, joined
from export.quantize.wider_text import made_strange
from runtime.backends.base import Backend
from runtime.backends.fake import Fake
from runtime.bundle.store import TOKENIZER
from runtime.errors import CorpusError
from runtime.text.conll import read_conll
from tests.tiny import LABELS

MAX_LENGTH = 64
SOURCE = Path("fp32.onnx")


@pytest.fixture
def sentences(tiny_corpus: Path) -> list[tuple[str, ...]]:
    return [sentence.words for sentence in read_conll(tiny_corpus / "train.txt")]


@pytest.fixture
def tuning(tiny_bundle: Path, sentences: list[tuple[str, ...]]) -> TuningSplit:
    return TuningSplit(tiny_bundle / TOKENIZER, sentences, max_length=MAX_LENGTH, labels=len(LABELS))


@dataclass
class Fitted:
    """A quantizer whose graph has two layers: quantizing "coarse" changes the label of every fifth token id."""

    kept: list[tuple[str, ...]] = field(default_factory=list)
    opened: list[Fake] = field(default_factory=list)

    def write(self, kept: Collection[str]) -> Path:
        self.kept.append(tuple(kept))
        return Path("int8.onnx")

    def open(self, path: Path, *, quantized: bool) -> Backend:
        harmed = quantized and "coarse" not in self.kept[-1]
        assert (path == SOURCE) != quantized

        def label(ids: NDArray[np.int64]) -> NDArray[np.int64]:
            return np.where(harmed & (ids % 5 == 0), 1, 0)

        self.opened.append(Fake(len(LABELS), label))
        return self.opened[-1]


def test_what_is_fitted_to_is_every_fifth_sentence_half_of_it_joined(
    tuning: TuningSplit, sentences: list[tuple[str, ...]]
) -> None:
    fitted, chosen = tuning.fitting, sentences[::5]
    half = len(chosen) // 2
    assert fitted[:half] == chosen[:half]
    assert [word for text in fitted[half:] for word in text] == [word for one in chosen[half:] for word in one]
    assert all(len(text) >= MAX_LENGTH for text in fitted[half:-1])


def test_the_same_sentences_are_made_strange_and_half_of_them_joined(
    tuning: TuningSplit, sentences: list[tuple[str, ...]]
) -> None:
    strange = made_strange(sentences[::5])
    half = len(strange) // 2
    assert tuning.strange == [*strange[:half], *joined(strange[half:], MAX_LENGTH)]


def test_joined_sentences_lose_nothing() -> None:
    assert joined([("a", "b"), ("c",), ("d", "e", "f"), ("g",)], 3) == [["a", "b", "c"], ["d", "e", "f"], ["g"]]


def test_the_layer_that_does_harm_is_kept_and_every_backend_closed(tuning: TuningSplit) -> None:
    quantizer = Fitted()
    kept, change = tuning.search(quantizer, SOURCE, {"fine": 100, "coarse": 60}, goal=1.0)
    assert [each.name for each in kept] == ["coarse"]
    assert kept[0].changed_before > 1000 > kept[0].changed_after == change.per_10k == 0
    assert all(backend.closed for backend in quantizer.opened)


def test_nothing_is_tried_where_the_goal_is_reached_at_once(tuning: TuningSplit) -> None:
    quantizer = Fitted()
    kept, change = tuning.search(quantizer, SOURCE, {"fine": 100, "coarse": 60}, goal=10_000)
    assert (kept, quantizer.kept) == ([], [()])
    # Four fifths of the words are counted: those that nothing is fitted to.
    assert change.labels > 0


def test_a_quick_search_takes_its_ranking_from_elsewhere(tuning: TuningSplit) -> None:
    quantizer = Fitted()
    work = {"fine": 100, "coarse": 60}
    kept, change = tuning.quick_search(
        quantizer, SOURCE, work, lambda text: {"fine": len([*text]) * 1e-4, "coarse": 2.0}, goal=1.0
    )
    assert [each.name for each in kept] == ["coarse"]
    # Nothing was tried by itself but what the ranking says.
    assert quantizer.kept == [(), ("coarse",)]
    assert change.per_10k == 0
    assert all(backend.closed for backend in quantizer.opened)


def test_labels_are_counted_on_the_other_four_fifths(tuning: TuningSplit, sentences: list[tuple[str, ...]]) -> None:
    _, change = tuning.search(Fitted(), SOURCE, {"fine": 1}, goal=10_000)
    assert change.words == sum(len(words) for number, words in enumerate(sentences) if number % 5)


def test_one_sentence_is_not_enough(tiny_bundle: Path) -> None:
    with pytest.raises(CorpusError, match="1 sentences; give more"):
        TuningSplit(tiny_bundle / TOKENIZER, [("one",)], max_length=MAX_LENGTH, labels=7)
