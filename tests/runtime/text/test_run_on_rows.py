"""Rows of tables that lost their lines end where the next one begins; prose that has figures in it does not."""

from __future__ import annotations

import itertools

import pytest

from runtime.text.run_on_rows import row_ends


def _parts(text: str) -> list[str]:
    return [text[start:end].strip() for start, end in itertools.pairwise([0, *row_ends(text), len(text)])]


# Rows are parted by a bar, which no row here has.
@pytest.mark.parametrize(
    ("kind", "marked"),
    [
        ("several figures", "Lund 3 2 1 0 +4|Harbour United 3 2 0 1 - 2|Oslo 3 0 0 3 -2|Lisbon 3 0 0 3 -3"),
        ("prices", "Apples 1.20 2.40|Pears 0.90 1.75|Plums (small) 1,300.50 4%|Figs 12 13"),
        ("one figure each", "Lund 3|Oslo 2|Nairobi 1|Lisbon 0"),
        ("heading", "Played on Sunday:|Lund 3|Oslo 2|Nairobi 1|Lisbon 0"),
        ("a figure after the colon", "Present: 3,000|Lund 3|Oslo 2|Nairobi 1|Lisbon 0"),
        ("words within rows", "Anna Lund (Norway) beat Mia Abara 6-3 6-4|Ida Berg beat Eva Keller (Kenya) 7-5 6-0"
         "|Una Dahl beat Ada Moe 6-1 6-1|Lea Roth beat Ana Silva 6-2 6-2"),
        ("quotes", 'Lund 3|"Oslo" 2|*Nairobi 1|Lisbon 0'),
        ("Cyrillic", "\u041e\u0441\u043b\u043e 2 1|\u041b\u0443\u043d\u0434 1 1|\u0423\u0444\u0430 1 0|\u041e\u043c"),
    ],
)  # fmt: skip
def test_rows(kind: str, marked: str) -> None:
    assert _parts(marked.replace("|", " ")) == marked.split("|"), kind


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("two are chance", "A Boeing 747 Airbus and Windows 95 Microsoft"),
        ("far apart", "Since 1990 Norway has had many of them, as we know who once went there on a boat, and " * 5),
        ("years", "It fell in 1994 Brazil says, in 1998 France says, and in 2002 Kenya says."),
        ("dates", "From 1 July 1960 to 3 May 1963, from 7 June 1970 to 8 April 1972, and on 9 December 1980."),
        ("addresses", "They moved to 221 Baker Street, 10 Downing Street, 5 High Street, and 12 Old Lane."),
        ("ends of sentences", "He had 3. She had 4. They had 5. We had 6."),
        ("lower case", "Take 3 eggs 2 spoons 5 apples 4 pears."),
        ("no case", "\u8d5b 3 \u679c 2 \u8d5b 3 \u679c 2 \u8d5b 3 \u679c 2"),
        ("nothing", ""),
    ],
)  # fmt: skip
def test_prose(kind: str, text: str) -> None:
    assert row_ends(text) == [], kind
