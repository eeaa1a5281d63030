"""What a client is told of a body that is not the JSON that a route takes, and what finding it out costs."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

import msgspec
import pytest

from runtime.serve.http.body import parse
from runtime.serve.http.refused import RefusedError

HALF = "half of a surrogate pair"
# About the body that the server takes at most.
MUCH = 1_000_000


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """A body's shape, strict as most routes are."""

    texts: list[str]


class Lenient(msgspec.Struct):
    """One that skips fields that it does not know."""

    texts: list[str]


def _told(body: bytes, kind: type[Asked | Lenient] = Asked) -> str:
    with pytest.raises(RefusedError) as refused:
        parse(body, kind)
    assert refused.value.status == 400
    return refused.value.message


@pytest.mark.parametrize(
    ("body", "theirs"),
    [
        (rb'{"texts": ["a\ud83d b and more"]}', "unexpected end of escaped utf-16 surrogate pair"),
        (rb'{"texts": ["a\ud83d\u0041"]}', "invalid utf-16 surrogate pair"),
        (rb'{"texts": ["a\ude00"]}', "invalid utf-16 surrogate pair"),
        (rb'{"texts": ["a\uD83D"]}', "Input data was truncated"),
        (rb'{"texts": ["\\\ud83d"]}', "Input data was truncated"),
        (rb'{"texts": ["\ud83d\n"]}', "Input data was truncated"),
        (rb'{"texts": ["\ud83d\u00', "Input data was truncated"),
    ],
)
def test_half_a_character_is_called_so_whatever_msgspec_calls_it(body: bytes, theirs: str) -> None:
    with pytest.raises(msgspec.DecodeError, match=theirs):
        msgspec.json.decode(body, type=Asked)
    assert HALF in _told(body)


def test_half_a_character_in_a_field_that_is_skipped_is_called_so() -> None:
    for body in (rb'{"k": "\ud83d and more", "texts": []}', rb'{"k": "\ude00", "texts": []}', rb'{"k": "\ud83d"}'):
        assert HALF in _told(body, Lenient)


@pytest.mark.parametrize(
    "body",
    [
        rb'{"texts": ["\ud83d\ude00"',
        rb'{"texts": ["\ud83d',
        rb'{"texts": ["\ud83d\ude0',
        rb'{"texts": ["\\ud83d"',
        rb'{"texts": ["\\\\ud83d"',
        rb'{"texts": ["\u0041"',
        rb'{"texts": ["a',
    ],
)
def test_a_body_that_is_cut_off_is_called_so(body: bytes) -> None:
    assert "truncated" in _told(body)


def test_other_errors_keep_their_texts() -> None:
    assert "Expected `str`, got `int` - at `$.texts[1]`" in _told(rb'{"texts": ["\ud83d\ude00", 1, "\ud83d and more"]}')
    # What a field is called says nothing of the body.
    assert "there are texts" in _told(b'{"surrogate pair": 1}')
    assert "trailing characters" in _told(rb'{"texts": ["\u0041"]} and more')
    assert "invalid character in unicode escape" in _told(rb'{"texts": ["\ud83d\u00zz"]}')
    assert "utf-8" in _told(b'{"texts": ["\\u0041\xff"]}').lower()


def _tries(size: int) -> dict[str, bytes]:
    """Bodies of about that size, whose fault is told from the end, from the start, and from behind many backslashes."""
    return {
        "pairs": rb'{"texts": ["' + rb"\ud83d\ude00" * (size // 12) + rb'\ud83d"]}',
        "objects": rb'{"texts": [1, "\u0041"' + b",[]" * (size // 3) + b"]}",
        "backslashes": rb'{"texts": ["' + rb"\\" * (size // 2) + rb'\ud83d"]}',
        "cut off": rb'{"texts": ["' + rb"\ud83d\ude00" * (size // 12),
    }


def _seconds(decode: Callable[[], object]) -> float:
    """The least of a few tries: what disturbs a machine takes time and gives none."""
    took = []
    for _ in range(7):
        begun = time.thread_time()
        with pytest.raises((RefusedError, msgspec.DecodeError)):
            decode()
        took.append(time.thread_time() - begun)
    return min(took)


@pytest.mark.parametrize("case", list(_tries(0)))
def test_a_refusal_takes_no_memory_and_about_the_time_of_reading(case: str) -> None:
    body, decoder = _tries(MUCH)[case], msgspec.json.Decoder(Asked)
    bare = _seconds(lambda: decoder.decode(body))
    # Less than 3 times as long on an idle machine. Python's own json would take 100 milliseconds for the objects.
    assert _seconds(lambda: parse(body, Asked)) < 20 * bare + 0.02
    tracemalloc.start()
    try:
        _told(body)
        assert tracemalloc.get_traced_memory()[1] < 4 * len(body)
    finally:
        tracemalloc.stop()
