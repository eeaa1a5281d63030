"""What is given as texts or words, and what is refused in one line."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from runtime.errors import UsageError
from runtime.text.answer import Document, questions_of
from runtime.text.given import lists_of_words, texts_of

NO_LIST = [1, None, 1.5, b"Oslo", bytearray(b"Oslo"), memoryview(b"Oslo"), {"text": 1}, {"Oslo"}, np.array("Oslo")]


@pytest.mark.parametrize("given", NO_LIST, ids=lambda given: type(given).__name__)
def test_what_is_no_list_is_refused_and_its_type_is_told(given: Any) -> None:
    told = "None" if given is None else f"a value of type {type(given).__name__}"
    for read in (texts_of, lists_of_words, questions_of, Document):
        with pytest.raises(UsageError, match=rf"^texts: {told} is given; give a list, even of one$"):
            read(given)
    with pytest.raises(UsageError, match=rf"^text 2: {told} is given; give a list of words"):
        lists_of_words([["Oslo"], given])


@pytest.mark.parametrize("given", [1, None, float("nan"), ["Oslo"], b"Oslo", np.float32(1)], ids=repr)
def test_a_text_that_is_no_string_is_named_by_its_number(given: Any) -> None:
    texts = texts_of(["Oslo", given])
    assert next(texts) == "Oslo"
    with pytest.raises(UsageError, match=r"^text 2: .* is given, and no string; "):
        next(texts)


def test_bytes_are_to_be_decoded() -> None:
    with pytest.raises(UsageError, match=r"^text 1: a value of type bytes is given, and no string; decode them$"):
        list(texts_of([b"Oslo"]))


@pytest.mark.parametrize("word", [1, None, b"Oslo", ["Oslo"]], ids=repr)
def test_a_word_that_is_no_string_is_refused(word: Any) -> None:
    for read in (lists_of_words, lambda given: list(questions_of(given))):
        with pytest.raises(UsageError, match=r"^text 2: .* is among its words; give strings alone$"):
            read([["Oslo"], ["in", word]])


def test_a_table_has_texts_in_one_column() -> None:
    with pytest.raises(UsageError, match=r"^texts: a value of type ndarray is given; give one column of it$"):
        texts_of(np.array([["Oslo"]]))


def test_arrays_of_strings_and_iterators_are_read_once() -> None:
    assert list(texts_of(np.array(["Oslo", "Lund"]))) == ["Oslo", "Lund"]
    assert lists_of_words(iter([iter(["in", "Oslo"])])) == [["in", "Oslo"]]
    assert [[*words] for words in lists_of_words(np.array([["in", "Oslo"]]))] == [["in", "Oslo"]]
    assert Document(iter([iter(["Oslo"])])).sentences == [["Oslo"]]  # type: ignore[arg-type]


def test_keys_of_a_dict_have_an_order() -> None:
    assert list(texts_of({"Oslo": 1, "Lund": 2}.keys())) == ["Oslo", "Lund"]


def test_the_questions_that_there_are() -> None:
    document = Document([["Oslo"]])
    assert list(questions_of(iter(["Oslo", None, document, ("in", "Oslo")]))) == [
        "Oslo",
        None,
        document,
        ("in", "Oslo"),
    ]
    with pytest.raises(UsageError, match=re.escape("text 3: a value of type dict is given")):
        list(questions_of(["Oslo", None, {"text": "Oslo"}]))
