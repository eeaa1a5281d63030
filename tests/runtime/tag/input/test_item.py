"""Items: their places, and their text, words and entities in the form that an output needs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import CorpusError
from runtime.tag.input.item import Item, as_text, as_words, place_of, segments, utf8
from runtime.text.answer import Answer
from runtime.text.entity import Entity
from runtime.text.label_schemes import LabelSet

_TEXT = "Maria Keller flew to Oslo ."
_FOUND = Answer((Entity("PER", "Maria Keller", 0, 12, 0.5), Entity("LOC", "Oslo", 21, 25, 0.25)))


def test_a_text_becomes_words_and_words_become_text() -> None:
    item = Item(file="x", line=1, text=_TEXT)
    words, labels = as_words(item, _FOUND)
    assert list(zip(words, labels)) == [
        ("Maria", "B-PER"),
        ("Keller", "I-PER"),
        ("flew", "O"),
        ("to", "O"),
        ("Oslo", "B-LOC"),
        (".", "O"),
    ]
    back = Item(file="x", line=1, kind="words", words=tuple(words))
    assert as_text(back, Answer(labels=labels), LabelSet(["O", *labels])) == (_TEXT, [(0, 12, "PER"), (21, 25, "LOC")])
    # An entity that is less than a word, as aggregation by tokens finds them, labels the word.
    part = Answer((Entity("PER", "ari", 1, 4, 1.0),))
    assert as_words(item, part)[1] == ["B-PER", "O", "O", "O", "O", "O"]


def test_a_place_is_a_line_a_file_or_a_number() -> None:
    assert place_of("news.txt", 3) == "news.txt:3"
    assert Item(file="news.txt", line=0).place == "news.txt"
    assert Item(file="", line=2).place == "text 2"


def test_filler_has_nothing_to_tag_and_nothing_wrong() -> None:
    assert Item(file="x", line=1, raw=b"\n", kind="filler").is_filler
    assert not Item(file="x", line=1, raw=b"\n").is_filler  # an empty text is a text
    assert not Item(file="x", line=1, text="a").is_filler
    assert not Item(file="x", line=1, kind="words", words=("a",)).is_filler
    assert not Item(file="x", line=1, problem=CorpusError("x:1", "broken", "fix it")).is_filler


@given(st.text(max_size=20), st.lists(st.integers(0, 20), max_size=6, unique=True))
def test_segments_are_the_whole_text(text: str, bounds: list[int]) -> None:
    edges = sorted(bound for bound in bounds if bound <= len(text))
    marks = [(start, end, "PER") for start, end in zip(edges[::2], edges[1::2])]
    parts = list(segments(text, marks))
    assert "".join(part for part, _ in parts) == text
    assert all(part for part, _ in parts)
    assert [part for part, label in parts if label] == [text[start:end] for start, end, _ in marks]


def test_half_of_a_surrogate_pair_becomes_the_replacement_character() -> None:
    assert utf8("Z\u00fcrich") == "Z\u00fcrich".encode()
    assert utf8("a\ud83d b") == "a\ufffd b".encode()
