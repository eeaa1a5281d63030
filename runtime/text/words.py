"""Free text -> words, the units that labels are about.

NER models are trained on words as a corpus such as CoNLL-2003 has them, one label a word. To give a model at work
what it saw in training, text is cut into words as such corpora are: at white space; punctuation apart; "'s" apart;
and "U.S.", "J.", "Inc.", "AT&T", "all-rounder", "O'Brien", "3,000.5" and "amazon.com" whole. A Han character is a
word of its own. Scripts that are written without spaces and are not Han (Thai, Japanese kana) stay whole between
spaces: give their words to `Tagger.tag_words`.

It knows nothing of tokens or models.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

# Most words that are cut out of a text at once: a text of ten megabytes never lies there as a list of words.
RUN = 16_384

# Abbreviations that keep their period. In CoNLL-2003 and the Penn Treebank they do, also at the end of a sentence.
_ABBREVIATIONS = (
    "Mr Mrs Ms Dr Prof Rev Hon St Jr Sr Gen Col Lt Sgt Capt Cmdr Maj Adm Gov Sen Rep Pres "
    "Inc Corp Co Ltd Bros Cie Dept Univ Assn No Vol vs etc Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec "
    "Ala Ariz Ark Calif Colo Conn Fla Ga Ill Ind Kan Ky La Mass Md Mich Minn Miss Mo Mont Neb Nev Okla Ore Pa Tenn Tex "
    "Va Vt Wash Wis Wyo"
).replace(" ", "|")

# Punctuation and symbols, by Unicode block: ASCII, Latin-1, Armenian, Arabic, Devanagari, general punctuation,
# currency, arrows to dingbats, CJK punctuation, full-width forms, emoji. Combining marks and joiners are none of these,
# so they stay in the word, and so does the underscore.
_PUNCTUATION = (
    r"!-/:-@\[-\^`{-~\u00a1-\u00a9\u00ab\u00ac\u00ae-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u00d7\u00f7"
    r"\u0589\u060c\u061b\u061f\u06d4\u0964\u0965"
    r"\u2010-\u2027\u2030-\u205e\u20a0-\u20cf\u2190-\u2bff\u3001-\u3020\u3030\uff01-\uff0f\uff1a-\uff20"
    r"\uff3b-\uff40\uff5b-\uff65\U0001f000-\U0001faff"
)
_HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
# Part of a word: neither space, nor punctuation, nor Han.
_IN_WORD = rf"[^\s{_PUNCTUATION}{_HAN}]"
_QUOTE = r"['\u2019]"
_CLITIC = rf"{_QUOTE}(?:s|S|m|d|ll|re|ve)(?!{_IN_WORD})"
# What holds two parts of a word together; a comma, colon or slash does so between digits alone.
_JOINT = rf"(?:(?!{_CLITIC})(?:{_QUOTE}|[-\u2010\u2011.&@])|(?<=\d)[,:/](?=\d))"
_TAIL = rf"(?:{_JOINT}?{_IN_WORD})*"
_WORD = re.compile(
    rf"""
      [A-Za-z0-9]+(?=\s|\Z)                            # most words; what follows would find the same, only later
    | (?:[^\W\d_]\.){{2,}}(?:-{_IN_WORD}{_TAIL})?    # U.S.  e.g.  U.S.-led
    | (?:{_ABBREVIATIONS})\.(?!\w)         # Mr.  Inc.
    | [A-Z]\.(?=\s+[A-Z])                            # the initial in J. Smith
    | (?<![^\n])\d{{1,3}}\.(?=[ \t]+\S)                # the ordinal that opens a line of a list: 12.
    | [A-Z]{{1,2}}\$                                  # US$
    | {_CLITIC}                                      # Germany 's
    | {_IN_WORD}{_TAIL}                              # all-rounder  O'Brien  3,000.5
    | [+.]\d{_TAIL}                                  # .500  +44
    | ([^\s{_HAN}])\1*                               # ...  --  !
    | \S                                             # one Han character
    """,
    re.VERBOSE,
)


def split_words(text: str) -> list[tuple[int, int]]:
    """(first, one past the last) code point of each word of `text`, in order and disjoint; none is empty or a space."""
    return list(itertools.chain.from_iterable(runs_of_words(text)))


def runs_of_words(text: str) -> Iterator[list[tuple[int, int]]]:
    """The same in runs of at most RUN words."""
    matches = _WORD.finditer(text)
    while run := list(map(re.Match.span, itertools.islice(matches, RUN))):
        yield run
