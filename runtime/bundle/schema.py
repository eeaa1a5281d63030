"""JSON values into frozen dataclasses, strictly: every field, of its type, and nothing else. The types are the schema.

A field that came LATER may be missing, so that what was made before it can still be read.

It is ours and not a library's because it is on the way of every start: msgspec, the smallest library that does it,
takes 10 ms to import, and the runtime would depend on one package more.
"""

from __future__ import annotations

import functools
import math
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

# In a field's metadata: it came after the schema's first bundles, and is its default where it is missing.
LATER = "later"
# More than any manifest has, and few enough to be read at once.
_MOST_ITEMS, _MOST_CHARACTERS = 100_000, 1_000_000
# Beyond it, a number in JSON is not exact everywhere.
_LARGEST = 2**53


class SchemaError(ValueError):
    """A value that does not fit. The message says where it stands and what was expected."""


def read(kind: type[T], value: Any, place: str = "") -> T:
    """The value as `kind`: a dataclass, str, int, float, bool, None, Literal, tuple[X, ...], dict[str, X], or a union.

    Args:
        kind: what it must be.
        value: as json.loads gives it.
        place: where it stands, for the message; empty for the whole.

    Raises:
        SchemaError: it is something else.
    """
    found: T = _read(kind, value, place)
    return found


def _read(kind: Any, value: Any, place: str) -> Any:
    origin = get_origin(kind)
    if is_dataclass(kind):
        return _dataclass(kind, value, place)
    if origin is Literal:
        return _literal(kind, value, place)
    if origin is tuple:
        items = _sized(list, value, place)
        return tuple(_read(get_args(kind)[0], item, f"{place}[{index}]") for index, item in enumerate(items))
    if origin is dict:
        inner = get_args(kind)[1]
        return {
            _text(name, place): _read(inner, item, f"{place}.{name}")
            for name, item in _sized(dict, value, place).items()
        }
    if origin in (Union, UnionType):
        return _union(get_args(kind), value, place)
    return _PLAIN[kind](value, place)


def _dataclass(kind: Any, value: Any, place: str) -> Any:
    held = _sized(dict, value, place)
    hints = _hints(kind)
    later = {field.name: field for field in fields(kind) if field.metadata.get(LATER)}
    for name in (*hints.keys() - held.keys() - later.keys(), *held.keys() - hints.keys()):
        problem = "is missing" if name in hints else "is not a field that there is"
        raise SchemaError(f"{place}.{str(name)[:50]} {problem}".lstrip("."))
    given = {name: hint for name, hint in hints.items() if name in held}
    return kind(**{name: _read(hint, held[name], f"{place}.{name}".lstrip(".")) for name, hint in given.items()})


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _literal(kind: Any, value: Any, place: str) -> Any:
    # By equality alone, True would be 1.
    if not isinstance(value, str) or value not in get_args(kind):
        raise _wrong(place, f"one of {', '.join(map(str, get_args(kind)))}", value)
    return value


def _union(kinds: tuple[Any, ...], value: Any, place: str) -> Any:
    if value is None and NoneType in kinds:
        return None
    # An int is read as a float only where no int is wanted.
    wanted = int if int in kinds and isinstance(value, int) else next(kind for kind in kinds if kind is not NoneType)
    return _PLAIN[wanted](value, place)


def _sized(kind: type[Any], value: Any, place: str) -> Any:
    if not isinstance(value, (list, tuple) if kind is list else dict):
        raise _wrong(place, "an object" if kind is dict else "a list", value)
    if len(value) > _MOST_ITEMS:
        raise SchemaError(f"{place or 'the whole'} has {len(value):,} items, at most {_MOST_ITEMS:,} are read")
    return value


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise _wrong(place, "a string", value)
    if len(value) > _MOST_CHARACTERS:
        raise SchemaError(f"{place} has {len(value):,} characters, at most {_MOST_CHARACTERS:,} are read")
    return value


def _whole(value: Any, place: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST:
        raise _wrong(place, "a whole number", value)
    return value


def _number(value: Any, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _wrong(place, "a finite number", value)
    return value


def _truth(value: Any, place: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(place, "true or false", value)
    return value


_PLAIN: dict[Any, Any] = {str: _text, int: _whole, float: _number, bool: _truth}


def _wrong(place: str, wanted: str, value: Any) -> SchemaError:
    return SchemaError(f"{place or 'the whole'} is {str(value)[:40]!r} where {wanted} was expected")
