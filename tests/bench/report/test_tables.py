"""Tables: who is in which one, what is said below it, and how it is written."""

from __future__ import annotations

from bench.report.tables import Table, cost_table, latency_table, speed_table, tables_of
from bench.schema.result import Accuracy, Latency
from tests.bench.report.results import a_result


def test_columns_are_aligned_and_markdown_is_a_table() -> None:
    table = Table(("name", "x"), (("a", "1"), ("longer", "22")))
    assert table.text() == "name     x\na        1\nlonger  22"
    assert table.markdown() == "| name | x |\n| --- | ---: |\n| a | 1 |\n| longer | 22 |"


def test_a_remark_is_a_footnote_with_the_number_of_its_row() -> None:
    table = Table(("name", "x"), (("a", "1"), ("b", "2")), (("b", "is slow"), ("b", "is large")))
    assert table.numbers("a") == []
    assert table.numbers("b") == [1, 2]
    assert "| b [1] [2] | 2 |" in table.markdown()
    assert table.markdown().endswith("- [1] b: is slow\n- [2] b: is large")
    assert table.text().endswith("b [1] [2]  2\n[1] b: is slow\n[2] b: is large")


def test_a_row_that_was_not_measured_is_in_the_main_table_and_says_why() -> None:
    result = a_result()
    result.rows[1].throughput = []
    result.rows[1].status, result.rows[1].reason = "failed", "crashed: SIGSEGV"
    table = speed_table(result, result.workloads[0])
    assert table.rows[1] == ("baseline", "fp32", *["-"] * 8)
    assert table.remarks == (("baseline", "failed: crashed: SIGSEGV"),)
    assert [row[0] for row in cost_table(result).rows] == ["nerve-a"]


def test_a_way_to_read_documents_has_no_row_of_costs() -> None:
    result = a_result()
    result.rows[0].peak_bytes = 0
    assert [row[0] for row in cost_table(result).rows] == ["baseline"]


def test_changed_answers_are_said_of_the_workload_that_they_changed_on() -> None:
    result = a_result()
    result.rows[0].accuracy = [
        Accuracy("sentences", 0.9, 0.9, 0.9, 0.0, 0.0, 0.0),
        Accuracy("texts", 0.9, 0.9, 0.9, 60.0, 52.6, 0.0),
    ]
    assert speed_table(result, result.workloads[0]).remarks == ()
    result.workloads[0].name = result.rows[0].throughput[0].workload = "texts"
    said = "answers differ from the checkpoint's: 52.6 labels in 10,000"
    assert speed_table(result, result.workloads[0]).remarks == (("nerve-a", said),)


def test_latency_has_every_kind_of_text_and_three_percentiles_of_the_first() -> None:
    result = a_result()
    result.rows[0].latency.append(Latency("128 words", [[30.0]], 30.0, 31.0, 32.0))
    table = latency_table(result)
    assert table.header == (*("system", "precision", "sentence p50", "sentence p90", "sentence p99", "128 words p50"),)
    assert table.rows[0] == ("nerve-a", "fp32", "10.00", "11.00", "12.00", "30.00")
    assert table.rows[1][-1] == "-"


def test_a_result_without_single_texts_has_no_table_of_them() -> None:
    result = a_result()
    assert len(tables_of(result)) == 3
    for row in result.rows:
        row.latency = []
    assert [title for title, _ in tables_of(result)] == ["sentences: 100 texts, 2,000 tokens", "Cost"]
