"""docs/gpu.md says what the file beside it says, and no estimate stands there unmarked."""

from __future__ import annotations

import json

from bench.gpu.engines.cost_model import MARK
from bench.gpu.engines.pages import written_into
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "gpu.md").read_text(encoding="utf-8")
RESULT = json.loads((ROOT / "bench" / "results" / "engines.json").read_text(encoding="utf-8"))


def test_the_tables_are_the_files() -> None:
    assert written_into(PAGE, RESULT) == PAGE
    assert "| MiniLM-L6 | packed-fp16.onnx | 53 |" in PAGE


def test_estimates_are_marked_everywhere() -> None:
    assert RESULT["mark"] == MARK
    section = PAGE[PAGE.index("## Estimates") :]
    assert "an estimate, not measured" in section
    rows = [line for line in section.splitlines() if line.startswith(("| MiniLM", "| bert-large"))]
    assert rows
    assert all(cell.strip().startswith("~") for line in rows for cell in line.split("|")[4:7])


def test_every_engine_has_all_attention_fused() -> None:
    for entry in RESULT["engines"]:
        facts = entry["facts"]
        assert facts["attention"] == facts["fused_attention"] > 0
