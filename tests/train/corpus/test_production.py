"""The notation of the sample's grammar."""

from __future__ import annotations

import pytest

from runtime.errors import BugError
from train.corpus.production import Choice, Labeled, Reference, choice_of, parse


def test_every_form_of_the_notation_is_read() -> None:
    assert parse("word") == "word"
    assert parse("two words") == ("two", "words")
    assert parse("{place}") == Reference("place")
    assert parse("{LOC:{place} ~ 's}") == Labeled("LOC", (Reference("place"), "~", "'s"))
    assert parse("<a|the long|>") == Choice(("a", ("the", "long"), ()), (1, 2, 3))
    assert parse("[maybe]") == Choice(("maybe", ()), (1, 2))


def test_weights_add_up() -> None:
    assert choice_of(["3* often", "seldom", "0* never"]) == Choice(("often", "seldom", "never"), (3, 4, 4))


@pytest.mark.parametrize("production", ["{PER:{surname}", "a > b", "<a|b", "[a", "{surname", "a | b"])
def test_a_production_with_a_bracket_missing_is_a_bug(production: str) -> None:
    with pytest.raises(BugError, match="this is a bug"):
        parse(production)
