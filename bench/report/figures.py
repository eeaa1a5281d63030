"""Which pictures a result has: what each one shows, under which title, and with which sentence below it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.report import pictures
from bench.report.pictures import Mark, Mode
from bench.report.short_table import rows_for_one_text
from bench.report.tables import ONE_TEXT
from bench.schema.result import Latency, Result, Row
from bench.systems.nerve import STAGES

# Each system's curve of latencies is drawn through so many of its calls at most.
_CURVE_POINTS = 200


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a result.

    Attributes:
        title, caption: for the reader.
        draw: returns its SVG for a light or a dark page.
    """

    title: str
    caption: str
    draw: Callable[[Mode], bytes]


def speed_picture(result: Result, about: str = "") -> list[Picture]:
    """Return the picture of speed against F1 on the first workload that has both; none where nothing has.

    Args:
        result: the benchmark.
        about: goes into the file as its description.
    """
    main = next((one.name for one in result.workloads if _speeds_and_f1(result, one.name)), "")
    points = _speeds_and_f1(result, main)
    if not points:
        return []

    def draw(mode: Mode) -> bytes:
        labels = (f"{main} a second", "entity F1")
        front = _front(points)
        return pictures.scatter(points, _marks(result, mode), mode, labels=labels, front=front, about=about)

    caption = "Right and up is better. The line joins systems that no other system beats in both."
    return [Picture("Speed against F1", caption, draw)]


def one_text_picture(result: Result, about: str = "") -> list[Picture]:
    """Return the picture of one text at a time with the README's few systems; none where nothing was measured."""
    rows = rows_for_one_text(result)
    series = {row.name: distribution(row.latency[0]) for row in rows}

    def draw(mode: Mode) -> bytes:
        labels, marks = ("milliseconds", "calls answered"), _marks(result, mode)
        return pictures.curves(series, marks, mode, labels=labels, steps=True, percent=True, about=about)

    kind = rows[0].latency[0].texts if rows else ""
    caption = f"The share of calls that were answered within so many milliseconds; each call has one {kind}."
    return [Picture(ONE_TEXT, caption, draw)] if rows else []


def other_pictures(result: Result) -> list[Picture]:
    """Return all other pictures that the result has figures for."""
    rows = [row for row in result.rows if row.status == "measured"]
    return [*_latency(result, rows), *_load(result, rows), *_split(rows), *_share(result, rows), *_heat(rows)]


def _latency(result: Result, rows: Sequence[Row]) -> list[Picture]:
    kinds = dict.fromkeys(one.texts for row in rows for one in row.latency)
    found = []
    # The sentence alone: a picture for each length would say the same five times.
    for kind in list(kinds)[:1]:
        series = {row.name: distribution(one) for row in rows for one in row.latency if one.texts == kind}

        def draw(mode: Mode, series: dict[str, list[tuple[float, float]]] = series) -> bytes:
            labels = ("milliseconds", "calls answered")
            return pictures.curves(series, _marks(result, mode), mode, labels=labels, steps=True, percent=True)

        caption = f"The share of calls that were answered within so many milliseconds; each call has one {kind}."
        found.append(Picture(ONE_TEXT, caption, draw))
    return found


def distribution(latency: Latency) -> list[tuple[float, float]]:
    """Return points of the curve: milliseconds, and the share of calls that were answered within them."""
    # All calls of all rounds: percentiles of the table are of the same values.
    calls = sorted(value for part in latency.rounds for value in part)
    step = max(1, len(calls) // _CURVE_POINTS)
    return [(calls[index], (index + 1) / len(calls)) for index in range(0, len(calls), step)]


def _load(result: Result, rows: Sequence[Row]) -> list[Picture]:
    series = {row.name: [(one.rate, one.p99) for one in row.load] for row in rows if row.load}

    def draw(mode: Mode) -> bytes:
        labels = ("arrivals a second", "p99, milliseconds")
        return pictures.curves(series, _marks(result, mode), mode, labels=labels)

    caption = "The 99th percentile from due to answered, Poisson arrivals. A line ends where the queue grew."
    return [Picture("Latency under load", caption, draw)] if series else []


def _split(rows: Sequence[Row]) -> list[Picture]:
    values = {row.name: row.split for row in rows if row.split}
    caption = "Shares of the time of one watched pass over the texts. Other systems cannot be looked into."
    drawn = Picture("Where the time goes", caption, lambda mode: pictures.stacked(values, STAGES, mode))
    return [drawn] if values else []


def _share(result: Result, rows: Sequence[Row]) -> list[Picture]:
    main = result.workloads[0].name if result.workloads else ""
    found = {row.name: one.share_of_roofline for row in rows if (one := row.on(main))}
    shares = {name: share for name, share in found.items() if share is not None}

    def draw(mode: Mode) -> bytes:
        return pictures.bars(shares, _marks(result, mode), mode, show=lambda value: f"{value:.1%}")

    caption = "Of the machine's fastest matrix multiplication in the same precision, timed in the same rounds."
    return [Picture("Share of the roofline", caption, draw)] if shares else []


def _heat(rows: Sequence[Row]) -> list[Picture]:
    found = []
    for row in rows:
        if row.heat is not None:
            heat = row.heat

            def draw(mode: Mode, words: list[int] = heat.words, batches: list[int] = heat.batches,
                     values: list[list[float | None]] = heat.tokens_per_second) -> bytes:  # fmt: skip
                labels = ("texts of a call", "words of a text")
                return pictures.heat_map(words, batches, values, mode, labels=labels)

            title = f"Tokens a second by length and batch: {row.name}"
            found.append(Picture(title, "A stronger color is faster; - was too slow to measure.", draw))
    return found


def _marks(result: Result, mode: Mode) -> dict[str, Mark]:
    ours = {row.name for row in result.rows if row.group == "nerve"}
    return pictures.marks([row.name for row in result.rows], lambda name: name in ours, mode)


def _speeds_and_f1(result: Result, workload: str) -> dict[str, tuple[float, float]]:
    points = {}
    for row in result.rows:
        speed, right = row.on(workload), row.accuracy_on(workload)
        if row.status == "measured" and speed and right and right.f1 is not None:
            points[row.name] = (speed.texts_per_second, right.f1)
    return points


def _front(points: dict[str, tuple[float, float]]) -> list[str]:
    """Return those that no other beats in both, from left to right."""
    best, front = -1.0, []
    # From the fastest down: who has a better F1 than all that are faster is on the front.
    for name, (_, f1) in sorted(points.items(), key=lambda one: (-one[1][0], -one[1][1])):
        if f1 > best:
            front.append(name)
            best = f1
    return front[::-1]
