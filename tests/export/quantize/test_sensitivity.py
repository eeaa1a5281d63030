"""Which layers are kept in higher precision, on a model of an accuracy instead of a network."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
import pytest
from numpy.typing import NDArray

from export.quantize.sensitivity import Change, Probe, change, layers_to_keep, one_by_one, short_name
from runtime.screen.display import showing
from tests.fakes.screen import FakeScreen

Array = NDArray[np.float32]

# A model of an accuracy: each layer in int8 moves the logits by its own amount; (amount, MACs).
_HARM = {"coarse": (0.30, 100), "fine": (0.01, 100), "small": (0.29, 10), "other": (0.02, 200)}


def probe(words: int, *, seed: int = 0) -> Probe:
    chance = np.random.default_rng(seed)
    expected = chance.normal(size=(words, 4)).astype(np.float32)
    noise = {name: chance.normal(size=expected.shape).astype(np.float32) for name in _HARM}

    def measure(kept: Collection[str]) -> Array:
        moved = expected.copy()
        for name, (amount, _) in _HARM.items():
            moved += 0 if name in kept else amount * noise[name]
        return moved

    return Probe(measure, expected)


_WORK = {name: work for name, (_, work) in _HARM.items()}


def ranking() -> dict[str, float]:
    return one_by_one(_WORK, lambda: probe(1000, seed=1))


def test_the_most_harmful_for_their_work_are_kept_first() -> None:
    kept, found = layers_to_keep(_WORK, lambda: probe(5000), ranking, goal=300, most=0.5)
    assert [each.name for each in kept] == ["small", "coarse"]
    assert found.per_10k <= 300
    assert kept[0].changed_before > kept[0].changed_after == kept[1].changed_before > kept[1].changed_after
    assert "%" in kept[0].reason


def test_nothing_is_kept_where_the_goal_holds() -> None:
    def never() -> dict[str, float]:
        raise AssertionError("no layer need be tried")

    kept, found = layers_to_keep(_WORK, lambda: probe(5000), never, goal=10_000, most=0.5)
    assert kept == []
    assert found.words == 5000


def test_no_more_is_kept_than_allowed() -> None:
    kept, found = layers_to_keep(_WORK, lambda: probe(5000), ranking, goal=0, most=0.1)
    assert [each.name for each in kept] == ["small"]
    assert found.per_10k > 0


def test_what_is_like_any_other_or_does_not_help_stays_in_int8() -> None:
    kept, _ = layers_to_keep(_WORK, lambda: probe(5000), ranking, goal=0, most=1.0)
    assert {each.name for each in kept} == {"small", "coarse"}
    # Logits that move whatever is kept: the short text says that it helps, the long one that it does not.
    steady = probe(5000)
    moved = steady.measure(())
    assert layers_to_keep(_WORK, lambda: Probe(lambda _: moved, steady.expected), ranking, goal=0, most=1.0)[0] == []


def test_what_moves_logits_is_kept_even_if_a_label_more_changes_by_chance() -> None:
    expected = np.array([[9, 0], [9, 0], [0.1, 0]], np.float32)
    all_in_int8 = np.array([[4, 0], [0, 3], [0.1, 0]], np.float32)
    without = np.array([[9, 0], [0, 1], [0, 0.1]], np.float32)
    long = Probe(lambda kept: without if "small" in kept else all_in_int8, expected)
    assert long.keeping(("small",)).labels > long.keeping(()).labels
    kept, found = layers_to_keep(_WORK, lambda: long, lambda: one_by_one(_WORK, lambda: long), goal=0, most=0.1)
    assert [each.name for each in kept] == ["small"]
    assert found == long.keeping(("small",))


def test_change_does_not_see_what_all_labels_have_in_common() -> None:
    expected = np.array([[1, 2], [5, 1]], np.float32)
    found = change(expected, expected + np.array([[3], [4]], np.float32))
    assert (found.words, found.labels) == (2, 0)
    assert math.isclose(found.movement, 0, abs_tol=1e-9)
    assert change(expected, expected[:, ::-1]).per_10k == 10_000


def test_the_goal_is_not_reached_by_chance() -> None:
    """36 labels of 30,000 are 12 in 10,000; another text of that size may well show 42."""
    assert Change(30_000, 36, 0.0).per_10k == pytest.approx(12)
    assert Change(30_000, 36, 0.0).likely_per_10k == pytest.approx(14)
    assert Change(0, 0, 0.0).likely_per_10k == 0


def test_of_many_layers_some_are_kept_together() -> None:
    """100 layers of one kind: three a step. What they move adds up, so that each step helps."""
    asked: list[int] = []
    names = [f"layer{number}" for number in range(100)]
    amounts = {name: 0.30 if number < 5 else 0.001 for number, name in enumerate(names)}
    chance = np.random.default_rng(0)
    expected = chance.normal(size=(500, 4)).astype(np.float32)
    noise = {name: amount * chance.normal(size=expected.shape).astype(np.float32) for name, amount in amounts.items()}

    def measure(kept: Collection[str]) -> Array:
        asked.append(len(kept))
        moved: Array = expected.copy()
        for name, each in noise.items():
            moved += 0 if name in kept else each
        return moved

    work = dict.fromkeys(names, 10)
    text = Probe(measure, expected)
    kept, found = layers_to_keep(work, lambda: text, lambda: one_by_one(work, lambda: text), goal=0, most=0.04)
    # There is room for four: three in the first step, one in the second.
    assert {each.name for each in kept} < set(names[:5])
    assert [count for count in asked if count > 1] == [3, 4]
    assert kept[0].changed_after == kept[2].changed_after > kept[3].changed_after == found.per_10k


def test_the_screen_shows_which_layer_is_tried_and_what_it_came_to() -> None:
    with showing(screen := FakeScreen()):
        layers_to_keep(_WORK, lambda: probe(5000), ranking, goal=300, most=0.5)
    counting, ranked, keeping = (
        screen.lines[screen.lines.index(f"begin {name}") :] for name in ("count 0", "rank 5", "keep 0")
    )
    assert counting[1:3] == [
        "progress 0 labels before quantization",
        "progress 0 labels with every layer in 8 bits",
    ]
    assert counting[3].startswith("end count with every layer in 8 bits ")
    assert ranked[1:7] == [
        "progress 0 every layer in 8 bits",
        *(f"progress {number} {name}" for number, name in enumerate(_WORK, 1)),
        "end rank 4 layers, each in higher precision by itself",
    ]
    assert keeping[1].startswith("progress 0 0 layers kept so far: ")
    assert keeping[1].endswith("; goal 300; next small")
    assert keeping[-1].startswith("end keep 2 of 4 layers in higher precision: ")


def test_a_person_reads_no_more_of_a_layer_s_name_than_tells_it_from_others() -> None:
    assert short_name("/layers.3/down/MatMul") == "layers.3/down"
