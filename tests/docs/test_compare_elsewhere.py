"""The table of text from far away: its figures count what changes, its texts are read as they are meant."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from runtime.text.label_schemes import LabelSet
from tests.conftest import ROOT

RESULTS = ROOT / "bench" / "results"
PAGE = ROOT / "docs" / "how-int8-works.md"
LABELS = LabelSet(("O", "B-PER", "I-PER"))
# Four words: a sure O, two in doubt, a sure B-PER.
EXPECTED = np.array([[9, 0, 0], [1.0, 0.9, 0], [0.1, 0.5, 0], [0, 6, 0]], np.float32)


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    spec = spec_from_file_location("compare_elsewhere", ROOT / "docs" / "compare_elsewhere.py")
    assert spec is not None
    assert spec.loader is not None
    module, path = module_from_spec(spec), list(sys.path)
    spec.loader.exec_module(module)
    yield module
    sys.path[:] = path


def test_figures_tell_doubt_from_a_fault(script: ModuleType) -> None:
    found = EXPECTED.copy()
    found[1] = 0.9, 1.0, 0
    found[0, 1] = 4.5
    figures = script.figures(EXPECTED, found, [("a", "b"), ("c", "d")], LABELS)
    assert (figures["words"], figures["changed"], figures["per_10k"]) == (4, 1, 2500.0)
    assert figures["low"] < 2500 < figures["high"]
    assert (figures["sure"], figures["sure_changed"]) == (2, 0)
    assert figures["surest"] == pytest.approx(np.exp(1) / (np.exp(1) + np.exp(0.9) + 1))
    assert figures["lead_lost"] == pytest.approx(0.5)
    assert figures["moved"] == pytest.approx(0.1)  # 0.2 of the first word in doubt, nothing of the second
    assert figures["agreement"] == pytest.approx(0.8)  # two entities were expected, three are found
    found[3] = 1, 0, 0
    assert script.figures(EXPECTED, found, [("a", "b"), ("c", "d")], LABELS)["sure_changed"] == 1


def test_nothing_changes_where_logits_are_the_same(script: ModuleType) -> None:
    figures = script.figures(EXPECTED, EXPECTED, [("a", "b"), ("c", "d")], LABELS)
    assert (figures["changed"], figures["surest"], figures["moved"], figures["agreement"]) == (0, None, 0, 1)


def test_files_of_any_sort_are_read(script: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text('"""Angela Merkel."""\nx = 1  # In Paris.\n', encoding="utf-8")
    assert script.far_texts.from_files(f"{tmp_path}/*.py", 100) == [("Angela", "Merkel", "."), ("In", "Paris", ".")]
    (tmp_path / "tool.1.gz").write_bytes(gzip.compress(b".TH TOOL 1\n.SH NAME\n\\fBtool\\fR runs.\n"))
    assert ("tool", "runs", ".") in script.far_texts.from_files(f"{tmp_path}/*.gz", 100)


def test_texts_by_chance_are_always_the_same(script: ModuleType) -> None:
    texts = script.far_texts
    assert texts.logs(5) == texts.logs(5)
    assert texts.tables(5, ["Ada", "Bob"]) == texts.tables(5, ["Ada", "Bob"])
    assert texts.altered("x", [("Angela", "Merkel")])["x, upper case"] == [("ANGELA", "MERKEL")]


def test_tables_of_the_page_are_their_files(script: ModuleType) -> None:
    now, before = (
        json.loads((RESULTS / f"minilm-conll2003-{name}.json").read_text(encoding="utf-8"))["results"]
        for name in ("elsewhere", "before-elsewhere")
    )
    assert script.tables(now, before) in PAGE.read_text(encoding="utf-8")
