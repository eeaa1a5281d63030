"""A line of JSONL: which field is tagged, which gets the answer, and what is wrong with a broken one."""

from __future__ import annotations

import pytest

from runtime.errors import CorpusError
from runtime.tag.input.jsonl import Content, Fields, content_of
from runtime.tag.input.read import Reading
from tests.runtime.tag.reading import problems, read


def _content(line: str, *, gold: bool = False, **names: str) -> Content:
    return content_of(line, "x:1", Fields(**names), gold=gold)


def test_the_usual_fields_are_known() -> None:
    assert _content('{"id": 1, "text": "Oslo"}') == Content(text="Oslo", answer="entities")
    for name in ("words", "tokens"):
        assert _content(f'{{"{name}": ["in", "Oslo"]}}') == Content("words", words=("in", "Oslo"), answer="labels")


def test_an_answer_does_not_replace_a_field() -> None:
    assert _content('{"text": "Oslo", "entities": []}').answer == "predicted_entities"
    assert _content('{"words": ["Oslo"], "labels": ["O"]}').answer == "predicted_labels"
    with pytest.raises(
        CorpusError, match="x:1: it has a field 'predicted_labels' already; give --answer-field another"
    ):
        _content('{"words": ["Oslo"], "labels": [], "predicted_labels": []}')


def test_one_given_name_ends_all_guessing() -> None:
    line = '{"text": "no", "tokens": ["no"], "body": "Oslo", "w": ["Oslo"]}'
    assert _content(line, text="body").text == "Oslo"
    assert _content(line, words="w").words == ("Oslo",)
    with pytest.raises(CorpusError, match="it has 'body' and 'w'"):
        _content(line, text="body", words="w")
    with pytest.raises(CorpusError, match=r"no field 'title' \(it has: 'text', 'tokens', 'body', 'w'\)"):
        _content(line, text="title")


def test_gold_labels_are_read_where_they_are_asked_for() -> None:
    line = '{"words": ["in", "Oslo"], "gold": ["O", "B-LOC"], "other": ["O", "O"]}'
    assert _content(line).gold == ()
    assert _content(line, gold=True).gold == ("O", "B-LOC")
    assert content_of(line, "x:1", Fields(gold="other"), gold=True).gold == ("O", "O")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"text": "a"', "x:1: not JSON"),
        (b'{"text": NaN}', "x:1: not JSON (NaN is not in JSON)"),
        (b"[" * 100_000, "x:1: not JSON"),
        (b"[1]", "x:1: a list of 1 values where an object or a row of a table should be"),
        (b'{"title": "a"}', "x:1: no field 'text' or 'words' or 'tokens' (it has: 'title')"),
        (b'{"text": "a", "words": ["a"]}', "x:1: it has 'text' and 'words'"),
        (b'{"text": 1}', "x:1: the field 'text' is a number"),
        (b'{"words": "a b"}', "x:1: the field 'words' is not a list of strings"),
        (b'{"words": ["a", ""]}', "x:1: the field 'words' is not a list of strings"),
    ],
)
def test_a_broken_line_is_named(raw: bytes, message: str) -> None:
    (problem,) = problems("jsonl", raw)
    assert problem.startswith(message)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"text": "a"}', "a text has no gold labels"),
        (b'{"words": ["a"]}', "no field 'gold' or 'labels' to score against"),
        (b'{"words": ["a"], "gold": ["O", "O"]}', "2 labels in 'gold' for 1 words"),
        (b'{"words": ["a"], "labels": [0]}', "the field 'labels' is not a list of strings"),
    ],
)
def test_gold_labels_must_be_there_to_score(raw: bytes, message: str) -> None:
    (problem,) = problems("jsonl", raw, Reading(gold=True))
    assert problem.startswith(f"x:1: {message}")


def test_fields_can_be_chosen() -> None:
    raw = b'{"text": "not this", "body": "Oslo", "entities": []}'
    (item,) = read("jsonl", raw, Reading(fields=Fields(text="body", answer="found")))
    assert (item.text, item.answer) == ("Oslo", "found")
    (problem,) = problems("jsonl", raw, Reading(fields=Fields(text="body", answer="text")))
    assert "it has a field 'text' already" in problem
