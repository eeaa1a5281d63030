"""The order of the training sentences."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from train.epoch_order import EpochOrder, epoch_order

LENGTHS = [(number * 37) % 50 + 3 for number in range(1003)]


@given(st.lists(st.integers(1, 90), min_size=1, max_size=300), st.integers(1, 9), st.booleans())
def test_every_sentence_comes_once(lengths: list[int], batch: int, grouped: bool) -> None:
    order = epoch_order(lengths, batch=batch, seed=1, epoch=0, grouped=grouped)
    assert sorted(order) == list(range(len(lengths)))


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    order = EpochOrder(LENGTHS, batch=8, seed=7, grouped=True)
    first, again = list(order), list(order)
    order.set_epoch(1)
    assert first == again
    assert len(order) == len(first) == len(LENGTHS)
    assert list(order) != first
    assert list(EpochOrder(LENGTHS, batch=8, seed=8, grouped=True)) != first


def test_grouped_batches_need_little_padding_and_come_in_any_order() -> None:
    order = epoch_order(LENGTHS, batch=8, seed=7, epoch=0, grouped=True)
    batches = [[LENGTHS[number] for number in order[start : start + 8]] for start in range(0, len(order), 8)]
    padded = sum(max(batch) * len(batch) for batch in batches)
    assert sum(LENGTHS) / padded > 0.95
    longest = [max(batch) for batch in batches]
    assert longest != sorted(longest)
    assert len(batches[-1]) == len(LENGTHS) % 8
