"""Where the layout of a text ends a sentence: blank lines, line breaks that no wrapping made, HTML blocks. Pure.

A program that wraps text fills each line: it begins a new one only where the next word did not fit. So a line break
goes on with its sentence where the line, a blank and the first word of the next line are longer than the paragraph's
longest line, and where most line breaks of that paragraph are such. Every other line break was somebody's wish.
So is one before a list item, around a heading, a rule, a code fence or a row of a table, between a text and what it
quotes (`>`), after a Markdown line that ends in two blanks, and at a form feed, a line or a paragraph separator.

It knows nothing of words or stops, which runtime.text.sentences does.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

_BREAK = re.compile(r"\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")
# Breaks that no wrapping makes.
_WISHED = frozenset("\x0c\u2028\u2029")
# Nobody wraps narrower than this, in code points; lines of verse, addresses and titles are shorter.
_NARROWEST = 40
# Words that a line in capitals must have to be a heading, and not the end of a sentence about NATO.
_HEADING_WORDS = 3
_QUOTE = re.compile(r"[ \t]*((?:>[ \t]*)*)")
# What opens an item of a list: bullets, 1. 1) (1) a. a) (a) iv.
_ITEM = re.compile(
    r"[ \t]*(?:[-*+\u2022\u2023\u25aa\u25cf\u25e6\u2043\u00b7]|\(?(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,5})[.)])[ \t]"
)
# Markdown's heading, fence and row of a table; a line with neither letter nor digit is a rule.
_APART = re.compile(r"[ \t]*(?:#{1,6}[ \t]|```|~~~|\|)")
# Columns: a tab, a bar or three blanks inside a line.
_COLUMNS = re.compile(r"\S(?:[ ]{0,9}\t|[ ]{3}|[ ]\|[ ])")
_LETTER = re.compile(r"[^\W_]")
# Scripts that are wrapped between any two characters: Han, kana, Thai, Lao, Khmer, Myanmar, Tibetan.
_WRAPPED_ANYWHERE = re.compile(
    r"[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]"
)
_BLOCKS = (
    "address article aside blockquote body br caption center dd details div dl dt fieldset figcaption figure footer "
    "form h1 h2 h3 h4 h5 h6 head header hr html legend li main nav ol option p pre section summary table tbody td "
    "tfoot th thead title tr ul"
).replace(" ", "|")
_TAG = re.compile(rf"<(/?)(?:(br|hr)|{_BLOCKS})(?:[\s/][^<>]*)?>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a paragraph.

    Attributes:
        start: its first code point in the text.
        content: without its break, the blanks around it and the marks of a quotation.
        quote: those marks, without blanks.
        is_wished: whether the break before it is one that no wrapping makes.
        opens: whether it begins something of its own, such as an item of a list.
        stands_alone: whether nothing goes on with it either, as with a heading.
        is_capitals: whether it is a heading in capitals.
    """

    start: int
    content: str
    quote: str
    is_wished: bool
    opens: bool
    stands_alone: bool
    is_capitals: bool


def layout_ends(text: str) -> list[int]:
    """Code points before which the layout ends a sentence: 0 < each < len(text), rising, none twice."""
    if "<" not in text and not _BREAK.search(text):
        return []
    ends = set(_line_ends(text))
    if "<" in text:
        # An opening tag belongs to what follows, a closing one and a line break to what came before.
        ends |= {tag.end() if tag[1] or tag[2] else tag.start() for tag in _TAG.finditer(text)}
    return sorted(ends - {0, len(text)})


def _line_ends(text: str) -> Iterator[int]:
    paragraph: list[_Line] = []
    for start, end, is_wished in _lines(text):
        content = text[start:end]
        if content.strip():
            paragraph.append(_line(start, content, is_wished=is_wished))
            continue
        yield from _paragraph_ends(paragraph)
        yield start
        paragraph = []
    yield from _paragraph_ends(paragraph)


def _lines(text: str) -> Iterator[tuple[int, int, bool]]:
    """First and one past the last code point of each line, and whether no wrapping made the break before it."""
    start, is_wished = 0, False
    for found in _BREAK.finditer(text):
        yield start, found.start(), is_wished
        start, is_wished = found.end(), found[0] in _WISHED
    yield start, len(text), is_wished


def _line(start: int, line: str, *, is_wished: bool) -> _Line:
    quoted = _QUOTE.match(line)
    marks = quoted[1] if quoted else ""
    content = line[quoted.end() :] if quoted and marks else line.strip()
    stands_alone = bool(_APART.match(content) or not _LETTER.search(content) or _COLUMNS.search(content))
    is_capitals = content.isupper() and content.count(" ") >= _HEADING_WORDS - 1
    opens = stands_alone or bool(_ITEM.match(content))
    # Markdown's line break: two blanks at the end of a line.
    return _Line(
        start,
        content.strip(),
        marks.replace(" ", ""),
        is_wished,
        opens,
        stands_alone or line.endswith("  "),
        is_capitals,
    )


def _paragraph_ends(lines: list[_Line]) -> Iterator[int]:
    """Where a paragraph begins, and which of the breaks within it end a sentence."""
    if lines:
        yield lines[0].start
    if len(lines) < 2:
        return
    width = max(len(line.content) for line in lines)
    pairs = [(line, after, _is_free(line, after)) for line, after in itertools.pairwise(lines)]
    wrapped = {after.start for line, after, free in pairs if free and _is_full(line, after, width)}
    may_wrap = width >= _NARROWEST and 2 * len(wrapped) > sum(free for _, _, free in pairs)
    for _, after, _ in pairs:
        if not (may_wrap and after.start in wrapped):
            yield after.start


def _is_free(line: _Line, after: _Line) -> bool:
    """Whether wrapping could have made the break between two lines at all."""
    apart = after.is_wished or line.stands_alone or after.opens or line.quote != after.quote
    return not apart and line.is_capitals == after.is_capitals


def _is_full(line: _Line, after: _Line, width: int) -> bool:
    """Whether the first word of the line after would not have fitted."""
    first = 1 if _WRAPPED_ANYWHERE.match(after.content) else len(after.content.split(None, 1)[0])
    return len(line.content) + 1 + first > width
