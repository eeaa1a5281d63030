"""Pictures: well-formed, the same bytes each time, readable text, and a mark of its own for each series."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import pytest

pytest.importorskip("matplotlib", reason="matplotlib is not installed")

from bench.report import pictures
from bench.report.pictures import MODES, THEMES, Mode

NAMES = ["nerve-a", "one", "two"]


def _marks(mode: Mode) -> dict[str, pictures.Mark]:
    return pictures.marks(NAMES, lambda name: name.startswith("nerve"), mode)


def _scatter(mode: Mode) -> bytes:
    points = {name: (10.0 * (number + 1), 0.9) for number, name in enumerate(NAMES)}
    return pictures.scatter(points, _marks(mode), mode, labels=("speed", "F1"), front=["one"], about="of a test")


def _curves(mode: Mode) -> bytes:
    series = {name: [(1.0, 2.0), (10.0, 20.0)] for name in NAMES}
    return pictures.curves(series, _marks(mode), mode, labels=("speed", "F1"))


def _bars(mode: Mode) -> bytes:
    values = {"nerve-a": 0.5, "one": 1.2}
    return pictures.bars(values, _marks(mode), mode, show=lambda value: f"{value:.0%} speed F1")


def _stacked(mode: Mode) -> bytes:
    return pictures.stacked({"nerve-a": {"speed": 1.0, "F1": 3.0}}, ("speed", "F1"), mode)


def _heat_map(mode: Mode) -> bytes:
    return pictures.heat_map([4, 16], [1, 8], [[1.0, None], [2.0, 3.0]], mode, labels=("speed", "F1 nerve-a"))


DRAWN = pytest.mark.parametrize("draw", [_scatter, _curves, _bars, _stacked, _heat_map])


@DRAWN
@pytest.mark.parametrize("mode", MODES)
def test_a_picture_is_well_formed_text_in_the_colors_of_its_page(draw: Callable[[Mode], bytes], mode: Mode) -> None:
    drawn = draw(mode)
    words = " ".join(text for node in ElementTree.fromstring(drawn).iter() if (text := node.text))
    assert all(word in words for word in ("nerve-a", "speed", "F1"))
    other: Mode = "dark" if mode == "light" else "light"
    assert THEMES[mode].ink in drawn.decode()
    assert THEMES[other].ink not in drawn.decode()


@DRAWN
def test_the_same_values_are_the_same_bytes(draw: Callable[[Mode], bytes]) -> None:
    assert draw("light") == draw("light")
    assert b"dc:date" not in draw("light")


def test_a_picture_says_what_it_is_of() -> None:
    assert b"of a test" in _scatter("dark")


def test_no_name_is_written_over_another() -> None:
    drawn = _scatter("light").decode()
    heights = [float(y) for y in re.findall(r"translate\([\d.]+ ([\d.]+)\)[^>]*>(?:nerve-a|one|two)<", drawn)]
    heights = heights or [float(y) for y in re.findall(r'y="([\d.]+)"[^>]*>(?:nerve-a|one|two)<', drawn)]
    assert len(heights) == 3
    assert min(abs(one - other) for one in heights for other in heights if one != other) > 11


def test_every_series_differs_from_every_other() -> None:
    names = [f"one{number}" for number in range(8)]
    found = pictures.marks(names, lambda name: False, "light")
    assert len(set(found.values())) == 8
    assert pictures.marks(names, lambda name: False, "light") == found
    assert pictures.marks(["a"], lambda name: True, "light")["a"].filled
