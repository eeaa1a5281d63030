"""report.html and report.json: what they hold, and that no file of a user's is taken for one of them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from export.certify.outcomes import Outcome, measured
from export.report.ending import report
from export.report.write import FACTS, PAGE, outcomes_of, reports_in
from export.staging import check_output
from runtime.bundle.certificate import Candidate
from runtime.bundle.store import MANIFEST, digest_of, open_bundle, seal
from runtime.errors import StorageError

LEFT_OUT = Outcome(
    Candidate("packed-fp32.onnx", "openvino", "bf16", "cpu"),
    False,
    "<b>too many</b> changed",
    figures={"changed_per_10k": 3.2, "changed_per_10k_upper": 4.9, "candidate_f1": 0.9},
)


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> Path:
    """A copy of the tiny bundle, whose report tells of a candidate that was left out."""
    folder = Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))
    opened = open_bundle(folder)
    kept = [measured(one, kept=True, reason="kept") for one in opened.manifest.certificates]
    report(opened, [*kept, LEFT_OUT])
    return folder


class Tags(HTMLParser):
    """Opened and closed tags, and addresses."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open, self.addresses = list[str](), list[str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta",):
            self.open.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_says_all_and_needs_nothing_else(bundle: Path) -> None:
    page = (bundle / PAGE).read_text(encoding="utf-8")
    tags = Tags(page)
    assert (tags.open, tags.addresses) == ([], [])
    assert not re.search(r"https?://|@import|url\(|<script", page)
    assert "prefers-color-scheme: dark" in page
    for heading in ("Candidates", "Certificates", "What is in the graphs", "Reading long texts", "How it was made"):
        assert f"<h2>{heading}</h2>" in page
    assert "left out: &lt;b&gt;too many&lt;/b&gt; changed" in page
    assert page.count("<svg") == 2
    for certificate in open_bundle(bundle).manifest.certificates:
        assert f"{certificate.file} on {certificate.backend} in {certificate.precision}" in page


def test_the_facts_name_the_manifest_that_they_tell_of(bundle: Path) -> None:
    facts = json.loads((bundle / FACTS).read_text(encoding="utf-8"))
    assert facts["manifest_sha256"] == digest_of(bundle / MANIFEST).sha256
    assert [row["kept"] for row in facts["candidates"]].count(False) == 1
    assert {each["file"] for each in facts["certificates"]} <= facts["files"].keys()
    assert all(bound["holds"] for each in facts["certificates"] for bound in each["gate"])


def test_what_was_left_out_is_remembered_by_the_report_alone(bundle: Path) -> None:
    opened = open_bundle(bundle)
    assert [each for each in outcomes_of(opened) if not each.kept] == [LEFT_OUT]
    barred = replace(opened.manifest.certificates[0], corpus="other.txt", corpus_sha256="1", passed=False)
    seal(bundle, replace(opened.manifest, failed=(barred,)))
    again = open_bundle(bundle)
    report(again, [*(measured(one, kept=True, reason="kept") for one in again.manifest.certificates), LEFT_OUT])
    told = outcomes_of(again)
    assert len({each.candidate for each in told}) == len(told)
    seal(bundle, opened.manifest)
    # Once something else was sealed, the report is old, and one that somebody has changed is no report.
    seal(bundle, replace(opened.manifest, speeds=()))
    assert all(each.kept for each in outcomes_of(opened))
    seal(bundle, opened.manifest)
    facts = json.loads((bundle / FACTS).read_text(encoding="utf-8"))
    facts["candidates"][-1].pop("reason")
    (bundle / FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")
    assert all(each.kept for each in outcomes_of(opened))


def spoil_figure(row: dict[str, Any]) -> None:
    row["changed_per_10k"] = "many"


def spoil_candidate(row: dict[str, Any]) -> None:
    row["candidate"]["file"] = ["packed-fp32.onnx"]


def spoil_reason(row: dict[str, Any]) -> None:
    row["reason"] = "\x1b[2Jall is well"


def spoil_backend(row: dict[str, Any]) -> None:
    row["candidate"]["backend"] = "\x1b]0;title\x07"


def spoil_depth(row: dict[str, Any]) -> None:
    row["reason"] = "NEST"


@pytest.mark.parametrize("spoil", [spoil_figure, spoil_candidate, spoil_reason, spoil_backend, spoil_depth])
def test_a_report_that_somebody_has_changed_is_not_believed_or_shown(
    bundle: Path, spoil: Callable[[dict[str, Any]], None]
) -> None:
    """No digest covers it: whoever can write the folder of a signed bundle can write there what he likes."""
    facts = json.loads((bundle / FACTS).read_text(encoding="utf-8"))
    spoil(facts["candidates"][-1])
    changed = json.dumps(facts, indent=1).replace('"NEST"', "[" * 100_000 + "]" * 100_000)
    (bundle / FACTS).write_text(changed, encoding="utf-8")
    opened = open_bundle(bundle)
    assert all(each.kept for each in outcomes_of(opened))
    report(opened, outcomes_of(opened))


def test_a_name_that_is_no_unicode_is_written_all_the_same(bundle: Path) -> None:
    opened = open_bundle(bundle)
    # As Python has the byte 0xff of a folder's name.
    named = replace(opened.manifest, checkpoint=replace(opened.manifest.checkpoint, name="model-\udcff"))
    report(replace(opened, manifest=named), outcomes_of(opened))
    assert json.loads((bundle / FACTS).read_text(encoding="utf-8"))["checkpoint"]["name"] == "model-\udcff"
    assert "model-\\udcff" in (bundle / PAGE).read_text(encoding="utf-8")


def test_a_file_of_a_users_is_not_taken_for_a_report(bundle: Path) -> None:
    assert reports_in(bundle) == {PAGE, FACTS}
    check_output(bundle)
    (bundle / PAGE).write_text("<!DOCTYPE html>\n<p>my thesis</p>")
    assert reports_in(bundle) == {FACTS}
    with pytest.raises(StorageError, match=r"files that are not its own \(report\.html\)"):
        check_output(bundle)
