"""Baselines: which there are, and (slow) that every one of them runs a real checkpoint."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest

from bench import phases
from bench.measure import jobs
from bench.measure.process import Worker
from bench.measure.rounds import MeasuredSystem
from bench.systems.baselines import Model, baseline_specs
from bench.workloads.answers import Expected, accuracy
from bench.workloads.reference import reference_labels
from bench.workloads.texts import read_corpus, sentences_of
from runtime.bundle.checkpoint import describe
from tests.bench import fakes


def test_all_baselines_are_listed_whether_installed_or_not(tmp_path: Path) -> None:
    names = [spec.name for spec in baseline_specs(_model(tmp_path, tmp_path / "work", fakes.LABELS, 64))]
    assert names == [
        *("pipeline-fp32", "pipeline-bf16", "optimum-fp32", "optimum-int8"),
        *("onnxruntime-fp32", "openvino-fp32", "openvino-bf16", "ctranslate2-int8", "spacy"),
    ]


def test_bf16_is_tried_only_where_the_cpu_has_it(tmp_path: Path) -> None:
    model = replace(_model(tmp_path, tmp_path / "work", fakes.LABELS, 64), bf16=False)
    assert not any("bf16" in spec.name for spec in baseline_specs(model))


def _model(checkpoint: Path, work: Path, labels: tuple[str, ...], longest: int) -> Model:
    return Model(checkpoint, work, labels, longest, threads=1, thorough=False, bf16=True)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(9))
def test_every_baseline_runs_a_checkpoint(
    number: int, tiny_model: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    said = describe(tiny_model)
    work = tmp_path_factory.getbasetemp() / "baselines-work"  # shared, so that files are made once
    spec = baseline_specs(_model(tiny_model, work, said.labels, said.max_length))[number]
    if any(importlib.util.find_spec(name) is None for name in spec.needs):
        pytest.skip(f"{spec.name} is not installed")
    texts = sentences_of(read_corpus(tiny_corpus), 30, seed=1)
    runner = Worker(1)
    labels = runner.call(
        reference_labels, tiny_model, [text.tokens for text in texts.texts], said.labels, said.max_length, 1
    )
    runner.close()
    one = MeasuredSystem(spec, threads=1)
    phases.prepare(one)
    one.open(spec.settings[-1])
    found = accuracy(texts, one.ask(jobs.answers, texts.raw), Expected(labels, {}), said.labels)
    phases.look_inside(one, texts)
    one.leave()
    assert one.row.disk_bytes > 10_000
    assert found.changed_per_10k is not None
    if spec.precision == "fp32" and spec.cut == "words":
        assert found.changed_per_10k == 0.0
    # Random weights have no margin, so that lower precisions and another cut may change much, but not everything.
    assert found.changed_per_10k < 2500
