"""JSON is read into types strictly: what fits to the last value that fits, and what does not, by its place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from runtime.bundle.schema import LATER, SchemaError, read

Colour = Literal["red", "blue"]


@dataclass(frozen=True)
class Wheel:
    size: int
    spokes: tuple[float, ...] = ()


@dataclass(frozen=True)
class Cart:
    name: str
    front: Wheel
    others: dict[str, Wheel]
    colour: Colour
    price: float | int | None
    sold: bool
    tags: tuple[str, ...] = field(default=("new",), metadata={LATER: True})


CART: dict[str, Any] = {
    "name": "a",
    "front": {"size": 3, "spokes": [1, 2.5]},
    "others": {"left": {"size": 0, "spokes": []}},
    "colour": "red",
    "price": None,
    "sold": False,
}


def test_an_object_becomes_its_dataclass_and_a_later_field_may_be_missing() -> None:
    cart = Cart("a", Wheel(3, (1, 2.5)), {"left": Wheel(0)}, "red", None, False)
    assert read(Cart, CART) == cart
    assert read(Cart, CART | {"tags": ["x", "y"]}).tags == ("x", "y")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (str, ""),
        (str, "x" * 1_000_000),
        (int, 0),
        (int, 2**53),
        (float, 1.5),
        (float, -1),
        (bool, True),
        (Colour, "blue"),
        (float | int | None, None),
        (int | None, 7),
        (float | None, 7),
        (float | int | None, 0.5),
        (dict[str, int], {}),
        (dict[str, int], {"a": 1}),
    ],
)
def test_what_fits_is_as_it_was(kind: Any, value: Any) -> None:
    found = read(kind, value)
    assert (found, type(found)) == (value, type(value))


def test_so_many_items_and_no_more() -> None:
    assert read(tuple[int, ...], [1] * 100_000) == (1,) * 100_000
    with pytest.raises(SchemaError) as caught:
        read(tuple[int, ...], [1] * 100_001)
    assert str(caught.value) == "the whole has 100,001 items, at most 100,000 are read"


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        (str, 1, "the whole is '1' where a string was expected"),
        (str, "x" * 1_000_001, " has 1,000,001 characters, at most 1,000,000 are read"),
        (dict[str, int], {"x" * 1_000_001: 1}, " has 1,000,001 characters, at most 1,000,000 are read"),
        (int, -1, "the whole is '-1' where a whole number was expected"),
        (int, 2**53 + 1, "the whole is '9007199254740993' where a whole number was expected"),
        (int, 1.0, "the whole is '1.0' where a whole number was expected"),
        (int, True, "the whole is 'True' where a whole number was expected"),
        (float, False, "the whole is 'False' where a finite number was expected"),
        (float, float("inf"), "the whole is 'inf' where a finite number was expected"),
        (float, float("nan"), "the whole is 'nan' where a finite number was expected"),
        (float, "1", "the whole is '1' where a finite number was expected"),
        (float | None, "1", "the whole is '1' where a finite number was expected"),
        (int | None, -1, "the whole is '-1' where a whole number was expected"),
        (float | int | None, -1, "the whole is '-1' where a whole number was expected"),
        (bool, 1, "the whole is '1' where true or false was expected"),
        (bool, None, "the whole is 'None' where true or false was expected"),
        (Colour, "green", "the whole is 'green' where one of red, blue was expected"),
        (Literal["1"], 1, "the whole is '1' where one of 1 was expected"),
        (dict[str, int], [1], "the whole is '[1]' where an object was expected"),
        (tuple[int, ...], {"a": 1}, "the whole is \"{'a': 1}\" where a list was expected"),
        (tuple[int, ...], [1, "y" * 60], f"[1] is '{'y' * 40}' where a whole number was expected"),
        (Wheel, {"spokes": []}, "size is missing"),
        (Wheel, {"size": 1}, "spokes is missing"),
        (Wheel, {"size": 1, "spokes": [], "w" * 60: 1}, f"{'w' * 50} is not a field that there is"),
        (Cart, CART | {"tags": 1}, "tags is '1' where a list was expected"),
        (Cart, CART | {"front": {"size": 1}}, "front.spokes is missing"),
        (Cart, CART | {"front": {"size": 1, "spokes": [0, "a"]}}, "front.spokes[1] is 'a' where a finite number was"),
        (Cart, CART | {"colour": "green"}, "colour is 'green' where one of red, blue was expected"),
        (Cart, CART | {"price": "9"}, "price is '9' where a finite number was expected"),
        (Cart, CART | {"sold": 0}, "sold is '0' where true or false was expected"),
        (Cart, CART | {"name": 1}, "name is '1' where a string was expected"),
        (Cart, CART | {"name": "x" * 1_000_001}, "name has 1,000,001 characters, at most"),
        (Cart, CART | {"others": []}, "others is '[]' where an object was expected"),
        (Cart, CART | {"tags": [1] * 100_001}, "tags has 100,001 items, at most 100,000 are read"),
        (Cart, CART | {"others": {"left": 1}}, "others.left is '1' where an object was expected"),
    ],
)
def test_what_does_not_fit_is_told_by_its_place(kind: Any, value: Any, told: str) -> None:
    with pytest.raises(SchemaError) as caught:
        read(kind, value)
    assert str(caught.value).startswith(told)


def test_a_place_that_is_given_begins_the_message() -> None:
    with pytest.raises(SchemaError, match=r"^checkpoint\.config\.a is '-1' where"):
        read(dict[str, int], {"a": -1}, "checkpoint.config")
