"""A third-party folder becomes a bundle of the graphs that pass, and of nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from export.certify.corpus import read_text
from export.certify.import_folder import imported
from export.certify.measure import Certifier
from export.certify.reference import Reference
from export.torch_model import load_model
from runtime.bundle.checkpoint import Checkpoint, open_checkpoint
from runtime.bundle.third_party import open_third_party
from runtime.errors import GateError
from runtime.screen.display import showing
from tests.fakes.screen import FakeScreen


@pytest.fixture
def checkpoint(tiny_model: Path) -> Checkpoint:
    return open_checkpoint(tiny_model, name="someone/tiny")


@pytest.fixture
def certifier(checkpoint: Checkpoint, tiny_corpus: Path) -> Certifier:
    reference = Reference(checkpoint.folder, load_model(checkpoint.folder), threads=1)
    text = read_text(tiny_corpus, most=60, limited=True)
    return Certifier(reference, text, checkpoint.label_set, max_length=checkpoint.max_length)


@pytest.fixture
def folder(tiny_bundle: Path, tmp_path: Path) -> Path:
    """As Optimum writes it: the graph of the tiny model, its weights in a file of their own."""
    made = tmp_path / "third-party"
    made.mkdir()
    for file in ("config.json", "tokenizer.json"):
        shutil.copyfile(tiny_bundle / file, made / file)
    model = onnx.load(tiny_bundle / "padded-fp32.onnx")
    onnx.save(model, made / "model.onnx", save_as_external_data=True, location="model.onnx_data")
    return made


def with_other_labels(folder: Path) -> None:
    """A second graph, whose classifier has two labels exchanged."""
    model = onnx.load(folder / "model.onnx")
    classifier = next(tensor for tensor in model.graph.initializer if tuple(tensor.dims) == (32, 7))
    exchanged = np.ascontiguousarray(numpy_helper.to_array(classifier)[:, [1, 0, 2, 3, 4, 5, 6]])
    classifier.CopyFrom(numpy_helper.from_array(exchanged, classifier.name))
    onnx.save(model, folder / "model_optimized.onnx")


def test_the_bundle_holds_what_passed_and_says_of_what(
    folder: Path, certifier: Certifier, checkpoint: Checkpoint
) -> None:
    with_other_labels(folder)
    with showing(screen := FakeScreen()):
        bundle, outcomes = imported(open_third_party(folder), certifier, checkpoint, threads=1)
    manifest = bundle.manifest
    assert {each.candidate.file for each in outcomes} == {"model.onnx"}
    [graph] = manifest.graphs
    assert (graph.file, graph.opset) == ("model.onnx", 17)
    assert set(graph.inputs) == {"input_ids", "attention_mask", "token_type_ids"}
    assert set(manifest.files) == {"config.json", "tokenizer.json", "model.onnx", "model.onnx_data"}
    assert manifest.checkpoint == checkpoint.source
    assert {one.file for one in manifest.certificates} == {"model.onnx"}
    assert "LEFT OUT: model_optimized.onnx" in screen.text
    # It is left out of the bundle, and not removed from where it lies.
    assert (folder / "model_optimized.onnx").is_file()


def test_a_folder_of_which_no_graph_passes_becomes_no_bundle(
    folder: Path, certifier: Certifier, checkpoint: Checkpoint
) -> None:
    with_other_labels(folder)
    (folder / "model_optimized.onnx").replace(folder / "model.onnx")
    with pytest.raises(GateError, match=r"no graph in it says what the checkpoint says; .* not someone/tiny"):
        imported(open_third_party(folder), certifier, checkpoint, threads=1)
