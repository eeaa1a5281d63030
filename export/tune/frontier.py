"""What a search found, as a table and as a picture: the set-ups that no other one beats in everything."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path

from export.tune.search import Tried, name_of
from export.tune.wish import Wish, accuracy
from runtime.bundle.profile import RunProfile
from runtime.bundle.store import Bundle
from runtime.errors import StorageError
from runtime.screen.display import Table, Tone, note
from runtime.system.files import open_regular

HEADINGS = (
    *("wish", "candidate", "calls x\nthreads", "slots", "rows", "texts\na second", "of\ntexts", "p50\nms", "p99\nms"),
    *("memory\nMiB", "changed\nin 10k", "F1"),
)
_NONE = "-"
# Bytes at the beginning of an SVG in which its first element begins.
_HEAD = 4096
# Colors of what is as wished, and of all else; and the most threads that a larger point shows.
_KEPT, _NOT, _LARGEST = "#0b4fa8", "#6b6b6b", 8


def frontier(found: Sequence[Tried], bundle: Bundle) -> list[Tried]:
    """Those that no other one beats in speed, threads, memory and changed labels together; in the order given."""
    costs = {id(one): _costs(one, bundle) for one in found}
    return [one for one in found if not any(_beats(costs[id(other)], costs[id(one)]) for other in found)]


def table_of(found: Sequence[Tried], bundle: Bundle, wish: Wish) -> Table:
    """A row for each set-up: whether it keeps what is wished ("queue": more texts came than it answers)."""
    tones: tuple[Tone, ...] = tuple("good" if wish.fulfilled(one.trial) else "faint" for one in found)
    rows = tuple(_row(one, bundle, wish) for one in found)
    return Table(HEADINGS, rows, tones, frozenset(range(5, len(HEADINGS))))


def check_picture(path: Path, bundle: Path) -> None:
    """Refuse a place for the picture before anything is measured for it.

    Raises:
        StorageError: it lies in the bundle or in no folder, or what is there is no picture of this kind.
    """
    real = Path(os.path.realpath(path))
    fix = "give another file for the picture"
    if real.is_relative_to(os.path.realpath(bundle)):
        raise StorageError(str(path), "it lies in the bundle, which is sealed", fix)
    if not real.parent.is_dir():
        raise StorageError(str(path), "there is no such folder", fix)
    if real.exists() and not _is_svg(real):
        raise StorageError(str(path), "it is there and is no picture in SVG", fix)


def _is_svg(path: Path) -> bool:
    with open_regular(path) as file:
        return b"<svg" in file.read(_HEAD)


def draw(found: Sequence[Tried], bundle: Bundle, wish: Wish, path: Path) -> bool:
    """Write the picture as SVG: time or speed against memory, a numbered point for each row of the table.

    Returns:
        False without matplotlib.
    """
    if not importlib.util.find_spec("matplotlib"):
        note(f"no picture: matplotlib is not installed (pip install 'nerve-ner[bench]'), so {path} was not written")
        return False
    figures, ticker = (importlib.import_module(f"matplotlib.{name}") for name in ("figure", "ticker"))
    figure = figures.Figure(figsize=(11, 4.6))
    axes = figure.add_axes((0.08, 0.12, 0.46, 0.76))
    is_speed = wish.goal == "throughput" and not wish.rate
    on_front = {id(one) for one in frontier(found, bundle)}
    for number, one in enumerate(found, start=1):
        place = one.trial.memory_bytes / 2**20, one.trial.texts_per_second if is_speed else one.trial.p99_ms
        color = _KEPT if wish.fulfilled(one.trial) else _NOT
        marker = "o" if id(one) in on_front else "x"
        axes.scatter(*([each] for each in place), s=30 * min(one.profile.threads, _LARGEST), c=color, marker=marker)
        # Names would run into each other and out of the picture. Neighbors of the table are often close here, too.
        aside = (6, 4) if number % 2 else (6, -9)
        axes.annotate(str(number), place, xytext=aside, textcoords="offset points", fontsize=8, color=color)
        rows = f", rows {_lengths(one.profile)}" if one.profile.lengths else ""
        line = f"{number}  {name_of(one.profile)}, {_calls(one.profile)}{rows}"
        figure.text(0.57, 0.86 - 0.05 * number, line, fontsize=8, color=color)
    if wish.p99_ms and not is_speed:
        axes.axhline(wish.p99_ms, linewidth=0.8, linestyle="--", color=_NOT)
    axes.set(xlabel="memory, MiB", ylabel="texts a second" if is_speed else "p99, ms", yscale="log")
    for formats in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        formats(ticker.FormatStrFormatter("%g"))
    axes.set_title("Blue: as wished. Circle: none beats it in everything. Larger: more threads.", fontsize=8)
    figure.text(0.57, 0.86, "number, candidate, calls x threads of each, row lengths", fontsize=8, weight="bold")
    figure.savefig(path, format="svg", metadata={"Date": None})
    return True


def _calls(profile: RunProfile) -> str:
    return f"{profile.streams} x {profile.threads // profile.streams}"


def _lengths(profile: RunProfile) -> str:
    """Of rows with graphs of their own."""
    return f"{profile.lengths[0]}-{profile.lengths[-1]}" if profile.lengths else _NONE


def _row(one: Tried, bundle: Bundle, wish: Wish) -> tuple[str, ...]:
    trial, right = one.trial, accuracy(bundle, one.profile)
    changed, f1 = right["changed_per_10k"], right["f1"]
    return (
        "kept" if wish.fulfilled(trial) else "queue" if trial.saturated else "not",
        # Without the small words: the table fits into 120 columns, and F1 is its last one.
        name_of(one.profile).replace(" on ", " ").replace(" in ", " "),
        _calls(one.profile),
        str(one.profile.slots),
        _lengths(one.profile),
        f"{trial.texts_per_second:,.0f}",
        str(trial.texts) if trial.texts else _NONE,
        f"{trial.p50_ms:.2f}" if trial.p50_ms else _NONE,
        f"{trial.p99_ms:.2f}" if trial.p99_ms else _NONE,
        f"{trial.memory_bytes / 2**20:,.0f}",
        _NONE if changed is None else f"{changed:.1f}",
        _NONE if f1 is None else f"{f1:.4f}",
    )


def _costs(one: Tried, bundle: Bundle) -> tuple[float, ...]:
    trial, changed = one.trial, accuracy(bundle, one.profile)["changed_per_10k"]
    speed = trial.p99_ms or -trial.texts_per_second
    return (speed, float(one.profile.threads), float(trial.memory_bytes), float(changed or 0))


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(mine <= its for mine, its in zip(one, other))
