"""Messages of libraries lose their folders."""

from __future__ import annotations

import pytest

from bench.report.tidy import tidy


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("cannot open /a/b/c.onnx: no", "cannot open c.onnx: no"),
        ("in ~/x/y and ../z/w.txt", "in y and w.txt"),
        ("two\n  lines", "two lines"),
        ("x" * 300, "x" * 197 + "..."),
    ],
)
def test_messages_lose_their_folders(message: str, expected: str) -> None:
    assert tidy(message) == expected
