"""Word labels to tokens and back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from train.align import IGNORED, Loss, describe, first_tokens, loss_of, token_labels, word_labels

# [CLS] 0 0 1 3 3 3 [SEP]: word 2 has no token.
WORD_IDS = [None, 0, 0, 1, 3, 3, 3, None]


@st.composite
def _sentences(draw: st.DrawFn) -> tuple[list[int | None], list[int]]:
    """Word ids of a sentence, each word of 0 to 4 tokens, and a label index for each word."""
    tokens = draw(st.lists(st.integers(0, 4), min_size=1, max_size=20))
    labels = draw(st.lists(st.integers(0, 8), min_size=len(tokens), max_size=len(tokens)))
    return [None, *(word for word, count in enumerate(tokens) for _ in range(count)), None], labels


def test_the_first_token_of_a_word_carries_its_label() -> None:
    assert first_tokens(WORD_IDS) == {0: 1, 1: 3, 3: 4}
    assert token_labels(WORD_IDS, [5, 6, 7, 8]) == [IGNORED, 5, IGNORED, 6, 8, IGNORED, IGNORED, IGNORED]


def test_a_word_without_a_token_is_read_as_outside() -> None:
    assert word_labels(WORD_IDS, [9, 5, 9, 6, 8, 9, 9, 9, 9, 9], 4, outside=0) == [5, 6, 0, 8]


@given(_sentences())
def test_labels_come_back_from_the_tokens(sentence: tuple[list[int | None], list[int]]) -> None:
    word_ids, labels = sentence
    back = word_labels(word_ids, token_labels(word_ids, labels), len(labels), outside=-1)
    kept = set(word_ids)
    assert back == [label if word in kept else -1 for word, label in enumerate(labels)]


@given(_sentences(), st.integers(1, 20))
def test_every_word_is_kept_cut_or_empty(sentence: tuple[list[int | None], list[int]], limit: int) -> None:
    word_ids, labels = sentence
    kept, cut = word_ids[:limit], word_ids[limit:]
    loss = loss_of(len(labels), kept, cut)
    assert len(set(kept) - {None}) + loss.cut + loss.empty == len(labels)
    assert loss.sentences == (loss.cut > 0)


def test_a_word_whose_first_token_is_kept_is_not_lost() -> None:
    assert loss_of(4, [None, 0, 0, 1, None], [3, 3, 3]) == Loss(cut=1, empty=1, sentences=1)
    assert loss_of(2, [None, 0, 1, None], [1, 1]) == Loss()


def test_what_is_lost_is_said_in_words() -> None:
    lost = Loss(cut=2, empty=0, sentences=1) + Loss(cut=1, empty=3, sentences=1)
    assert describe(lost, 64) == "3 words of 2 sentences lie beyond 64 tokens and 3 words have no token"
    assert describe(Loss(), 64) == ""
