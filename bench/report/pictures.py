"""Pictures as SVG text: scatter, lines, bars, stacked bars, heat map. Pure; they know nothing of benchmarks.

Plain shapes and words, so that they print, need no script, and can be told apart without colour: every series has a
dash, a marker and its name beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 760, 380
_KEPT, _RIGHT, _TOP, _BOTTOM = 70, 236, 16, 48
_NAMES = 212  # right edge of the names before bars
_LABEL = 14  # least distance of two labels, so that none is written over another
# Blues for what is ours; for the others colours that stay apart for colour-blind eyes (after Okabe and Ito).
OURS = ("#0b4fa8", "#2f7fd6", "#6aa9ea", "#08306b")
OTHERS = ("#d55e00", "#009e73", "#cc79a7", "#8c6d00", "#7f7f7f", "#b2182b", "#44aa99", "#882255", "#555555")
_DASHES = ("", "6 3", "2 2", "8 3 2 3")


@dataclass(frozen=True, slots=True)
class Mark:
    """How one series is drawn."""

    colour: str
    dash: str
    shape: str


@dataclass(frozen=True, slots=True)
class Axis:
    """Values to pixels.

    Attributes:
        low, high: values at the ends.
        start, stop: pixels at the ends.
        log: whether equal ratios are equal distances.
    """

    low: float
    high: float
    start: float
    stop: float
    log: bool

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        low, high, here = (self._scaled(one) for one in (self.low, self.high, value))
        return self.start + (here - low) / (high - low) * (self.stop - self.start)

    def ticks(self) -> list[float]:
        """Round values within the ends."""
        if self.log:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            every = [step * 10.0**decade for decade in decades for step in (1, 2, 5)]
            return [value for value in every if self.low <= value <= self.high]
        step = _round_step((self.high - self.low) / 5)
        first = math.ceil(self.low / step)
        return [step * index for index in range(first, math.floor(self.high / step + 1e-9) + 1)]

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self.log else value


def marks(names: Sequence[str], ours: Callable[[str], bool]) -> dict[str, Mark]:
    """A mark for each name; the same names in the same order always get the same."""
    found: dict[str, Mark] = {}
    counts = {True: 0, False: 0}
    for name in names:
        mine = ours(name)
        number, colours = counts[mine], OURS if mine else OTHERS
        counts[mine] += 1
        dash = _DASHES[number // len(colours) % len(_DASHES)] if mine else _DASHES[1 + number % (len(_DASHES) - 1)]
        found[name] = Mark(colours[number % len(colours)], dash, "circle" if mine else "square")
    return found


def scatter(
    points: Mapping[str, tuple[float, float]], styles: Mapping[str, Mark], *, x: str, y: str, front: Sequence[str]
) -> str:
    """Points with their names; a thin line joins those of `front`, from left to right. The x axis is logarithmic."""
    if not points:
        return ""
    across = _axis([one for one, _ in points.values()], _KEPT, WIDTH - _RIGHT, log=True)
    up = _axis([other for _, other in points.values()], HEIGHT - _BOTTOM, _TOP, log=False)
    parts = _special_tokens(across, up, x, y)
    joined = " ".join(f"{across(points[name][0]):.1f},{up(points[name][1]):.1f}" for name in front)
    parts.append(f'<polyline points="{joined}" fill="none" stroke="#999" stroke-width="1"/>')
    places = {name: (across(one), up(other)) for name, (one, other) in points.items()}
    for name, (left, top) in places.items():
        parts.append(_shape(styles[name], left, top))
    return _svg([*parts, *_names(places, styles)], HEIGHT)


def lines(series: Mapping[str, Sequence[tuple[float, float]]], styles: Mapping[str, Mark], *, x: str, y: str) -> str:
    """Lines with their names at their ends; both axes logarithmic."""
    drawn = {name: values for name, values in series.items() if values}
    if not drawn:
        return ""
    across = _axis([one for values in drawn.values() for one, _ in values], _KEPT, WIDTH - _RIGHT, log=True)
    up = _axis([other for values in drawn.values() for _, other in values], HEIGHT - _BOTTOM, _TOP, log=True)
    parts, ends = _special_tokens(across, up, x, y), {}
    for name, values in drawn.items():
        style = styles[name]
        places = [(across(one), up(other)) for one, other in values]
        joined = " ".join(f"{left:.1f},{top:.1f}" for left, top in places)
        parts.append(
            f'<polyline points="{joined}" fill="none" stroke="{style.colour}" stroke-width="2" '
            f'stroke-dasharray="{style.dash}"/>'
        )
        parts += [_shape(style, left, top, size=3) for left, top in places]
        ends[name] = places[-1]
    return _svg([*parts, *_names(ends, styles)], HEIGHT)


def bars(values: Mapping[str, float], styles: Mapping[str, Mark], *, show: Callable[[float], str], most: float) -> str:
    """A bar for each name, as a part of `most`."""
    parts = []
    for number, (name, value) in enumerate(values.items()):
        top = 6 + 24 * number
        parts.append(_text(_NAMES, top + 13, name, anchor="end"))
        parts.append(f'<rect x="{_NAMES + 8}" y="{top}" width="{max(1.0, 430 * value / most):.1f}" height="17" '
                     f'fill="{styles[name].colour}"/>')  # fmt: skip
        parts.append(_text(_NAMES + 14 + 430 * value / most, top + 13, show(value)))
    return _svg(parts, 12 + 24 * len(values)) if values else ""


def stacked(values: Mapping[str, Mapping[str, float]], colours: Mapping[str, str]) -> str:
    """A bar for each name, cut into its parts; every part says its share, and the legend its name."""
    parts = []
    for number, (part, colour) in enumerate(colours.items()):
        place = _NAMES + 8 + 110 * number
        parts += [
            f'<rect x="{place}" y="4" width="12" height="12" fill="{colour}" stroke="#333"/>',
            _text(place + 17, 14, part),
        ]
    for number, (name, cut) in enumerate(values.items()):
        top, left, total = 26 + 26 * number, _NAMES + 8.0, sum(cut.values()) or 1.0
        parts.append(_text(_NAMES, top + 13, name, anchor="end"))
        for part, colour in colours.items():
            width = 530 * cut.get(part, 0.0) / total
            parts.append(
                f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="18" fill="{colour}" stroke="#333"/>'
            )
            if width > 34:
                parts.append(_text(left + width / 2, top + 13, f"{cut.get(part, 0.0) / total:.0%}", anchor="middle"))
            left += width
    return _svg(parts, 32 + 26 * len(values)) if values else ""


def heat_map(
    rows: Sequence[int], columns: Sequence[int], cells: Sequence[Sequence[float | None]], *, x: str, y: str
) -> str:
    """A grid of values, darker is more; the value stands in the cell, a dash where there is none."""
    most = max((cell for line in cells for cell in line if cell is not None), default=1.0)
    parts = [_text(110 + 45 * len(columns), 12, x, anchor="middle")]
    parts += [_text(155 + 90 * number, 30, f"{column}", anchor="middle") for number, column in enumerate(columns)]
    for down, (row, line) in enumerate(zip(rows, cells)):
        top = 38 + 34 * down
        parts.append(_text(100, top + 21, f"{row} {y}", anchor="end"))
        for number, cell in enumerate(line):
            part = 0.0 if cell is None else cell / most
            fill = (
                "#fff" if cell is None else f"rgb({_mix(244, 11, part)},{_mix(248, 79, part)},{_mix(255, 168, part)})"
            )
            left = 110 + 90 * number
            parts.append(f'<rect x="{left}" y="{top}" width="88" height="32" fill="{fill}" stroke="#bbb"/>')
            shown = "-" if cell is None else f"{cell:,.0f}"
            parts.append(_text(left + 44, top + 21, shown, anchor="middle", colour="#fff" if part > 0.55 else "#111"))
    return _svg(parts, 44 + 34 * len(rows))


def _axis(values: Sequence[float], start: float, stop: float, *, log: bool) -> Axis:
    """An axis that holds the values with some room at both ends."""
    low, high = min(values), max(values)
    if log:
        return Axis(low / 1.25, high * 1.25, start, stop, log=True)
    room = 0.08 * (high - low) or 0.01 * abs(high) or 1.0
    return Axis(low - room, high + room, start, stop, log=False)


def _special_tokens(across: Axis, up: Axis, x: str, y: str) -> list[str]:
    floor, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
    parts = [
        f'<rect x="{_KEPT}" y="{_TOP}" width="{right - _KEPT}" height="{floor - _TOP}" fill="none" stroke="#666"/>'
    ]
    for value in across.ticks():
        at = across(value)
        parts.append(f'<line x1="{at:.1f}" y1="{_TOP}" x2="{at:.1f}" y2="{floor}" stroke="#e4e4e4"/>')
        parts.append(_text(at, floor + 16, _plain(value), anchor="middle"))
    for value in up.ticks():
        at = up(value)
        parts.append(f'<line x1="{_KEPT}" y1="{at:.1f}" x2="{right}" y2="{at:.1f}" stroke="#e4e4e4"/>')
        parts.append(_text(_KEPT - 6, at + 4, _plain(value), anchor="end"))
    middle = (_TOP + floor) / 2
    parts.append(_text((_KEPT + right) / 2, HEIGHT - 10, x, anchor="middle"))
    parts.append(f'<text transform="translate(14 {middle}) rotate(-90)" text-anchor="middle">{escape(y)}</text>')
    return parts


def _names(places: Mapping[str, tuple[float, float]], styles: Mapping[str, Mark]) -> list[str]:
    """Names in a column at the right, none over another, each with its mark and a thin line to its place."""
    parts, left, free = [], WIDTH - _RIGHT + 16, float(_TOP)
    for name, (x, y) in sorted(places.items(), key=lambda one: one[1][1]):
        # Names below must still fit, whatever stands above them.
        free = max(free + _LABEL, min(y + 4, HEIGHT - _BOTTOM))
        colour = styles[name].colour
        parts.append(f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{left - 3}" y2="{free - 4:.1f}" stroke="{colour}" '
                     'stroke-width="0.5" opacity="0.6"/>')  # fmt: skip
        parts += [_shape(styles[name], left + 4, free - 4, size=4), _text(left + 13, free, name)]
    return parts


def _shape(style: Mark, x: float, y: float, size: float = 5) -> str:
    if style.shape == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}" fill="{style.colour}"/>'
    corner = f'x="{x - size:.1f}" y="{y - size:.1f}"'
    return (
        f'<rect {corner} width="{2 * size}" height="{2 * size}" fill="#fff" stroke="{style.colour}" stroke-width="2"/>'
    )


def _text(x: float, y: float, text: str, *, anchor: str = "start", colour: str = "#111") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'


def _svg(parts: Sequence[str], height: float) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" font-size="12">\n' + "\n".join(parts) + "\n</svg>"


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= rough)


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.4g}"


def _mix(low: int, high: int, part: float) -> int:
    return round(low + (high - low) * part)
