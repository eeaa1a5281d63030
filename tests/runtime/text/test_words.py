"""Words are those of NER corpora, and lie where they are said to."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.text.words import RUN, runs_of_words, split_words
from tests.nasty import NASTY


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Germany's capital.", "Germany|'s|capital|."),
        ("Peter O'Brien isn't all-rounder", "Peter|O'Brien|isn't|all-rounder"),
        ("The U.S. and U.S.-led AT&T Inc. deal", "The|U.S.|and|U.S.-led|AT&T|Inc.|deal"),
        ("J. Smith met Mr. B. Jones", "J.|Smith|met|Mr.|B.|Jones"),
        ("Plan B. It", "Plan|B.|It"),
        ("He chose A.", "He|chose|A|."),
        ("US$5 cost 3,000.50 at 10:30", "US$|5|cost|3,000.50|at|10:30"),
        ("(Oslo), \"Lisbon\"; 'Rome'", "(|Oslo|)|,|\"|Lisbon|\"|;|'|Rome|'"),
        ("wait... -- no!!", "wait|...|--|no|!!"),
        ("see amazon.com, a@b.org", "see|amazon.com|,|a@b.org"),
        ("\u4e1c\u4eac Tokyo\u5e02", "\u4e1c|\u4eac|Tokyo|\u5e02"),
        ("Anna\u00a0Lund\u3000Oslo", "Anna|Lund|Oslo"),
        ("e\u0301t\u0301e", "e\u0301t\u0301e"),
        ("\u0627\u0644\u0644\u063a\u0629\u060c \u05d0\u05d1", "\u0627\u0644\u0644\u063a\u0629|\u060c|\u05d0\u05d1"),
        ("\u0930\u093e\u092e\u0964", "\u0930\u093e\u092e|\u0964"),
        ("hi\U0001f600\U0001f600there", "hi|\U0001f600\U0001f600|there"),
        ("snake_case +44 .500", "snake_case|+44|.500"),
        ("", ""),
        (" \t\n", ""),
    ],
)
def test_words_of(text: str, words: str) -> None:
    assert "|".join(text[start:end] for start, end in split_words(text)) == words


def _assert_sound(text: str) -> None:
    spans = split_words(text)
    end = 0
    for start, stop in spans:
        assert end <= start < stop
        assert not text[end:start].strip()  # nothing but white space is left out
        assert not any(character.isspace() for character in text[start:stop])
        end = stop
    assert not text[end:].strip()


@settings(max_examples=500, deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_every_character_but_white_space_is_in_one_word(text: str) -> None:
    _assert_sound(text)


@settings(max_examples=500, deadline=None)
@given(st.text("aZ9_.,:'\u2019-&@$ \n\u3000\u00e9\u4e2d!/+US", max_size=20))
def test_that_holds_where_the_rules_meet(text: str) -> None:
    _assert_sound(text)


@pytest.mark.parametrize("text", NASTY)
def test_that_holds_for_nasty_texts(text: str) -> None:
    _assert_sound(text)


def test_white_space_between_texts_does_not_matter() -> None:
    text = "The U.S. team (led by J. Smith) won 3,000.50 dollars."
    words = [text[start:end] for start, end in split_words(text)]
    spread = text.replace(" ", " \u00a0\n\t ")
    assert [spread[start:end] for start, end in split_words(spread)] == words


def test_runs_are_bounded_and_lose_nothing() -> None:
    text = "Oslo, " * RUN
    runs = list(runs_of_words(text))
    assert [len(run) for run in runs] == [RUN, RUN]
    assert runs[0] + runs[1] == split_words(text)


@pytest.mark.parametrize("pattern", ["a", ".", "a.", "'", "a'", "-", "A. ", "1,", "a-", "\u4e2d", " ", "US", "$"])
def test_time_grows_with_the_text_and_no_faster(pattern: str) -> None:
    # 200,000 characters in which every rule of the pattern nearly matches: minutes, if one looked back again and again.
    split_words(pattern * (200_000 // len(pattern)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1. Anna Lund 9.83", ["1.", "Anna", "Lund", "9.83"]),
        ("Results\n12. Oslo", ["Results", "12.", "Oslo"]),
        ("She came 12. Then she left", ["She", "came", "12", ".", "Then", "she", "left"]),
        ("7.", ["7", "."]),
        ("Men: 1. Anna 9.83 2. Peter 12.", ["Men", ":", "1.", "Anna", "9.83", "2.", "Peter", "12", "."]),
    ],
)
def test_ordinal_that_opens_a_line_keeps_its_period(text: str, words: list[str]) -> None:
    assert [text[start:end] for start, end in split_words(text)] == words


@given(st.text(st.characters(codec="ascii"), max_size=30) | st.text("aZ9_.,:'-&@$ \n!/+US", max_size=20))
def test_a_text_in_ascii_has_the_words_that_it_has_beside_other_scripts(text: str) -> None:
    # The two are read by patterns of their own. A Han character on a line of its own is one more word.
    assert [*split_words(text), (len(text) + 1, len(text) + 2)] == split_words(f"{text}\n\u4e1c")
