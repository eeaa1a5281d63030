"""Windows that come again are not run again, and get what they got; nothing is kept beyond what was asked for."""

from __future__ import annotations

import threading

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from runtime.batch.ragged import ranges, starts_from_counts
from runtime.batch.repeats import Repeats
from runtime.batch.windows import Windows, windows_of

_LISTS = st.lists(st.lists(st.integers(0, 3), max_size=5), max_size=12)


def _ask(repeats: Repeats, texts: list[list[int]], ran: list[int]) -> NDArray[np.float32]:
    ids = np.array([token for text in texts for token in text], np.int64)
    windows = windows_of(starts_from_counts([len(text) for text in texts]), capacity=4, stride=1)

    def run(some: Windows) -> NDArray[np.float32]:
        ran.append(len(some.start))
        logits = np.full((len(ids), 2), np.nan, np.float32)
        answered = ranges(some.start + some.skip, some.keep)
        logits[answered] = ids[answered, None] + np.array([0, 0.5], np.float32)
        return logits

    return repeats.logits(ids, windows, run)


@settings(max_examples=300, deadline=None)
@given(first=_LISTS, second=_LISTS, most=st.integers(0, 6))
def test_answers_are_those_without_it(first: list[list[int]], second: list[list[int]], most: int) -> None:
    repeats = Repeats(most)
    for texts in (first, second, first):
        np.testing.assert_array_equal(_ask(repeats, texts, []), _ask(Repeats(0), texts, []))


def test_each_is_run_once_while_it_is_kept() -> None:
    repeats, ran = Repeats(2), list[int]()
    for texts in ([[1], [2], [1]], [[2], [1]], [[3], [1]], [[2]]):
        _ask(repeats, texts, ran)
    # [3] took the place of [2], which was asked for before [1].
    assert ran == [2, 0, 1, 1]
    assert (repeats.asked, repeats.repeated) == (8, 4)


def test_nothing_is_looked_for_unless_asked() -> None:
    repeats, ran = Repeats(0), list[int]()
    _ask(repeats, [[1], [1]], ran)
    assert (ran, repeats.asked) == ([2], 0)


def test_several_threads_at_once() -> None:
    repeats = Repeats(3)
    texts = [[number % 4] * (1 + number % 3) for number in range(50)]
    expected = _ask(Repeats(0), texts, [])
    found: list[NDArray[np.float32]] = []
    threads = [threading.Thread(target=lambda: found.append(_ask(repeats, texts, []))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    for logits in found:
        np.testing.assert_array_equal(logits, expected)
