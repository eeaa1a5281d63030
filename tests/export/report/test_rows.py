"""The table that ends an export: one row a candidate, kept and fast ones first, none wider than a line."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

from export.certify.outcomes import Outcome, measured, reason_of
from export.report.rows import rows_of, table_of
from runtime.bundle.certificate import Candidate
from runtime.bundle.doubts import doubts
from runtime.bundle.gate import GATE
from runtime.bundle.store import Bundle, open_bundle
from runtime.screen.plain import WIDTH, Plain
from runtime.selection import choose


def test_rows_of_a_real_bundle(tiny_bundle: Path) -> None:
    bundle = open_bundle(tiny_bundle)
    kept = [measured(one, kept=True, reason="kept") for one in bundle.manifest.certificates]
    out = Outcome(Candidate("packed-fp32.onnx", "openvino", "bf16", "cpu"), False, "too many labels changed")
    rows = rows_of(bundle, [out, *kept])
    assert rows[-1].candidate == out.candidate
    assert [row.candidate for row in rows if row.is_default] == [choose(bundle)]
    times = [row.times_pytorch or 0 for row in rows[:-1]]
    assert times == sorted(times, reverse=True)
    assert all(row.macs == 1.0 for row in rows[:-1])
    table = table_of(rows)
    assert table.rows[0][-1] == "kept, auto takes it"
    assert table.rows[-1][-1] == "left out: too many labels changed"
    plain = Plain(drawn := io.StringIO(), verbose=False)
    plain.table(table)
    lines = drawn.getvalue().splitlines()
    assert len(lines) == len(rows) + 2
    assert max(map(len, lines)) <= WIDTH


def test_what_failed_on_another_text_is_not_said_to_be_kept(tiny_bundle: Path) -> None:
    bundle = open_bundle(tiny_bundle)
    first, *_ = bundle.manifest.certificates
    kept = [measured(one, kept=True, reason="kept") for one in bundle.manifest.certificates]
    failed = replace(first, corpus="other.txt", corpus_sha256="1", passed=False)
    # As certifying has it: opened before, with a manifest that is written now.
    now = replace(bundle, manifest=replace(bundle.manifest, failed=(failed,)))
    rows = {row.candidate: row for row in rows_of(now, kept)}
    assert (rows[first.candidate].kept, rows[first.candidate].reason) == (False, "failed on another text")
    assert [row.candidate for row in rows.values() if row.is_default] == [choose(with_doubts(now))]
    # And what passed at last is taken, although it was not when the bundle was opened.
    before = with_doubts(now)
    passed = replace(before, manifest=bundle.manifest)
    assert {row.candidate for row in rows_of(passed, kept) if row.is_default} == {choose(bundle)}


def with_doubts(bundle: Bundle) -> Bundle:
    return replace(bundle, doubts=doubts(bundle.manifest, limited=False))


def test_the_reason_is_the_first_limit_that_does_not_hold(tiny_bundle: Path) -> None:
    certificate = open_bundle(tiny_bundle).manifest.certificates[0]
    for bound in GATE[certificate.precision]:
        beyond = bound.limit - 1 if bound.at_least else bound.limit + 1
        failed = replace(certificate, measured={**certificate.measured, bound.figure: beyond}, passed=False)
        assert 2 <= len(reason_of(failed).split()) <= 5
