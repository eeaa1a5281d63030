"""Sentences are a partition of any text, cut no word, and end where people of many languages end them."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.text.sentences import may_part, split_sentences
from runtime.text.words import split_words
from tests.nasty import NASTY


def _cut(text: str) -> list[str]:
    return [text[start:end].strip() for start, end in split_sentences(text)]


# Sentences are parted by a bar, which no sentence here has.
@pytest.mark.parametrize(
    ("kind", "marked"),
    [
        ("stops", "She came.| He left!| Why?| Nobody knows"),
        ("closing marks", 'He said "Go."| Then (and only then.)| She went.'),
        ("no blank, no end", "Read a.b.c or amazon.com/x.html?y now.| Then rest."),
        ("lower case goes on", "He cried out! and fell ... no, stay.| Wait"),
        ("ellipsis", "Well...| Yes.| So \u2026 no.| Perhaps\u2026| Never."),
        ("many stops", "Really?!| No!!!| Well."),
        ("abbreviations", "Mr. B. Jones of Lund Inc. met Dr. Keller in St. Gallen vs. the U.S. team.| They won."),
        ("initials", "J. Smith and J.R.R. Lund met K. Abara.| All left."),
        ("initials in Cyrillic",
         "\u0410. \u0421. \u041f\u0443\u0448\u043a\u0438\u043d \u0436\u0438\u043b.|"
         " \u041e\u043d \u0443\u043c\u0435\u0440."),
        ("references", "See p. 5, fig. 2 and Nr. 7 of vol. 3.| Then go on."),
        ("words that look like references", "He loves art.| The end of the cap.| So it is."),
        ("numbers", "It rose 3.5 percent to 3,000.50.| Then it fell to 7.| Nobody cared."),
        ("German dates", "Am 3. Oktober kam er.| Am 12. M\u00e4rz ging er."),
        ("opened by", "She came.| \u201eEr ging.\u201c| (He left.)| \u00bfQui\u00e9n?| \u00a1Nadie!"),
        ("list on one line", "Results:| 1. Anna Lund 9.83| 2. Peter Keller 9.91| 3. John Abara 9.99"),
        ("table on one line", "Scores:| Lund 3 2 1| Oslo 3 2 0| Nairobi 3 1 1| Lisbon 3 0 0"),
        ("dateline", "The bridge fell.| Anna Lund| OSLO, Norway 2026-03-01| Nobody was hurt.| All left."),
        ("Chinese", "\u4ed6\u6765\u4e86\u3002|\u4f60\u5462\uff1f|\u201c\u8d70\uff01\u201d|\u4ed6\u8d70\u4e86\u3002"),
        ("Japanese", "\u5f7c\u306f\u300c\u884c\u304f\u3002\u300d\u3068\u8a00\u3063\u305f\u3002|\u6765\u305f\u3002"),
        ("full-width digits", "\uff13\uff0e\uff15\u3067\u3059\uff0e|\u6b21"),
        ("Korean", "\uadf8\uac00 \uc654\ub2e4.| \uadf8\ub294 \uac14\ub2e4."),
        ("Arabic",
         "\u062c\u0627\u0621 \u0623\u062d\u0645\u062f.|"
         " \u0647\u0644 \u0630\u0647\u0628\u061f| \u0646\u0639\u0645."),
        ("Urdu", "\u0648\u06c1 \u0622\u06cc\u0627\u06d4| \u0648\u06c1 \u06af\u06cc\u0627\u06d4"),
        ("Hindi", "\u0935\u0939 \u0906\u092f\u093e\u0964| \u0935\u0939 \u0917\u092f\u093e\u0965"),
        ("Armenian", "\u0546\u0561 \u0565\u056f\u0561\u057e\u0589| \u0546\u0561 \u0563\u0576\u0561\u0581\u0589"),
        ("Amharic", "\u1230\u120b\u121d \u1290\u12cd\u1362| \u120c\u120b \u1290\u12cd\u1362"),
        ("Burmese",
         "\u101e\u1030\u101c\u102c\u101e\u100a\u104b| \u101e\u1030\u101e\u103d\u102c\u1038\u101e\u100a\u104b"),
        ("Khmer", "\u1782\u17b6\u178f\u17cb\u1798\u1780\u17d4| \u1782\u17b6\u178f\u17cb\u1791\u17c5\u17d4"),
        ("Thai ends at lines", "\u0e40\u0e02\u0e32\u0e21\u0e32 \u0e40\u0e02\u0e32\u0e44\u0e1b\n|\u0e08\u0e1a"),
        ("HTML",
         "<p>Anna <b>Lund</b> came</p>|"
         "<p class='x'>Peter left<br/>|Oslo</p>|<ul>|<li>One</li>|<li>Two</li>|</ul>"),
    ],
)  # fmt: skip
def test_sentences_of(kind: str, marked: str) -> None:
    assert _cut(marked.replace("|", "")) == [part.strip() for part in marked.split("|")], kind


def test_white_space_goes_with_the_sentence_before_it() -> None:
    assert split_sentences("  One.  Two.\n\n") == [(0, 8), (8, 14)]


@pytest.mark.parametrize(("text", "sentences"), [("", []), (" \n", [(0, 2)]), ("a", [(0, 1)]), (".", [(0, 1)])])
def test_texts_of_next_to_nothing(text: str, sentences: list[tuple[int, int]]) -> None:
    assert split_sentences(text) == sentences


def test_wrapping_a_text_does_not_change_its_sentences() -> None:
    text = (
        "The council of Lisbon met on Friday to hear what John Abara of Northwind Energy had to say. Nobody was hurt "
        "when the old bridge near Nairobi fell, said the mayor. Anna Lund, who joined Harbour Bank in 2019 and left it "
        "in 2021, was not there! Peter Keller flew from Oslo to see it all, and he was not the only one who did so."
    )
    for width in (40, 60, 72, 100):
        wrapped = textwrap.fill(text, width)
        assert [" ".join(part.split()) for part in _cut(wrapped)] == _cut(text)


def _assert_sound(text: str) -> None:
    sentences = split_sentences(text)
    assert [start for start, _ in sentences] == [0, *(end for _, end in sentences[:-1])][: len(sentences)]
    assert not text or sentences[-1][1] == len(text)
    assert all(start < end for start, end in sentences)
    borders = {start for start, _ in sentences}
    assert not any(start < border < end for start, end in split_words(text) for border in borders)
    assert len(sentences) < 2 or may_part(text)
    # Each sentence begins with a word: white space is at the ends alone.
    assert all(not text[start].isspace() for start, _ in sentences[1:])


@pytest.mark.parametrize("last", ["3", "3+", "3/", "3%", "(3)", "3*", "3-"])
def test_a_table_of_any_figures_may_part(last: str) -> None:
    _assert_sound(f"Ajax {last} Porto {last} Lund {last} Bern {last}")
    assert len(split_sentences(f"Ajax {last} Porto {last} Lund {last} Bern {last}")) == 4


@settings(max_examples=500, deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=60))
def test_any_text_is_parted(text: str) -> None:
    _assert_sound(text)


_PARTS = (
    *("He", "she", "U.S.", "J.", "Mr.", "3.5", "12.", "1.", "2.", "No. 5", "NATO", "A LONG HEADING", "- ", "* ", "# "),
    *(".", "!", "?", "...", "\u2026", "\u3002", "\uff0e", "\u0964", "\u1362", '"', "\u201d", ")", "(", "\u300d", "'s"),
    *(" ", " ", " ", "\n", "\n\n", "\r\n", "\x0c", "\u2028", "\t", "   ", "> ", "| ", "<p>", "</p>", "<br>", "<p "),
    *("\ud800", "\udfff", "\u0e01", "\u6771", "a" * 45, "OSLO", "2026-03-01", "May 1 -", "3 2", "(3)", "3+", "4/"),
)  # fmt: skip


@settings(max_examples=1000, deadline=None)
@given(st.lists(st.sampled_from(_PARTS), max_size=25).map("".join))
def test_that_holds_where_the_rules_meet(text: str) -> None:
    _assert_sound(text)


@pytest.mark.parametrize("text", NASTY)
def test_that_holds_for_nasty_texts(text: str) -> None:
    _assert_sound(text)
    _assert_sound(" ".join([text, *NASTY, text]))


@pytest.mark.parametrize(
    "pattern",
    [".", ". ", "a. ", "?!", '."', '. "', ")", "1. ", "1. \n", "> ", ">\n", "<p ", "<p", "\n", " \n", "- a\n", "|",
     "\t", "A ", "\u3002", "\u3002\u300d", "A\n", "a", " ", "\u2026", "1", "1 ", "1 A", "1 A ", "(", "(1", "A 1 B ",
     "1   ", "A 2026-03-01 B ", "A, ", "May 1 (", "May 1 ", "2026-03-01 "],
)  # fmt: skip
def test_time_grows_with_the_text_and_no_faster(pattern: str) -> None:
    # 200,000 characters in which every rule nearly matches: minutes, if one looked back again and again.
    split_sentences(pattern * (200_000 // len(pattern)))
