"""Numbers of lists are told from numbers that end a sentence."""

from __future__ import annotations

import pytest

from runtime.text.enumerations import item_numbers


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1. Anna Lund 9.83 2. Peter Keller 9.91", ["1", "2"]),
        ("Then: 7. Anna 8. Peter 10. John", ["7", "8"]),
        ("She came 12. Then she left 14. After that, nobody.", []),
        ("It rose 1.5 to 2.5 in 3 days 4 times.", []),
        ("in 1995. And 1996. Or", []),
        ("1. " + "far " * 100 + "2. Away", []),
        ("", []),
    ],
)
def test_items(text: str, numbers: list[str]) -> None:
    assert [text[start:].partition(".")[0] for start in item_numbers(text)] == numbers
