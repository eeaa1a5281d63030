"""Bars as SVG, drawn in the colors of the page around them: light or dark. No library is needed for rectangles."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

_WIDTH, _ROW, _NAME, _VALUE = 820, 26, 300, 160
_BAR = _WIDTH - _NAME - _VALUE


@dataclass(frozen=True, slots=True)
class Bar:
    """A named value, its text, and a second value at which a mark stands: the end of what chance could have made.

    Attributes:
        name: left of the bar.
        value: its length, at least 0.
        shown: the value as text.
        mark: where a line is drawn; 0: none.
        kind: a class of the page's style sheet: kept, out, reference.
    """

    name: str
    value: float
    shown: str
    mark: float = 0.0
    kind: str = "kept"


def bars(title: str, drawn: Sequence[Bar]) -> str:
    """A bar a row, all to one scale."""
    most = max((max(bar.value, bar.mark) for bar in drawn), default=0.0) or 1.0
    height = _ROW * len(drawn)
    rows = "\n".join(_bar(bar, index * _ROW, most) for index, bar in enumerate(drawn))
    label = html.escape(f"{title}: " + "; ".join(f"{bar.name} {bar.shown}" for bar in drawn), quote=True)
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{label}">\n{rows}\n</svg>'


def _bar(bar: Bar, top: int, most: float) -> str:
    length = _BAR * bar.value / most
    after = _NAME + max(length, _BAR * bar.mark / most) + 8
    parts = [
        f'<text x="{_NAME - 10}" y="{top + 18}" text-anchor="end">{html.escape(bar.name)}</text>',
        f'<rect class="{bar.kind}" x="{_NAME}" y="{top + 5}" width="{max(1.0, length):.1f}" height="{_ROW - 10}"/>',
        f'<text x="{after:.1f}" y="{top + 18}">{html.escape(bar.shown)}</text>',
    ]
    if bar.mark:
        x = _NAME + _BAR * bar.mark / most
        parts.append(f'<path class="mark" d="M {_NAME + length:.1f} {top + 13} H {x:.1f} M {x:.1f} {top + 8} v 10"/>')
    return "".join(parts)
