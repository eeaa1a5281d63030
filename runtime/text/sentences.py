"""Text -> sentences, the units that models are trained on. Pure, and linear in the length of the text.

A stop ends a sentence: a word of only . ! ? or an ellipsis, with the closing quotes and brackets that stand at it, if
a blank follows and the next word does not begin in lower case. What runtime.text.words keeps whole ("U.S.", "Mr.",
"3,000.5") holds no stop, nor do initials, numbers of list items, ordinals before a month, or abbreviations that
something always follows ("p. 5"). Full stops of other scripts (Unicode's Sentence_Terminal, UAX #29) end one without a
blank, and so does the layout; see runtime.text.line_breaks. What lost its layout is told by its form: items of lists,
rows of tables, datelines (runtime.text.enumerations, run_on_rows, datelines). Thai and Lao write no stops and end at
layout alone.

Sentences are a partition: every code point of a text is in exactly one, white space goes with the sentence before it,
and no word is cut. Which libraries were measured against this rule, and how: docs/documents.md.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import IntEnum, IntFlag

import numpy as np
from numpy.typing import NDArray

from runtime.text.datelines import dateline_ends
from runtime.text.enumerations import item_numbers
from runtime.text.line_breaks import layout_ends
from runtime.text.run_on_rows import row_ends
from runtime.text.words import split_words

# Sentence_Terminal of Unicode 16 (SentenceBreakProperty, STerm) but ! and ?, block by block: Armenian, Arabic, Syriac,
# NKo, Samaritan, Mandaic, Devanagari, Myanmar, Ethiopic, Canadian, Philippine, Khmer, Mongolian, Limbu, Tai Tham,
# Balinese, Lepcha, Ol Chiki, general and supplemental punctuation, CJK, Lisu, Vai, Bamum, Phags-pa to Meetei Mayek,
# small and full-width forms.
_STRONG = (
    r"\u0589\u061d-\u061f\u06d4\u0700-\u0702\u07f9\u0837\u0839\u083d\u083e\u0964\u0965\u104a\u104b\u1362\u1367\u1368"
    r"\u166e\u1735\u1736\u17d4\u17d5\u1803\u1809\u1944\u1945\u1aa8-\u1aab\u1b5a\u1b5b\u1b5e\u1b5f\u1b7d\u1b7e"
    r"\u1c3b\u1c3c\u1c7e\u1c7f\u2e2e\u2e3c\u3002\ua4ff\ua60e\ua60f\ua6f3\ua6f7\ua876\ua877\ua8ce\ua8cf\ua92f"
    r"\ua9c8\ua9c9\uaa5d-\uaa5f\uaaf0\uaaf1\uabeb\ufe56\ufe57\uff01\uff1f\uff61"
)
# Stops that need a blank: ASCII's, double marks, ellipses, leaders of dots.
_WEAK = r".!?\u203c\u203d\u2047-\u2049\u2024-\u2026\ufe52"
# Which is the period of full-width text, and stands between the digits of a number as well.
_WIDE_PERIOD = "\uff0e"
_CLOSING = r"\"'\u2019\u201d\u00bb\u203a)\]}\u300d\u300f\u3011\u300b\u3009\u3015\uff09\uff3d\uff5d\uff02\uff07"
# Where quotations open low, these close them; elsewhere they open.
_LOW_CLOSING = r"\u201c\u00ab"
_OPENING = r"\"'\u2018\u201a\u201c\u201e\u00ab\u2039(\[{\u00bf\u00a1\u300c\u300e\u3010\u300a\u3008\u3014\uff08"
_MARKS = rf"[{_WEAK}{_STRONG}{_WIDE_PERIOD}]"
_STOP = re.compile(rf"(?<!{_MARKS})({_MARKS}++)[{_CLOSING}]*+(?:[{_LOW_CLOSING}](?=\s|\Z))?")
_MAY_PART = re.compile(
    rf"[\n\r\x0b\x0c\x85\u2028\u2029<{_STRONG}{_WIDE_PERIOD}]|{_MARKS}[{_CLOSING}{_LOW_CLOSING}]*\s+\S"
    # A row of a table or a dateline, and the capital after it.
    r"|[\d%)*+/\-\u2013\u2014]\s+[\"'(\[*]*[^\W\d_a-z]"
)
# What follows a stop: opening quotes and brackets, and the word after them, where one stands there.
_FOLLOWING = re.compile(rf"\s+[{_OPENING}]*(\w*)")
_NEEDS_NO_BLANK = re.compile(rf"[{_STRONG}]|{_WIDE_PERIOD}(?!\d)")
# A quotation that the sentence around it goes on after, as Japanese does.
_QUOTED = re.compile(rf"[{_CLOSING}][\u3041-\u309f]")
# Abbreviations whose period runtime.text.words leaves apart: before a number, and before a name.
_BEFORE_NUMBER = re.compile(
    "abb abs app art bd cap ch cl col eq eqs fig figs fol kap lib n nr num op p par pp ref refs s sec sect str tab tel "
    "v ver vol vols z".replace(" ", "|"),
    re.IGNORECASE,
)
_BEFORE_NAME = re.compile(
    "approx av avda bzw ca cf dna dra eds fr hr hrsg ing mme mt mlle sig sigg sra srta ste vgl".replace(" ", "|"),
    re.IGNORECASE,
)
_MONTH = re.compile("Januar|Februar|M\u00e4rz|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember")
# The number of a list item or a heading: 12  3.1  IV  b
_NUMBER = re.compile(r"\d{1,3}(?:\.\d{1,3})*|[IVXLC]{1,6}|\w")
_ORDINAL = re.compile(r"\d{1,2}")


def may_part(text: str) -> bool:
    """Whether anything at all in a text could end a sentence before the text does; a quick look for short texts."""
    return _MAY_PART.search(text) is not None


class Ends(IntFlag):
    """What may end sentences within a text."""

    NOTHING = 0
    LAYOUT = 1
    ITEMS = 2
    ROWS = 4
    DATELINES = 8
    STOPS = 16
    ANYTHING = 31


class Signs(IntEnum):
    """What a piece of text that stands between blanks can do to end a sentence; the numbers are added up."""

    ALONE = 1  # whatever follows
    STOP = 2  # if another piece follows
    FIGURE = 4  # may end the row of a table if a CAPITAL follows
    DATE = 8  # may end a dateline if a CAPITAL follows, and WHEN is in the text
    CAPITAL = 16
    WHEN = 32  # may be a month, or is a date by itself


_ALONE = re.compile(rf"[<{_STRONG}{_WIDE_PERIOD}]")
_DASHES = "-\u2013\u2014"
_AFTER_FIGURE = "%)*+/" + _DASHES
_ISO = re.compile(r"\d{4}-\d\d-\d\d\Z")
_CAPITAL = re.compile(r"[\"'(\[*]*[^\W\d_a-z]")
_WHEN = re.compile(r"Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|\d{4}-\d\d-\d\d")


def signs_of(piece: str, words: Sequence[tuple[int, int]]) -> int:
    """The Signs of a piece. Texts without line breaks and numbers of items are parted by what they tell, or not at all.

    Args:
        piece: without blanks.
        words: where its words lie: (first, one past the last) code point.
    """
    if piece.isascii() and piece.isalnum():  # as most pieces are; the rules below say the same
        when = Signs.WHEN * (_WHEN.search(piece) is not None)
        return Signs.FIGURE * piece[-1].isdigit() + Signs.CAPITAL * piece[0].isupper() + when
    last, is_ascii = piece[-1], piece.isascii()
    # A period that begins no word belongs to an abbreviation.
    starts = () if last.isalnum() else {start for start, _ in words}
    stops = bool(starts) and any(stop.end() == len(piece) and stop.start() in starts for stop in _STOP.finditer(piece))
    return (
        Signs.STOP * stops
        + Signs.ALONE * ("<" in piece if is_ascii else bool(_ALONE.search(piece)))
        + Signs.FIGURE * (last.isdecimal() or last in _AFTER_FIGURE)
        + Signs.DATE * (last in _DASHES or (last.isdecimal() and bool(_ISO.search(piece))))
        + Signs.CAPITAL * bool(_CAPITAL.match(piece))
        + Signs.WHEN * bool(_WHEN.search(piece))
    )


def split_sentences(text: str) -> list[tuple[int, int]]:
    """(first, one past the last) code point of each sentence: together the whole text, in order; none is empty."""
    words = split_words(text)
    spans = np.fromiter(itertools.chain.from_iterable(words), np.int32, 2 * len(words)).reshape(-1, 2)
    borders = [0, *spans[sentence_starts(text, spans)[1:], 0].tolist(), len(text)]
    return list(itertools.pairwise(borders)) if text else []


def sentence_starts(text: str, words: NDArray[np.int32], may: int = Ends.ANYTHING) -> NDArray[np.int64]:
    """The first word of each sentence, rising from 0; empty where there are no words. [sentences]

    Args:
        text: any.
        words: where its words lie, as runtime.text.words cuts them: (first, one past the last) code point. [words, 2]
        may: the Ends that the text may have; those that it cannot have are not looked for.
    """
    if not len(words):
        return np.empty(0, np.int64)
    places: list[int] = []
    for kind, ends_of in _ENDS:
        if may & kind:
            places += ends_of(text)
    if may & Ends.STOPS:
        places += _stop_ends(text, words)
    if not places:  # as in most texts: NumPy's calls below take longer than all that came before
        return np.zeros(1, np.int64)
    ends = np.array(places, np.int64)
    after = np.searchsorted(words[:, 0], ends)
    # An end at the very beginning or after the last word parts nothing; one within a word must not.
    inner = (after > 0) & (after < len(words))
    inner[inner] = words[after[inner] - 1, 1] <= ends[inner]
    # NumPy's own sets import numpy.ma at their first call: 9 ms.
    return np.array(sorted({0, *after[inner].tolist()}), np.int64)


_ENDS: tuple[tuple[int, Callable[[str], Iterable[int]]], ...] = (
    (Ends.LAYOUT.value, layout_ends),
    (Ends.ITEMS.value, item_numbers),
    (Ends.ROWS.value, row_ends),
    (Ends.DATELINES.value, dateline_ends),
)


def _stop_ends(text: str, words: NDArray[np.int32]) -> Iterator[int]:
    """One past the last code point of each stop that ends a sentence, with what closes at it."""
    weak: list[tuple[int, int]] = []
    for stop in _STOP.finditer(text):
        start, end = stop.span()
        if _NEEDS_NO_BLANK.search(text[start : stop.end(1) + 1]):
            if not _QUOTED.match(text, end - 1):
                yield end
        elif text[end : end + 1].isspace():
            weak.append((start, end))
    if not weak:
        return
    at = np.searchsorted(words[:, 0], [start for start, _ in weak])
    for (start, end), word in zip(weak, at.tolist()):
        # The period of an abbreviation begins no word.
        if word < len(words) and words.item(word, 0) == start:
            before = words.item(word - 1, 0) if word and words.item(word - 1, 1) == start else start
            if not _goes_on(text, before, start, end):
                yield end


def _goes_on(text: str, before: int, start: int, end: int) -> bool:
    """Whether a sentence goes on after a stop that has a blank after it.

    Args:
        text: the text.
        before: where the word that the stop stands at begins; `start` if it stands by itself.
        start: where the stop begins.
        end: where it ends, with what closes at it.
    """
    following = _FOLLOWING.match(text, end)
    if following is None or following[1][:1].islower():
        return True
    word = text[before:start]
    if text[start:end] != "." or not word:
        return False
    is_initial = len(word) == 1 and word.isupper() and not word.isascii()
    is_date = bool(_MONTH.fullmatch(following[1]) and _ORDINAL.fullmatch(word))
    is_item = bool(_NUMBER.fullmatch(word)) and _opens_line(text, before)
    is_short = (_BEFORE_NUMBER if following[1][:1].isdigit() else _BEFORE_NAME).fullmatch(word)
    return is_initial or is_date or is_item or is_short is not None


def _opens_line(text: str, start: int) -> bool:
    """Whether only blanks stand before that code point in its line."""
    while start and text[start - 1] in " \t":
        start -= 1
    return not start or text[start - 1] in "\n\r\u2028\u2029"
