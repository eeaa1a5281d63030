"""What a caller gives as texts or as words: anything else is refused in one line, with its type and its number.

Without this, Python itself would refuse it somewhere deep within, or take the letters of a string for texts, and the
names of a table's columns for its rows.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, Sequence, Set
from typing import Any

from runtime.errors import UsageError

_BYTES = (bytes, bytearray, memoryview)


def listed(given: Any, what: str = "texts", fix: str = "give a list, even of one") -> Iterable[Any]:
    """What is given, to be read item by item.

    Raises:
        UsageError: it has no items, or none in an order, or its items are parts of one text.
    """
    if isinstance(given, str):
        raise UsageError(what, f"one string is given ({given[:20]!r}...)", fix)
    # An array without dimensions has an iterator that raises. A mapping's keys are a set that has an order.
    no_order = isinstance(given, (Mapping, Set)) and not isinstance(given, (KeysView, ItemsView))
    if no_order or isinstance(given, _BYTES) or not isinstance(given, Iterable) or _dimensions(given) == 0:
        raise UsageError(what, f"{_type(given)} is given", fix)
    return given


def text_of(given: Any, number: int = 1) -> str:
    """The text.

    Args:
        given: by a caller.
        number: of it among all that were given, from 1.

    Raises:
        UsageError: it is no string.
    """
    if isinstance(given, str):
        return given
    fix = "decode them" if isinstance(given, _BYTES) else "give strings alone"
    raise UsageError(f"text {number}", f"{_type(given)} is given, and no string", fix)


def texts_of(texts: Iterable[Any]) -> Iterator[str]:
    """The texts, one by one, as they are asked for.

    Raises:
        UsageError: at once where it is no list; at the text that is no string.
    """
    if _dimensions(texts) > 1:  # the items of a DataFrame are the names of its columns
        raise UsageError("texts", f"{_type(texts)} is given", "give one column of it")
    numbered = enumerate(listed(texts), start=1)
    return (text if type(text) is str else text_of(text, number) for number, text in numbered)


def words_of(given: Any, number: int = 1) -> Sequence[str]:
    """The words of one text that is cut into words.

    Args:
        given, number: see text_of.

    Raises:
        UsageError: it is no list, or one of them is no string.
    """
    words = listed(given, f"text {number}", "give a list of words, even of one")
    words = words if isinstance(words, (list, tuple)) else [*words]
    for word in words:
        if not isinstance(word, str):
            raise UsageError(f"text {number}", f"{_type(word)} is among its words", "give strings alone")
    return words


def lists_of_words(sentences: Iterable[Any]) -> list[Sequence[str]]:
    """The sentences, each as a list of words; iterators are read into lists, since they can be read only once.

    Raises:
        UsageError: it is no list of lists of strings.
    """
    return [words_of(words, number) for number, words in enumerate(listed(sentences), start=1)]


def _dimensions(given: object) -> int:
    """Of an array or a table; of anything else 1."""
    return getattr(given, "ndim", 1)


def _type(given: object) -> str:
    return "None" if given is None else f"a value of type {type(given).__name__}"
