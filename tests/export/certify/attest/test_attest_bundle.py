"""The attestations of a whole bundle: every graph, what OpenVINO makes of it, and what a person is shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from export.certify.attest.attest_bundle import attest_all, tell_attestation
from export.certify.attest.graph import attest_graph
from export.graphs.padded import padded_from_checkpoint
from export.pipeline import seal_uncertified
from export.torch_model import load_model
from runtime.bundle.attestation import Attestation, KeptLayer
from runtime.bundle.checkpoint import open_checkpoint
from runtime.bundle.store import open_bundle
from runtime.errors import BundleError
from runtime.screen.display import showing
from tests.certificates import with_files
from tests.export.certify.attest.precisions import INT8
from tests.fakes.screen import FakeScreen
from tests.tiny import tiny_checkpoint


def test_it_is_told_and_survives_in_the_manifest(graphs: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    kept = (KeptLayer("/layers.1/down/MatMul", "its rounding makes up 60%", 2048, 12.0, 7.5),)
    found = attest_graph(graphs / INT8.file, INT8, kept=kept)
    with showing(screen := FakeScreen()):
        tell_attestation(found)
    shown = screen.text
    assert "int8.onnx: MACs 66.1% int8" in shown
    assert "kept in higher precision: /layers.1/down/MatMul (8.3% of the work, changed labels 12.0 to 7.5)" in shown
    with_files(tmp_path, replace(open_bundle(tiny_bundle).manifest, attestations=(found,)))
    assert open_bundle(tmp_path).manifest.attestations == (found,)


def test_a_bundle_holds_its_attestations(tiny_bundle: Path) -> None:
    manifest = open_bundle(tiny_bundle).manifest
    told: list[Attestation] = list(manifest.attestations)
    assert {each.file for each in told} == {graph.file for graph in manifest.graphs}
    assert all(np.isclose(each.shares[each.precision], 1) for each in told)


def test_every_graph_is_attested_and_what_openvino_makes_of_the_packed_ones(tiny_bundle: Path) -> None:
    pytest.importorskip("openvino")
    bundle = open_bundle(tiny_bundle)
    kept = (KeptLayer("/classifier/MatMul", "it decides the label", 224),)
    found = attest_all(bundle, {"packed-fp32.onnx": kept})
    assert [each.file for each in found if not each.backend] == [graph.file for graph in bundle.manifest.graphs]
    assert {(each.file, each.precision) for each in found if each.backend == "openvino"} >= {
        ("packed-fp32.onnx", "fp32")
    }
    assert [each.kept for each in found if each.file == "packed-fp32.onnx" and not each.backend] == [kept]


def test_a_graph_that_is_not_what_the_manifest_says_is_refused(tiny_bundle: Path) -> None:
    bundle = open_bundle(tiny_bundle)
    graphs = tuple(replace(graph, precision="int8") for graph in bundle.manifest.graphs)
    with pytest.raises(BundleError, match="not what its name says"):
        attest_all(replace(bundle, manifest=replace(bundle.manifest, graphs=graphs)), {})


def test_a_padded_graph_whose_work_cannot_be_counted_is_left_out_and_said_to_be(
    tmp_path: Path,
) -> None:
    checkpoint = open_checkpoint(tiny_checkpoint(tmp_path / "model", architecture="deberta-v2"))
    (tmp_path / "bundle").mkdir()
    graph = padded_from_checkpoint(load_model(checkpoint.folder), tmp_path / "bundle" / "padded-fp32.onnx")
    with showing(screen := FakeScreen()):
        assert attest_all(seal_uncertified(tmp_path / "bundle", checkpoint, (graph,)), {}) == ()
    assert "not attested: padded-fp32.onnx: the shape of " in screen.text
