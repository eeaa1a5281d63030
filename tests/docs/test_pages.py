"""The pages under docs/: links lead somewhere, examples are Python that imports, the gate's limits are the code's."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import runtime
from runtime.bundle.certificate import Precision
from runtime.bundle.gate import GATE
from tests.conftest import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "bench").rglob("*.md")])
# Both ways in which a command marks what it writes.
_BLOCK = re.compile(r"<!-- ([\w-]+?)(?::begin)? -->(.*?)<!-- (?:/\1|\1:end) -->", re.DOTALL)
_NAMES, _LIMIT = r"(?:fp|int|bf)\d+", r" \| ([\d.]+)"
_LIMITS = re.compile(rf"^\| ({_NAMES}(?:, {_NAMES})*){_LIMIT}{_LIMIT}{_LIMIT} \|$", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_headings_lead_to_one(page: Path) -> None:
    links = re.findall(r"\]\(((?!https?:)[^)#]*)#([^)]+)\)", page.read_text(encoding="utf-8"))
    pages = {place: page.parent / place if place else page for place, _ in links}
    assert [f"{place}#{anchor}" for place, anchor in links if anchor not in _anchors(pages[place])] == []


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_commands_write_is_written(page: Path) -> None:
    blocks = _BLOCK.findall(page.read_text(encoding="utf-8"))
    assert [name for name, body in blocks if not body.strip()] == []


def test_blocks_of_both_kinds_are_found() -> None:
    page = "<!-- a:begin -->\n<!-- a:end -->\ntext <!-- b-c -->\nx\n<!-- /b-c --> <!-- d -->\n<!-- /d -->"
    assert [(name, body.strip()) for name, body in _BLOCK.findall(page)] == [("a", ""), ("b-c", "x"), ("d", "")]


def test_the_readme_leads_to_every_page() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pages = [page.name for page in PAGES if page.parent == ROOT / "docs"]
    assert [name for name in pages if f"(docs/{name})" not in readme] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_import_what_there_is(page: Path) -> None:
    for code in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and node.module == "runtime":
                assert {alias.name for alias in node.names} <= {*runtime.__all__}


def test_the_gate_of_the_page_is_the_gate_of_the_code() -> None:
    page = (ROOT / "docs" / "export-and-certificates.md").read_text(encoding="utf-8")
    said: dict[str, list[float]] = {}
    for names, *limits in _LIMITS.findall(page):
        said |= {name: [float(limit) for limit in limits] for name in names.split(", ")}
    elsewhere = re.search(rf"^\| text from elsewhere{_LIMIT}{_LIMIT}{_LIMIT} \|$", page, re.MULTILINE)
    assert elsewhere
    limits_elsewhere = [float(limit) for limit in elsewhere.groups()]
    figures = ("changed_per_10k", "f1_lost", "agreement")
    bounds = {name: {bound.figure: bound.limit for bound in GATE[name]} for name in GATE}
    assert said == {name: [bounds[name][figure] for figure in figures] for name in GATE}
    for name in ("int8", "fp8", "int4"):
        assert limits_elsewhere == [bounds[name][f"elsewhere_{figure}"] for figure in figures]


def test_the_gate_is_what_it_was_decided_to_be() -> None:
    # Written once more, so that nobody loosens the code and the page together without being asked about it.
    decided: dict[Precision, tuple[float, float, float]] = {
        "fp32": (0, 0, 1),
        "fp16": (2, 0.02, 0.998),
        "bf16": (2, 0.02, 0.998),
        "int8": (10, 0.10, 0.990),
        "fp8": (10, 0.10, 0.990),
    }
    for name, (changed, lost, agreement) in decided.items():
        bounds = {bound.figure: (bound.limit, bound.at_least) for bound in GATE[name]}
        for figure in ("changed_per_10k", "alone_changed_per_10k", "rows_changed_per_10k"):
            assert bounds[figure] == (changed, False)
        assert bounds["f1_lost"] == (lost, False)
        assert bounds["agreement"] == (agreement, True)
        assert bounds["not_finite"] == (0, False)
    elsewhere = {
        "elsewhere_changed_per_10k": (20.0, False),
        "elsewhere_f1_lost": (0.10, False),
        "elsewhere_agreement": (0.980, True),
        "elsewhere_sure_changed": (0.0, False),
    }
    for name, bounds_of in GATE.items():
        found = {bound.figure: (bound.limit, bound.at_least) for bound in bounds_of}
        assert found.get("sure_changed") == (None if name == "fp32" else (0.0, False))
        assert {figure: limit for figure, limit in found.items() if figure in elsewhere} == (
            elsewhere if name in ("int8", "fp8", "int4") else {}
        )
    assert {bound.figure: bound.limit for bound in GATE["fp32"]}["relative_logit_difference"] == 1e-4
