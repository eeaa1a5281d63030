"""Free text -> words, the units that have labels.

NER models are trained on the words of a corpus such as CoNLL-2003, with one label for each word. A model gives its
best answers on what it saw in training, so text is cut into words as such corpora are: at white space, with punctuation
and "'s" as words of their own. "U.S.", "J.", "Inc.", "AT&T", "all-rounder", "O'Brien", "3,000.5" and "amazon.com" are
one word each. A Han character is a word. Text in other scripts without spaces (Thai, Japanese kana) is not cut between
spaces: give its words to `Tagger.tag_words`. The number of an item keeps its period, in a list that runs on as in one
of lines.

The module does not know tokens or models.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from functools import cache

from runtime.text.enumerations import item_periods

# Largest number of words in one list: a text of ten megabytes must not become a list of millions of pairs.
RUN = 16_384

# Abbreviations that keep their period, as in CoNLL-2003 and the Penn Treebank, also at the end of a sentence.
_ABBREVIATIONS = (
    "Mr Mrs Ms Dr Prof Rev Hon St Jr Sr Gen Col Lt Sgt Capt Cmdr Maj Adm Gov Sen Rep Pres "
    "Inc Corp Co Ltd Bros Cie Dept Univ Assn No Vol vs etc Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec "
    "Ala Ariz Ark Calif Colo Conn Fla Ga Ill Ind Kan Ky La Mass Md Mich Minn Miss Mo Mont Neb Nev Okla Ore Pa Tenn Tex "
    "Va Vt Wash Wis Wyo"
).replace(" ", "|")

# Punctuation and symbols, by Unicode block: ASCII, Latin-1, Armenian, Arabic, Devanagari, general punctuation,
# currency, arrows to dingbats, CJK punctuation, full-width forms, emoji. Combining marks, joiners and the underscore
# are not among them, so that they stay in their word.
_ASCII_PUNCTUATION = r"!-/:-@\[-\^`{-~"
_PUNCTUATION = _ASCII_PUNCTUATION + (
    r"\u00a1-\u00a9\u00ab\u00ac\u00ae-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u00d7\u00f7"
    r"\u0589\u060c\u061b\u061f\u06d4\u0964\u0965"
    r"\u2010-\u2027\u2030-\u205e\u20a0-\u20cf\u2190-\u2bff\u3001-\u3020\u3030\uff01-\uff0f\uff1a-\uff20"
    r"\uff3b-\uff40\uff5b-\uff65\U0001f000-\U0001faff"
)
_HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"


@cache
def _pattern(*, is_ascii: bool) -> re.Pattern[str]:
    """The pattern of a word in a text of ASCII alone, or in any.

    The two find the same words in ASCII. Compiling the sets of the other takes 8 ms, which no command should wait for
    that is asked about one short text.
    """
    punctuation, han = (_ASCII_PUNCTUATION, "") if is_ascii else (_PUNCTUATION, _HAN)
    quote, hyphen = ("'", "-") if is_ascii else (r"['\u2019]", r"-\u2010\u2011")
    # A character inside a word: neither space, nor punctuation, nor Han.
    inner = rf"[^\s{punctuation}{han}]"
    clitic = rf"{quote}(?:s|S|m|d|ll|re|ve)(?!{inner})"
    # A character that joins two parts of a word. Comma, colon and slash join digits only: "3,000" is one word, "a,b"
    # three.
    joint = rf"(?:(?!{clitic})(?:{quote}|[{hyphen}.&@])|(?<=\d)[,:/](?=\d))"
    tail = rf"(?:{joint}?{inner})*"
    pattern = rf"""
      [A-Za-z0-9]+(?=\s|\Z)                            # most words, tried first for speed; the rest finds them too
    | (?:[^\W\d_]\.){{2,}}(?:-{inner}{tail})?        # U.S.  e.g.  U.S.-led
    | (?:{_ABBREVIATIONS})\.(?!\w)         # Mr.  Inc.
    | [A-Z]\.(?=\s+[A-Z])                            # the initial in J. Smith
    | (?<![^\n])\d{{1,3}}\.(?=[ \t]+\S)                # the ordinal that opens a line of a list: 12.
    | [A-Z]{{1,2}}\$                                  # US$
    | {clitic}                                       # Germany 's
    | {inner}{tail}                                  # all-rounder  O'Brien  3,000.5
    | [+.]\d{tail}                                   # .500  +44
    | ([^\s{han}])\1*                                # ...  --  !
    | \S                                             # one Han character
    """
    return re.compile(pattern, re.VERBOSE)


def split_words(text: str) -> list[tuple[int, int]]:
    """The words of a text, in order: (number of the first code point, number of the last plus one).

    Words are disjoint, not empty, and without white space.
    """
    return list(_spans(text))


def runs_of_words(text: str) -> Iterator[list[tuple[int, int]]]:
    """The same in lists of at most RUN words, so that the words of a long text never lie in memory all at once."""
    words = _spans(text)
    while run := list(itertools.islice(words, RUN)):
        yield run


def _spans(text: str) -> Iterator[tuple[int, int]]:
    spans = map(re.Match.span, _pattern(is_ascii=text.isascii()).finditer(text))
    periods = item_periods(text)
    return _with_periods(spans, frozenset(periods)) if periods else spans


def _with_periods(spans: Iterator[tuple[int, int]], periods: frozenset[int]) -> Iterator[tuple[int, int]]:
    """The same words, but the number of an item has its period in a list that runs on, as in one of lines."""
    held = next(spans)
    for span in spans:
        if span[0] in periods and held[1] == span[0]:
            held = held[0], span[1]
        else:
            yield held
            held = span
    yield held
