"""Work begun before its result is needed."""

from __future__ import annotations

import threading

import pytest

from runtime.concurrency import Ahead


def test_the_function_runs_before_it_is_asked_for_its_result() -> None:
    ran = threading.Event()

    def three() -> int:
        ran.set()
        return 3

    ahead = Ahead(three)
    assert ran.wait(10)
    assert [ahead.result(), ahead.result()] == [3, 3]


def test_an_error_is_raised_where_the_result_is_asked_for() -> None:
    ahead = Ahead(lambda: int("three"))
    with pytest.raises(ValueError, match="three"):
        ahead.result()
