"""The README's short table: one row for each thing that a reader may use."""

from __future__ import annotations

from bench.report.short_table import one_text_table, short_table
from bench.schema.result import read_result
from tests.bench.report.results import a_result, a_row
from tests.conftest import ROOT


def test_the_fastest_of_each_family_is_in_it_the_fastest_first() -> None:
    result = a_result()
    seconds = {"optimum-fp32": 0.8, "optimum-int8": 0.4, "pipeline-fp32": 1.0, "openvino-fp32": 0.1}
    result.rows = [a_row("nerve-a", [0.2] * 3), a_row("nerve-b", [0.3] * 3)]
    result.rows += [a_row(name, [one] * 3) for name, one in seconds.items()]
    result.rows[0].precision = "int8"
    table = short_table(result)
    assert [row[:2] for row in table.rows] == [
        *(("**Nerve**, OpenVINO", "int8"), ("**Nerve**, OpenVINO", "fp32")),
        *(("optimum-int8 on openvino", "fp32"), ("pipeline-fp32 on openvino", "fp32")),
    ]
    assert table.header[2] == "sentences/s"
    assert table.rows[0][2] == "500"


def test_a_row_of_the_published_result() -> None:
    table = short_table(read_result(ROOT / "bench" / "results" / "minilm-conll2003.json"))
    assert table.rows[0] == ("**Nerve**, OpenVINO", "int8", "2,133", "12.0", "0.9052", "5.8", "0.82")
    assert len(table.rows) == 6
    # What the others are multiples of has a row, although the pipeline is faster in bf16.
    assert [row[3] for row in table.rows[-2:]] == ["2.2", "1.0"]


def test_one_text_at_a_time_has_a_table_of_its_own() -> None:
    table = one_text_table(read_result(ROOT / "bench" / "results" / "minilm-conll2003.json"))
    assert table.header[2:] == ("p50", "p90", "p99", "p99 / p50")
    medians = [float(row[2]) for row in table.rows]
    assert medians == sorted(medians)
    assert sum(row[0].startswith("**Nerve**") for row in table.rows) in (1, 2)
    assert len(table.rows) >= 6
    result = a_result()
    result.rows[0].latency = result.rows[1].latency = []
    assert one_text_table(result).rows == ()
