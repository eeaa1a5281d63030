"""A shape with random weights: made once, opened without a certificate."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from bench.measure.jobs import Session
from bench.systems.base import Setting
from bench.systems.nerve import nerve_specs, uncertified
from bench.workloads.bert_large import Shape, make_large
from bench.workloads.subject import flops_per_token
from runtime.bundle.store import open_bundle


@pytest.mark.slow
def test_a_shape_becomes_a_bundle_that_our_candidates_run(tiny_model: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "large"
    make_large(Session(), tiny_model, folder, Shape(hidden=32, layers=1, heads=2, inner=64, vocabulary=10))
    made = open_bundle(folder / "bundle")
    assert made.manifest.certificates == ()
    assert [graph.precision for graph in made.manifest.graphs] == ["fp32", "fp32", "int8"]
    digest = (folder / "bundle" / "manifest.json").stat().st_mtime_ns
    make_large(Session(), tiny_model, folder, Shape())
    assert (folder / "bundle" / "manifest.json").stat().st_mtime_ns == digest
    ours = nerve_specs(open_bundle(tiny_bundle), threads=1)
    lowest = "nerve-openvino-int8"
    specs = uncertified([*ours, replace(ours[0], name=lowest)], made, threads=1)
    assert {spec.name for spec in specs} == {spec.name for spec in ours} | (
        {lowest} if find_spec("openvino") else set()
    )
    for spec in specs:
        system = spec.open(Setting(1, 1, 1))
        assert len(system.spans(system.tag(["Oslo and Lisbon", ""]))) == 2
        system.close()


def test_a_word_token_of_bert_large_costs_604_million_operations() -> None:
    config = {"num_hidden_layers": 24, "hidden_size": 1024, "intermediate_size": 4096}
    assert flops_per_token(config) == pytest.approx(604e6, rel=1e-3)
    assert flops_per_token({"n_layers": 6, "dim": 768, "hidden_dim": 3072}) == 6 * 2 * 12 * 768**2
