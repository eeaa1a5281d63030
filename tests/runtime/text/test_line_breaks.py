"""Line breaks that wrapping made go on with their sentence; those that somebody wished end it."""

from __future__ import annotations

import itertools
import textwrap

import pytest

from runtime.text.line_breaks import layout_ends

_LONG = (
    "the council of Lisbon met on Friday to hear what John Abara of Northwind Energy had to say about the bridge near "
    "Nairobi that fell when nobody was there to see it and the mayor of Oslo came to see it for himself"
)


def _parts(text: str) -> list[str]:
    borders = [0, *layout_ends(text), len(text)]
    parts = [text[start:end] for start, end in itertools.pairwise(borders)]
    return [part.strip() for part in parts if part.strip()]


@pytest.mark.parametrize("width", [45, 60, 72, 78, 100])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_wrapped_text_is_whole(width: int, line_end: str) -> None:
    assert len(_parts(textwrap.fill(_LONG, width).replace("\n", line_end))) == 1


def test_wrapped_paragraphs_without_blank_lines_between() -> None:
    wrapped = textwrap.fill(_LONG, 60)
    assert _parts(f"{wrapped}\n{wrapped}\n{wrapped}") == [wrapped] * 3


def test_wrapped_quotation_and_answer() -> None:
    quoted = textwrap.fill(_LONG, 60, initial_indent="> ", subsequent_indent="> ")
    assert _parts(f"{quoted}\n> > Why?\nBecause.") == [quoted, "> > Why?", "Because."]


def test_wrapped_items_of_a_list() -> None:
    items = [textwrap.fill(_LONG, 60, initial_indent=mark, subsequent_indent="  ") for mark in ("- ", "* ", "2) ")]
    assert _parts("\n".join(items)) == items


@pytest.mark.parametrize(
    ("kind", "lines"),
    [
        ("a sentence a line", ["Anna came", "Peter, who had come by ship, left before she did", "Nobody knows"]),
        ("verse and addresses", ["Anna Lund", "12 High Street", "Oslo"]),
        ("paragraphs", ["One paragraph", "", "and another"]),
        ("bullets", ["What we need:", "- bread", "\u2022 milk", "1. honey", "(a) salt"]),
        ("table by tabs", ["Name\tCity", "Anna Lund\tOslo", "Peter\tLisbon"]),
        ("table by bars", ["| Name | City |", "|---|---|", "| Anna | Oslo |"]),
        ("table by columns", ["Name          City", "Anna Lund     Oslo"]),
        ("Markdown", ["# Bridges of Nairobi", "They fell", "---", "```", "x = 1", "```"]),
        ("heading in capitals", ["THE OLD BRIDGE NEAR NAIROBI HAS FALLEN", "nobody was hurt when it fell, they said"]),
        ("mail", ["> you asked me", "and I answered"]),
    ],
)  # fmt: skip
def test_lines_that_end(kind: str, lines: list[str]) -> None:
    assert _parts("\n".join(lines)) == [line for line in lines if line], kind


@pytest.mark.parametrize("separator", ["\x0c", "\u2028", "\u2029", "  \n", "\n\n", "\n \t\n", "\r\n\r\n"])
def test_breaks_that_no_wrapping_makes(separator: str) -> None:
    first, second = textwrap.fill(_LONG, 60), textwrap.fill(_LONG, 60)
    assert _parts(first + separator + second) == [first, second]


def test_a_text_in_one_line_has_no_layout() -> None:
    assert layout_ends(_LONG) == []
    assert layout_ends("") == []


def test_tags_of_blocks_and_no_others() -> None:
    assert _parts("<div>Anna <b>Lund</b> < 3<p>Oslo</p>x<hr>y <a href='/p'>z</a> <pear>") == [
        "<div>Anna <b>Lund</b> < 3", "<p>Oslo</p>", "x<hr>", "y <a href='/p'>z</a> <pear>",
    ]  # fmt: skip
