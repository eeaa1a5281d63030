"""Sections are a partition of a long text, none much longer than it may be, and end with a paragraph or sentence."""

from __future__ import annotations

import pytest

from runtime.text.sections import LONGEST, SECTION, sections_of
from runtime.text.sentences import split_sentences

SENTENCE = "Anna Lund of Harbour Bank saw the old bridge near Nairobi fall. "


def _sections(text: str) -> list[str]:
    places = list(sections_of(text))
    assert [start for start, _ in places] == [0, *(end for _, end in places[:-1])][: len(places)]
    assert sum(end - start for start, end in places) == len(text)
    assert all(start < end for start, end in places)
    return [text[start:end] for start, end in places]


@pytest.mark.parametrize("text", ["", "Oslo", "x" * SECTION])
def test_a_text_that_is_not_long_is_one_section(text: str) -> None:
    assert _sections(text) == ([text] if text else [])


def test_sections_end_with_a_sentence() -> None:
    text = SENTENCE * 3500
    sections = _sections(text)
    assert all(section.startswith("Anna Lund of") and section.endswith("fall. ") for section in sections)
    assert all(SECTION // 2 <= len(section) <= SECTION for section in sections[:-1])
    apart = [section[start:end] for section in sections for start, end in split_sentences(section)]
    assert apart == [text[start:end] for start, end in split_sentences(text)]


def test_a_paragraph_is_a_better_end_than_a_sentence() -> None:
    text = (SENTENCE * 700 + "\n \r\n") * 6
    assert all(section.endswith("fall. \n \r\n") for section in _sections(text))


def test_a_sentence_as_long_as_sections_is_not_cut() -> None:
    text = f"{'Oslo and Lisbon ' * 20_000}. {SENTENCE * 3000}"
    first, *rest = _sections(text)
    assert SECTION < len(first) < len(text)
    assert all(section.startswith("Anna Lund of") for section in rest)


@pytest.mark.parametrize(("pattern", "end"), [("Oslo and Lisbon, Nairobi ", ", "), ("Anna Lund ", " "), ("x", "x")])
def test_what_has_no_end_is_cut_where_it_hurts_least(pattern: str, end: str) -> None:
    text = pattern * (5 * LONGEST // 4 // len(pattern))
    sections = _sections(text)
    assert all(section.endswith(end) and len(section) <= LONGEST for section in sections[:-1])
    assert len(sections) in (2, 3)
