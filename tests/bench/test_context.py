"""What parts of a benchmark share: the checkpoint's answers, and which systems a workload is for."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from bench.context import Bench, Comparison, measured_of, reference_of, stage
from bench.measure.jobs import Session
from bench.measure.process import JobRunner, Local
from bench.measure.roofline_probe import RooflineProbe
from bench.measure.rounds import MeasuredSystem
from bench.plan import QUICK
from bench.systems.base import Failure
from bench.workloads.subject import Subject
from runtime.encode.tokenizer import Encoder
from tests.bench import fakes
from tests.bench.fakes import spec, workload


def _local(threads: int) -> JobRunner:
    return Local(Session())


def _refuses(*given: object) -> list[list[str] | None]:
    raise Failure("no torch here")


def no_probe() -> Future[RooflineProbe]:
    """What opened no roofline."""
    found: Future[RooflineProbe] = Future()
    found.set_result(RooflineProbe(None))
    return found


def a_bench(folder: Path, **more: Any) -> Bench:
    encoder = Encoder(fakes.tokenizer_file(folder))
    subject = Subject(folder, fakes.LABELS, 64, encoder, 3.0, 5.0, {}, {})
    given = {"reference": fakes.gold_reference} | more
    return Bench(
        specs=[], large=lambda: [], large_folder=folder, subject=subject, corpus=(), texts=None, plan=QUICK, threads=1,
        start=_local, **given,
    )  # fmt: skip


def test_the_checkpoint_is_asked_about_the_corpuss_words_and_the_raw_text(tmp_path: Path) -> None:
    texts = workload(4)
    expected = reference_of(a_bench(tmp_path), texts, [])
    assert expected.labels == [list(text.gold) for text in texts.texts]
    assert expected.twins["words"] == fakes.Fake().tag(texts.raw)


def test_a_checkpoint_that_cannot_be_asked_is_a_note(tmp_path: Path) -> None:
    notes: list[str] = []
    expected = reference_of(a_bench(tmp_path, reference=_refuses), workload(), notes)
    assert expected.labels == ()
    assert notes == ["sentences: the checkpoint was not asked, so changed labels are not known (no torch here)"]


def test_a_workload_is_described_before_it_is_timed(tmp_path: Path) -> None:
    measured = measured_of(a_bench(tmp_path), workload(4), None)
    # Five words and two special tokens each.
    assert (measured.texts, measured.words, measured.tokens, measured.flops_per_token) == (4, 20, 28, 3.0)


def test_a_system_for_documents_is_measured_on_documents_alone(tmp_path: Path) -> None:
    specs = [spec("one"), spec("other", workloads=("documents",))]
    systems = [MeasuredSystem(one, threads=1, start=_local) for one in specs]
    comparison = Comparison(a_bench(tmp_path), systems, no_probe(), [])
    assert [one.name for one in comparison.on("sentences")] == ["one"]
    assert [one.name for one in comparison.on("documents")] == ["one", "other"]


def test_a_stage_is_on_the_screen_with_its_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    with stage("prepare"):
        pass
    assert capsys.readouterr().out.split() == ["prepare", "0.0", "s"]
