"""Pictures as SVG, drawn by matplotlib: points, curves, bars, stacked bars, heat map. They know nothing of benchmarks.

Every picture is drawn for a light or a dark page. Text stays text, so that it can be selected and read aloud. The same
values give the same bytes: ids come from a fixed salt, and no date is written. Series differ in marker and dash as well
as in color, so that they can be told apart on paper and by color-blind eyes.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Mode = Literal["light", "dark"]
MODES: tuple[Mode, ...] = ("light", "dark")
_WIDTH, _HEIGHT = 8.6, 4.3  # inches; an SVG has no size of its own on a page
_NAME_POINTS = 12.0  # least distance of two names, so that none is written over another
_DASHES = ("-", "--", ":", "-.")
_SQUARES = ("s", "D", "^", "v", "P", "X")


def can_draw() -> bool:
    """Return whether matplotlib is installed; it belongs to the extra `bench`."""
    return importlib.util.find_spec("matplotlib") is not None


@dataclass(frozen=True, slots=True)
class Theme:
    """Colors for one kind of page: ink and grid, Nerve's blues, colors of the others (after Okabe and Ito)."""

    ink: str
    grid: str
    page: str
    ours: tuple[str, ...]
    others: tuple[str, ...]
    stages: tuple[str, ...]


THEMES: Mapping[Mode, Theme] = {
    "light": Theme(
        ink="#1f2328",
        grid="#d8dee4",
        page="#ffffff",
        ours=("#0b4fa8", "#2f7fd6", "#6aa9ea", "#08306b"),
        others=("#d55e00", "#009e73", "#cc79a7", "#8c6d00", "#7f7f7f", "#b2182b", "#44aa99", "#882255"),
        stages=("#9ecae1", "#fdd0a2", "#3182bd", "#c7e9c0"),
    ),
    "dark": Theme(
        ink="#e6edf3",
        grid="#30363d",
        page="#0d1117",
        ours=("#79b8ff", "#3b8eea", "#b3d7ff", "#1f6feb"),
        others=("#ff9b54", "#3fd0a3", "#e7a3cc", "#d6b656", "#a0a0a0", "#ff7b72", "#7fd6cb", "#d58fb0"),
        stages=("#4f86a8", "#b98a5a", "#2f7fd6", "#6f9a66"),
    ),
}


@dataclass(frozen=True, slots=True)
class Mark:
    """How one series is drawn: color, dash of its line, marker, and whether the marker is filled."""

    color: str
    dash: str
    marker: str
    filled: bool


def marks(names: Sequence[str], ours: Callable[[str], bool], mode: Mode) -> dict[str, Mark]:
    """Return a mark for each name. The same names in the same order always get the same marks."""
    theme, found, counts = THEMES[mode], dict[str, Mark](), {True: 0, False: 0}
    for name in names:
        mine = ours(name)
        number, colors = counts[mine], theme.ours if mine else theme.others
        counts[mine] += 1
        marker = "o" if mine else _SQUARES[number % len(_SQUARES)]
        dash = _DASHES[(number // len(colors) if mine else 1 + number) % len(_DASHES)]
        found[name] = Mark(colors[number % len(colors)], dash, marker, mine)
    return found


def scatter(
    points: Mapping[str, tuple[float, float]],
    styles: Mapping[str, Mark],
    mode: Mode,
    *,
    labels: tuple[str, str],
    front: Sequence[str] = (),
    about: str = "",
) -> bytes:
    """Draw points with their names. A thin line joins the names of `front`; the x axis is logarithmic.

    Args:
        points: x and y by name.
        styles: marks by name.
        mode: of the page.
        labels: of the x and y axis.
        front: names from left to right.
        about: goes into the file as its description.
    """
    with _picture(mode, about) as (figure, save):
        axes = _axes(figure, mode, labels, right=0.64)
        axes.set_xscale("log")
        axes.plot(*_columns([points[name] for name in front]), color=THEMES[mode].ink, linewidth=0.8, alpha=0.5)
        for name, (x, y) in points.items():
            axes.plot([x], [y], **_marker(styles[name], mode), markersize=8, linestyle="")
        # Markers at the edge would be cut.
        axes.margins(0.08)
        _plain_ticks(axes.xaxis)
        _names_at_right(figure, axes, points, styles)
        return save()


def curves(
    series: Mapping[str, Sequence[tuple[float, float]]],
    styles: Mapping[str, Mark],
    mode: Mode,
    *,
    labels: tuple[str, str],
    steps: bool = False,
    percent: bool = False,
    about: str = "",
) -> bytes:
    """Draw one line for each name, with a legend at the right; the x axis is logarithmic.

    Args:
        series: points of each line, in order.
        styles: marks by name.
        mode: of the page.
        labels: of the x and y axis.
        steps: draw steps without markers, as for a distribution.
        percent: the y axis shows shares of 1 in percent; otherwise it is logarithmic.
        about: goes into the file as its description.
    """
    with _picture(mode, about) as (figure, save):
        axes = _axes(figure, mode, labels, right=0.64)
        for name, points in series.items():
            style = styles[name]
            shape = {"drawstyle": "steps-post"} if steps else {**_marker(style, mode), "markersize": 5}
            axes.plot(*_columns(points), **shape, color=style.color, linestyle=style.dash, linewidth=1.6, label=name)
        axes.set_xscale("log")
        _plain_ticks(axes.xaxis)
        if percent:
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        else:
            axes.set_yscale("log")
            _plain_ticks(axes.yaxis)
        axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False, fontsize=9)
        return save()


def bars(values: Mapping[str, float], styles: Mapping[str, Mark], mode: Mode, *, show: Callable[[float], str]) -> bytes:
    """Draw one horizontal bar for each name, the first on top, its value behind it."""
    with _picture(mode, height=0.5 + 0.28 * len(values)) as (figure, save):
        axes = _bar_axes(figure, mode, list(values))
        drawn = axes.barh(
            list(values), list(values.values()), color=[styles[name].color for name in values], height=0.7
        )
        axes.bar_label(drawn, [show(value) for value in values.values()], padding=4, color=THEMES[mode].ink)
        axes.margins(x=0.12)
        return save()


def stacked(values: Mapping[str, Mapping[str, float]], parts: Sequence[str], mode: Mode) -> bytes:
    """Draw one horizontal bar of full length for each name, cut into its parts; every part says its share."""
    with _picture(mode, height=0.9 + 0.32 * len(values)) as (figure, save):
        axes = _bar_axes(figure, mode, list(values))
        left = [0.0] * len(values)
        for part, color in zip(parts, THEMES[mode].stages):
            shares = [cut.get(part, 0.0) / (sum(cut.values()) or 1.0) for cut in values.values()]
            drawn = axes.barh(list(values), shares, left=left, color=color, height=0.75, label=part)
            # A share under 5% has no room for its figure.
            axes.bar_label(drawn, [f"{share:.0%}" if share >= 0.05 else "" for share in shares], label_type="center")
            left = [one + other for one, other in zip(left, shares)]
        axes.set_xlim(0, 1)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(parts), frameon=False)
        return save()


def heat_map(
    rows: Sequence[int],
    columns: Sequence[int],
    values: Sequence[Sequence[float | None]],
    mode: Mode,
    *,
    labels: tuple[str, str],
) -> bytes:
    """Draw a grid; a stronger color is more. The value stands in its field, a dash where there is none."""
    most = max((value for line in values for value in line if value is not None), default=1.0)
    theme = THEMES[mode]
    with _picture(mode, height=0.9 + 0.5 * len(rows)) as (figure, save):
        axes = _axes(figure, mode, labels, right=0.97)
        axes.grid(visible=False)
        axes.set_xticks(range(len(columns)), [str(column) for column in columns])
        axes.set_yticks(range(len(rows)), [str(row) for row in rows])
        axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5))
        for y, line in enumerate(values):
            for x, value in enumerate(line):
                share = 0.0 if value is None else value / most
                axes.barh(y, 0.96, left=x - 0.48, height=0.92, color=theme.ours[0], alpha=share)
                dark_field = share > 0.55
                # Text in the color of the page is readable on a strong color in both modes.
                ink = theme.page if dark_field else theme.ink
                axes.text(x, y, "-" if value is None else f"{value:,.0f}", ha="center", va="center", color=ink)
        return save()


@contextmanager
def _picture(mode: Mode, about: str = "", height: float = _HEIGHT) -> Iterator[tuple[Figure, Callable[[], bytes]]]:
    """Yield an empty figure, and the function that returns it as SVG once it is drawn."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    theme = THEMES[mode]
    ink = dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color", "axes.edgecolor"), theme.ink)
    settings: Any = {**ink, "svg.fonttype": "none", "svg.hashsalt": f"nerve {mode}", "font.size": 10}
    with rc_context(settings):
        figure = Figure(figsize=(_WIDTH, height))

        def save() -> bytes:
            file = io.BytesIO()
            # A date or a version of matplotlib would change the bytes of the same picture.
            known = {"Date": None, "Creator": None, "Description": about or None}
            figure.savefig(file, format="svg", transparent=True, metadata=known)
            return file.getvalue()

        yield figure, save


def _axes(figure: Figure, mode: Mode, labels: tuple[str, str], *, right: float) -> Axes:
    axes = figure.add_subplot()
    figure.subplots_adjust(left=0.09, right=right, top=0.97, bottom=0.14)
    axes.set(xlabel=labels[0], ylabel=labels[1])
    axes.grid(color=THEMES[mode].grid, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def _bar_axes(figure: Figure, mode: Mode, names: Sequence[str]) -> Axes:
    axes = _axes(figure, mode, ("", ""), right=0.97)
    figure.subplots_adjust(left=0.012 * max(map(len, names), default=0) + 0.02, bottom=0.04, top=0.9)
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(bottom=False, labelbottom=False, left=False)
    axes.invert_yaxis()
    return axes


def _marker(style: Mark, mode: Mode) -> dict[str, Any]:
    face = style.color if style.filled else THEMES[mode].page
    return {"marker": style.marker, "markerfacecolor": face, "markeredgecolor": style.color, "markeredgewidth": 1.8}


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _plain_ticks(axis: Any) -> None:
    """Write 1, 2 and 5 of every power of ten as plain numbers; matplotlib writes powers."""
    from matplotlib.ticker import LogLocator, NullLocator

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 100 else f"{value:.4g}")


def _names_at_right(
    figure: Figure, axes: Axes, points: Mapping[str, tuple[float, float]], styles: Mapping[str, Mark]
) -> None:
    """Write the names in a column at the right, none over another, each joined to its point by a thin line."""
    figure.draw_without_rendering()  # fixes the limits of the axes
    box = axes.get_window_extent()
    points_of = 72 / figure.dpi
    heights = {name: (axes.transData.transform(point)[1] - box.y0) * points_of for name, point in points.items()}
    line = {"arrowstyle": "-", "linewidth": 0.5, "alpha": 0.6, "relpos": (0, 0.5)}
    top, free = box.height * points_of, float("inf")
    # Of points side by side, the one at the right comes first: so their lines do not cross.
    for count, name in enumerate(sorted(points, key=lambda one: (-round(heights[one]), -points[one][0]))):
        below = len(points) - 1 - count
        # The names below still need their room above the axis.
        free = max(min(free - _NAME_POINTS, heights[name], top), below * _NAME_POINTS)
        axes.annotate(
            name,
            points[name],
            xytext=(1.03, free / top),
            textcoords="axes fraction",
            va="center",
            color=styles[name].color,
            arrowprops=line | {"color": styles[name].color},
        )
