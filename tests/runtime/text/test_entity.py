"""Entity, and many of them at once."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, fields

import pytest

from runtime.text.entity import Entity, entities_of_columns

_ROWS = [("PER", "Anna", 0, 4, 0.5), ("LOC", "Oslo", 8, 12, 0.25), ("PER", "", 12, 12, 1.0)]


def test_columns_become_the_same_entities_as_one_by_one() -> None:
    made = entities_of_columns(*(list(column) for column in zip(*_ROWS)))
    assert made == [Entity(*row) for row in _ROWS]
    assert [hash(one) for one in made] == [hash(Entity(*row)) for row in _ROWS]
    assert [repr(one) for one in made] == [repr(Entity(*row)) for row in _ROWS]
    assert pickle.loads(pickle.dumps(made)) == copy.deepcopy(made) == made
    with pytest.raises(FrozenInstanceError):
        made[0].label = "ORG"  # type: ignore[misc]


def test_no_rows_are_no_entities() -> None:
    assert entities_of_columns([], [], [], [], []) == []


def test_every_attribute_is_filled() -> None:
    """An attribute that is added to Entity must have a column, too."""
    label, text, start, end, score = _ROWS[0]
    (one,) = entities_of_columns([label], [text], [start], [end], [score])
    assert [getattr(one, field.name) for field in fields(Entity)] == [*_ROWS[0]]
