"""Words that are found piece by piece are those that runtime.text.words finds in the whole text, with their tokens."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Sequence
from itertools import chain

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runtime.encode.piece_table import TextWords
from runtime.encode.pieces import LONGEST_PIECE, LONGEST_TEXT, Pieces
from runtime.text.sentences import Ends, sentence_starts
from runtime.text.words import split_words
from tests.nasty import NASTY


def tokens_of_words(words: Sequence[str]) -> list[tuple[int, ...]]:
    """Two tokens or more for a word; none for a question mark, as for what a tokenizer cleans away."""
    return [() if word == "?" else (len(word), *map(ord, word)) for word in words]


def check(found: TextWords, texts: Sequence[str]) -> None:
    spans = [split_words(text) for text in texts]
    words = [text[start:end] for text, each in zip(texts, spans) for start, end in each]
    tokens = tokens_of_words(words)
    assert found.words.tolist() == [len(each) for each in spans]
    assert found.bounds.tolist() == [list(span) for span in chain.from_iterable(spans)]
    assert found.tokens.tolist() == [len(each) for each in tokens]
    assert found.ids.tolist() == [*chain.from_iterable(tokens)]
    # Which texts have one sentence is told by their pieces; of the others, sentences are looked for.
    for text, may, bounds in zip(texts, found.may.tolist(), spans):
        at = np.array(bounds, np.int32).reshape(-1, 2)
        assert sentence_starts(text, at, may).tolist() == sentence_starts(text, at).tolist()


@pytest.fixture(scope="module")
def pieces() -> Pieces:
    return Pieces(tokens_of_words)


_BLANKS = [" ", " ", " ", "\n", "\t", "  ", "\u00a0", "\u2028", "\u3000", "\x1c", "\n\n"]
_PARTS = [
    "J.",
    "(J.",
    "JJ.",
    "\u00c9.",
    "1.",
    "2.",
    "12.",
    "1234.",
    "\u0661.",
    "Smith",
    "smith",
    "\u00c9mile",
    "U.S.",
    "Mr.",
]
_PARTS += [
    "Oslo,",
    "(3,000.5)",
    "O'Brien's",
    "a,b",
    "\u6771\u4eacX",
    "?",
    "!!",
    "...",
    "x" * LONGEST_PIECE + "y",
    "\x00",
    "\ud800",
]
# What ends sentences.
_PARTS += ["March", "1", "-", "2026-03-01", "OSLO,", "(Wire)", "Then", ".", '."', "he.", "p.", "\u3002", "7)", "<br>"]


@given(st.lists(st.lists(st.tuples(st.sampled_from(_PARTS), st.sampled_from(_BLANKS)), max_size=8), max_size=6))
@settings(max_examples=300, deadline=None)
@example([[("J.", "\n")], [("Smith", " ")]])
@example([[("1.", " "), ("Ann", " "), ("2.", " "), ("Bo", " ")], [("J.", "  "), ("Smith", "")], []])
def test_words_are_those_of_the_whole_text(parts: list[list[tuple[str, str]]]) -> None:
    texts = ["".join(chain.from_iterable(each)) for each in parts]
    check_beside(texts)


_SEEN = Pieces(tokens_of_words)
# Few texts are read without pieces; beside this one all are read with them.
_MORE = "Oslo " * 100


def check_beside(texts: list[str]) -> None:
    # One that is new to each text, and one that has seen others: what is known must not change what is found.
    for pieces in (Pieces(tokens_of_words), _SEEN):
        check(pieces.words([*texts, _MORE, *texts]), [*texts, _MORE, *texts])
        check(pieces.words(texts), texts)


@given(st.lists(st.text(max_size=30), max_size=5))
@settings(max_examples=100, deadline=None)
@example(["OSLO, March 1 (Wire) - Then he. Then", "Ann 1 Bo 2 Cy 3 Di"])
def test_any_text(texts: list[str]) -> None:
    check_beside(texts)


def test_nasty_texts(pieces: Pieces) -> None:
    check(pieces.words([*NASTY, *reversed(NASTY)]), [*NASTY, *reversed(NASTY)])


def test_a_blank_is_what_python_takes_for_one(pieces: Pieces) -> None:
    blanks = [code for code in range(sys.maxunicode + 1) if chr(code).isspace()]
    near = sorted({code + step for code in blanks for step in (-1, 0, 1)} - set(range(0xD800, 0xE000)))
    texts = [f"a{chr(code)}b" for code in near if code >= 0]
    check(pieces.words(texts), texts)
    # The table of blanks is looked up by code point, and the highest ones share its end.
    check(pieces.words([text := f"a{chr(sys.maxunicode)}b {chr(0x3001)} c " * 50]), [text])


def test_the_same_piece_before_a_capital_and_elsewhere(pieces: Pieces) -> None:
    texts = ["plan B. Then", "plan B. then", "plan B.", "Then", "plan B. \u00c9mile", "B.", "B. B. B. b"] * 2
    check(pieces.words(texts), texts)
    for text in texts:
        check(pieces.words([text, _MORE, text]), [text, _MORE, text])


def test_long_texts_and_long_pieces_stand_between_others(pieces: Pieces) -> None:
    long = "Oslo, 1. Ann 2. Bo " * (LONGEST_TEXT // 19 + 1)
    texts = ["A. B", long, "", "x" * (LONGEST_PIECE + 1) + " y", "Paris.", "x " * (LONGEST_TEXT // 2), long[:-1]]
    check(pieces.words(texts), texts)
    assert max(map(len, pieces._table.rows)) <= LONGEST_PIECE + 2
    check(pieces.words([long]), [long])


@pytest.mark.parametrize(
    "text",
    [
        "Ajax 3 2 1 Porto 3 2 0 Lund 3 0 0 Oslo 1",
        "Anna Lund OSLO, Norway 2026-03-01 The bridge",
        "OSLO, March 1 (Wire) - The bridge",
        "OSLO, March 1 -- The bridge",
        "OSLO, 1 March - The bridge",
        "OSLO 2026-03-01 - The bridge",
        "OSLO 2026-03-01- The bridge",
        "It rained . Then it stopped",
        "It rained. Then it stopped.",
        'He said "no." Then he left',
        "one\u3002two",
        "a <br> b",
        "a\nb",
        "a \x0c b",
        "1. Ann 2. Bo",
    ],
)
def test_a_text_of_two_sentences_is_told_by_its_pieces(pieces: Pieces, text: str) -> None:
    found = pieces.words([_MORE, text, _MORE, text])
    check(found, [_MORE, text, _MORE, text])
    assert [bool(may) for may in found.may.tolist()] == [False, True, False, True]


def test_most_texts_of_one_sentence_are_not_looked_at(pieces: Pieces) -> None:
    texts = [
        "The U.S. President met Mr. Smith on Oct. 5 in Oslo .",
        "J. Smith scored 3 Goals and 4 Points .",
        "A. B. C",
        "Oslo - Paris 5 - Lund 3",
        "1. Ann Lund ( Oslo )",
        "12. Then",
    ]
    assert pieces.words([*texts, _MORE]).may.tolist() == [Ends.NOTHING] * 7


@pytest.mark.parametrize(
    "text", ["1. Ann", " 1. Ann", "1.\tAnn", "1.\u00a0Ann", "1. \u00a0Ann", "1.5 Ann 1.", "1.", "No 1. Ann", "1. ann"]
)
def test_the_period_of_a_number_that_opens_a_text(pieces: Pieces, text: str) -> None:
    texts = [text, _MORE, text + " 2. Bo", "\n" + text, text + " x\n3. y"]
    check(pieces.words(texts), texts)


def test_no_text(pieces: Pieces) -> None:
    check(pieces.words([]), [])
    check(pieces.words(["", " "]), ["", " "])


def test_pieces_that_are_kept_are_bounded_and_forgetting_them_changes_nothing() -> None:
    pieces = Pieces(tokens_of_words, most=100)
    for start in range(0, 1000, 30):
        texts = [f"w{number}. J. Oslo" for number in range(start, start + 30)]
        check(pieces.words(texts), texts)
        assert 30 <= len(pieces) <= 100
    many = [f"v{number}" for number in range(500)]
    check(pieces.words(many), many)  # more than are kept, in one call
    check(pieces.words([_MORE]), [_MORE])
    assert len(pieces) == 1


def test_lines_without_blanks_are_few_that_are_kept() -> None:
    """A line of Chinese is one piece with many words, and pieces alone were counted."""
    pieces = Pieces(tokens_of_words, most=1000)
    for start in range(0, 2000, 20):
        texts = [chr(0x4E00 + number) * (LONGEST_PIECE - 4) + "1999" for number in range(start, start + 20)]
        check(pieces.words(texts), texts)
        assert len(pieces) <= 16 * 1000 // (4 * (LONGEST_PIECE - 4)) + 20  # of a weight of 240 each


def test_threads_that_learn_at_the_same_time() -> None:
    parts = [*_PARTS, *(f"w{number}" for number in range(300))]
    chosen = random.Random(7)
    texts = [" ".join(chosen.choices(parts, k=9)) for _ in range(400)]
    pieces, errors = Pieces(tokens_of_words, most=150), []

    def read(seed: int) -> None:
        order = random.Random(seed)
        for _ in range(20):
            mine = order.sample(texts, 40)
            try:
                check(pieces.words(mine), mine)
            except Exception as error:
                errors.append(error)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(6)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not errors
