"""What one graph holds, in a bundle whose graphs and engines are many and share a file of weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from export.graphs.shared_weights import share_weights
from export.tune.weights import bytes_of
from runtime.bundle.store import Bundle, Candidate, Graph, digest_of, open_bundle
from tests.lookup import lookup_bundle

EMBEDDINGS, LAYERS, ROUNDED = 40_000, 80_000, 20_000


def _graph(path: Path, *tensors: NDArray[np.generic]) -> Path:
    held = [numpy_helper.from_array(each, f"{path.stem}.{number}") for number, each in enumerate(tensors)]
    result = helper.make_tensor_value_info("result", TensorProto.FLOAT, [1])
    onnx.save(helper.make_model(helper.make_graph([], "some", [], [result], held)), path)
    return path


def _bundle(folder: Path) -> Bundle:
    """With a padded and a packed fp32 graph of the same weights, and an int8 one with the same embeddings."""
    opened, chance = open_bundle(lookup_bundle(folder, {"Lisbon": "B-LOC"})), np.random.default_rng(1)
    embeddings = chance.normal(size=EMBEDDINGS // 4).astype("f4")
    layers = chance.normal(size=LAYERS // 4).astype("f4")
    rounded = chance.integers(-127, 127, ROUNDED).astype("i1")
    paths = [
        _graph(folder / "first-fp32.onnx", embeddings, layers),
        # The same tensor twice, as of embeddings that are tied.
        _graph(folder / "second-fp32.onnx", embeddings, layers, embeddings),
        _graph(folder / "third-int8.onnx", embeddings, rounded),
    ]
    share_weights(paths, folder / "weights.data")
    (folder / "engine.plan").write_bytes(bytes(500_000))
    graphs = tuple(Graph(path.name, "fp32", "packed", 17, ("input_ids",)) for path in paths)
    files = {path.name: digest_of(path) for path in (*paths, folder / "weights.data", folder / "engine.plan")}
    manifest = replace(opened.manifest, graphs=graphs, files=opened.manifest.files | files)
    return replace(opened, manifest=manifest)


def _held(bundle: Bundle, file: str) -> int:
    return bytes_of(bundle, Candidate(file, "onnxruntime", "fp32", "cpu"))


def test_a_graph_holds_its_own_tensors_and_no_others(tmp_path: Path) -> None:
    bundle = _bundle(tmp_path / "bundle")
    own = {graph.file: bundle.manifest.files[graph.file].bytes for graph in bundle.manifest.graphs}
    assert _held(bundle, "first-fp32.onnx") == own["first-fp32.onnx"] + EMBEDDINGS + LAYERS
    assert _held(bundle, "second-fp32.onnx") == own["second-fp32.onnx"] + EMBEDDINGS + LAYERS
    assert _held(bundle, "third-int8.onnx") == own["third-int8.onnx"] + EMBEDDINGS + ROUNDED
    assert _held(bundle, "engine.plan") == 500_000


def test_a_tensor_without_a_length_goes_to_the_end_of_its_file(tmp_path: Path) -> None:
    bundle = _bundle(tmp_path / "bundle")
    path = bundle.file("third-int8.onnx")
    model = onnx.load(path, load_external_data=False)
    (kept,) = [each for each in model.graph.initializer if each.data_type == TensorProto.INT8]
    offset = next(int(each.value) for each in kept.external_data if each.key == "offset")
    (length,) = [each for each in kept.external_data if each.key == "length"]
    kept.external_data.remove(length)
    path.write_bytes(model.SerializeToString())
    end = bundle.file("weights.data").stat().st_size
    assert _held(bundle, "third-int8.onnx") == bundle.manifest.files[path.name].bytes + EMBEDDINGS + end - offset
