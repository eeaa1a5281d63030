"""One line of JSONL -> the text or the words in it that are to be tagged.

The module does not know files, and does not change the line.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from runtime.errors import CorpusError

AUTO = "auto"
Kind = Literal["text", "words"]
_AUTO_FIELDS: tuple[tuple[Kind, str], ...] = (("text", "text"), ("words", "words"), ("words", "tokens"))
_GOLD_FIELDS = ("gold", "labels")
_ANSWERS: dict[Kind, str] = {"text": "entities", "words": "labels"}


class Content(NamedTuple):
    """The content of one line. The attributes are those of Item."""

    kind: Kind = "text"
    text: str = ""
    words: tuple[str, ...] = ()
    gold: tuple[str, ...] = ()
    answer: str = ""
    document: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """Names of the fields; "auto" stands for the usual names.

    Attributes:
        text, words: field to tag. A line must have exactly one of the two.
        gold: field with the gold labels of the words.
        document: field that is the same in all lines of a document, where sentences are read in context.
        answer: field for the answer. "auto" is "entities" for a text and "labels" for words; where the line has this
            field already, "predicted_entities" or "predicted_labels".
    """

    text: str = AUTO
    words: str = AUTO
    gold: str = AUTO
    document: str = AUTO
    answer: str = AUTO


def content_of(line: str, place: str, fields: Fields, *, gold: bool) -> Content:
    """The content of a line.

    Args:
        line: one JSON object.
        place: the line's place for messages.
        fields: names of the fields.
        gold: whether gold labels are needed.

    Raises:
        CorpusError: the line is not a JSON object, does not have exactly one field to tag, lacks gold labels that are
            needed, or has a value of a wrong type.
    """
    value = _object(line, place)
    kind, name = _field_of(value, place, fields)
    answer = _answer_field(value, place, kind, fields.answer)
    if kind == "words":
        words = _strings(value, name, place)
        labels = _gold(value, len(words), place, fields.gold) if gold else ()
        return Content(kind, "", words, labels, answer, _document(value, fields.document))
    if gold:
        raise CorpusError(place, "a text has no gold labels to score against", "give words, or leave --score out")
    if not isinstance(value[name], str):
        raise CorpusError(place, f"the field {name!r} is a {_type(value[name])}", "make it a string")
    return Content(kind, value[name], answer=answer)


def _object(line: str, place: str) -> dict[str, Any]:
    try:
        # NaN and Infinity are Python's additions to JSON: other readers of the output would refuse its lines.
        value = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise CorpusError(place, f"not JSON ({error})", "put one JSON object on each line") from error
    if isinstance(value, list):
        # A table hands on a row that has more values than columns in this way.
        problem = f"a list of {len(value)} values where an object or a row of a table should be"
        raise CorpusError(place, problem, "put one object on each line, and values that hold a separator in quotes")
    if not isinstance(value, dict):
        raise CorpusError(place, f"a JSON {_type(value)} where an object should be", "put one object on each line")
    return value


def _field_of(value: dict[str, Any], place: str, fields: Fields) -> tuple[Kind, str]:
    """The kind of the line's content, text or words, and the name of its field."""
    names = _AUTO_FIELDS
    # One name from the user ends all guessing, also about the other kind.
    if (fields.text, fields.words) != (AUTO, AUTO):
        asked: tuple[tuple[Kind, str], ...] = (("text", fields.text), ("words", fields.words))
        names = tuple((kind, name) for kind, name in asked if name != AUTO)
    there = [(kind, name) for kind, name in names if name in value]
    if len(there) == 1:
        return there[0]
    if there:
        both = " and ".join(repr(name) for _, name in there)
        raise CorpusError(place, f"it has {both}", "say which one to tag with --field or --words-field")
    wanted = " or ".join(repr(name) for _, name in names)
    has = ", ".join(map(repr, value)) or "none"
    raise CorpusError(place, f"no field {wanted} (it has: {has})", "name it with --field or --words-field")


def _answer_field(value: dict[str, Any], place: str, kind: Kind, asked: str) -> str:
    usual = _ANSWERS[kind]
    if asked == AUTO and usual not in value:
        return usual
    # A corpus often has its gold labels under the usual name. They are kept, never replaced.
    name = f"predicted_{usual}" if asked == AUTO else asked
    if name in value:
        raise CorpusError(place, f"it has a field {name!r} already", "give --answer-field another name")
    return name


def _gold(value: dict[str, Any], count: int, place: str, asked: str) -> tuple[str, ...]:
    names = _GOLD_FIELDS if asked == AUTO else (asked,)
    name = next((name for name in names if name in value), "")
    if not name:
        problem = f"no field {' or '.join(map(repr, names))} to score against"
        raise CorpusError(place, problem, "name it with --gold-field, or leave --score out")
    labels = _strings(value, name, place)
    if len(labels) != count:
        raise CorpusError(place, f"{len(labels)} labels in {name!r} for {count} words", "give each word one label")
    return labels


def _document(value: dict[str, Any], asked: str) -> str:
    """The document that the line is a part of; "" where it says none."""
    name = value.get("doc_id" if asked == AUTO else asked)
    return str(name) if isinstance(name, str | int) else ""


def _strings(value: dict[str, Any], name: str, place: str) -> tuple[str, ...]:
    strings = value[name]
    if isinstance(strings, list) and all(isinstance(string, str) and string for string in strings):
        return tuple(strings)
    raise CorpusError(place, f"the field {name!r} is not a list of strings that are not empty", "make it one")


def _type(value: object) -> str:
    """JSON's name for the type of a value."""
    names = {dict: "object", list: "list", str: "string", type(None): "null", bool: "boolean"}
    return names.get(type(value), "number")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not in JSON")
