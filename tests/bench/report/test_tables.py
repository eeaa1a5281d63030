"""What a table may be read to say."""

from __future__ import annotations

from bench.measure.intervals import Ratio
from bench.report.tables import Table, reading, remark
from tests.bench.report.test_compare import a_result


def test_only_what_both_intervals_show_is_called_faster() -> None:
    result = a_result()
    for ratio, words in (
        (Ratio(1.5, 1.4, 1.6, 1.2, 1.8), "nerve-a is faster than baseline (1.50 [1.40, 1.60])"),
        (Ratio(1.5, 1.4, 1.6, 0.9, 2.0), "nerve-a is not shown to differ from baseline (1.50 [1.40, 1.60])"),
        (Ratio(1.1, 0.9, 1.6, 1.01, 2.0), "nerve-a is not shown to differ from baseline (1.10 [0.90, 1.60])"),
        (Ratio(0.5, 0.4, 0.6, 0.3, 0.8), "nerve-a is slower than baseline (0.50 [0.40, 0.60])"),
    ):
        result.rows[1].throughput[0].nerve_to_this = ratio
        assert reading(result) == [f"sentences: {words}"]


def test_a_row_says_why_it_is_not_measured() -> None:
    row = a_result().rows[0]
    assert remark(row) == ""
    row.flags = ["answers differ"]
    assert remark(row) == "answers differ"
    row.status, row.reason = "failed", "crashed: SIGSEGV"
    assert remark(row) == "failed: crashed: SIGSEGV"


def test_columns_are_aligned_and_markdown_is_a_table() -> None:
    table = Table(("name", "x"), (("a", "1"), ("longer", "22")))
    assert table.text() == "name     x\na        1\nlonger  22"
    assert table.markdown() == "| name | x |\n| --- | ---: |\n| a | 1 |\n| longer | 22 |"
