"""The notation of the sample grammar: what each bracket means, and what a missing one is."""

from __future__ import annotations

import pytest

from runtime.errors import BugError
from train.corpus.sample_parser import Choice, Labeled, Reference, choice_of, parse


def test_words_references_labels_and_choices() -> None:
    assert parse("in {city} .") == ("in", Reference("city"), ".")
    assert parse("{PER:{first} {last}}") == Labeled("PER", (Reference("first"), Reference("last")))
    assert parse("<red|dark blue>") == Choice(("red", ("dark", "blue")), (1, 2))
    assert parse("Oslo") == "Oslo"


def test_what_is_in_square_brackets_may_be_left_out() -> None:
    assert parse("[very]") == Choice(("very", ()), (1, 2))


def test_weights_add_up() -> None:
    assert choice_of(["3* often", "rarely", "0* never"]) == Choice(("often", "rarely", "never"), (3, 4, 4))


@pytest.mark.parametrize("broken", ["{PER:{first}", "<red|blue", "[very", "red}", "red]"])
def test_a_bracket_without_its_partner_is_a_bug(broken: str) -> None:
    with pytest.raises(BugError, match=r"missing in the sample's grammar|unmatched"):
        parse(broken)
