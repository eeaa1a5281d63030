"""A dateline is parted from its author and from its report; places and dates within sentences are not."""

from __future__ import annotations

import itertools

import pytest

from runtime.text.datelines import dateline_ends


def _parts(text: str) -> list[str]:
    places = sorted({0, *dateline_ends(text), len(text)})
    return [text[start:end].strip() for start, end in itertools.pairwise(places)]


@pytest.mark.parametrize(
    "marked",
    [
        "OSLO 2026-03-01|The old bridge fell.",
        "Bridge falls. Anna Lund|OSLO 2026-03-01|The old bridge fell.",
        'Anna Lund|NEW YORK 2026-03-01|"It fell," she said.',
        "Anna Lund|MIAMI, Fla. 2026-03-01|Nobody was hurt.",
        "BRIDGE FALLS.|SYDNEY, New South Wales, 2026-03-01 -|Nobody was hurt.",
        "OSLO, March 1 (Wire) -|The old bridge fell.",
        "OSLO, 1 March 2026 \u2014|The old bridge fell.",
        "OSLO, Sept. 30, 2026 (Wire) --|The old bridge fell.",
        "\u041e\u0421\u041b\u041e 2026-03-01|\u041c\u043e\u0441\u0442 \u0443\u043f\u0430\u043b.",
    ],
)
def test_datelines(marked: str) -> None:
    assert _parts(marked.replace("|", " ")) == marked.split("|")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "She came to OSLO 2026-03-01 Anna said.",
        "It was written in Oslo 2026-03-01 Anna said.",
        "OSLO, March 1 The old bridge fell.",
        "OSLO 2026-03-01 was its name.",
        "2026-03-01 The bridge fell.",
        "U.N. 2026-03-01 The bridge fell.",
        "OSLO lies far away 2026-03-01 Anna said.",
        "Norway is OSLO Region And Much More 2026-03-01 Anna said.",
    ],
)
def test_places_and_dates_that_are_no_datelines(text: str) -> None:
    assert list(dateline_ends(text)) == []


def test_a_dateline_costs_no_more_in_a_long_text() -> None:
    assert len(list(dateline_ends("OSLO 2026-03-01 The bridge fell. " * 5_000))) == 10_000
    assert list(dateline_ends("A " * 200_000)) == []
