"""Which pictures a result has: those that it has figures for."""

from __future__ import annotations

from bench.report.figures import other_pictures, speed_picture
from bench.report.tables import ONE_TEXT
from bench.schema.result import Heat, Load
from tests.bench.report.results import a_result


def test_a_picture_is_there_where_there_are_figures() -> None:
    result = a_result()
    assert [one.title for one in speed_picture(result)] == ["Speed against F1"]
    assert [one.title for one in other_pictures(result)] == [ONE_TEXT]
    row = result.rows[0]
    row.load, row.split = [Load(5.0, 3, 1.0, 2.0, 3.0, False)], {"tokenize": 1.0, "backend": 9.0}
    row.heat, row.throughput[0].share_of_roofline = Heat([4], [1], [[9.0]]), 0.6
    titles = [one.title for one in other_pictures(result)]
    assert titles == [
        *(ONE_TEXT, "Latency under load", "Where the time goes", "Share of the roofline"),
        "Tokens a second by length and batch: nerve-a",
    ]


def test_without_f1_there_is_no_picture_of_it() -> None:
    result = a_result()
    for row in result.rows:
        row.accuracy = []
    assert speed_picture(result) == []
    result.rows[0].status = result.rows[1].status = "failed"
    assert other_pictures(result) == []
