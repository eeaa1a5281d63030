"""Backend onnxruntime on the CPU: what it loads, what it refuses, and how it divides threads."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from runtime.backends.base import BackendOptions
from runtime.backends.onnxruntime_cpu import SPECS, OnnxRuntime, reason
from runtime.backends.registry import open_candidate
from runtime.batch.batches import Batch
from runtime.bundle.store import Bundle, Candidate, Layout, open_bundle
from runtime.errors import BackendError, UsageError
from tests.conftest import Command
from tests.fakes.machine import FakeMachine
from tests.runtime.backends.odd_graphs import renamed_input

_PACKED = Candidate("packed-fp32.onnx", "onnxruntime", "fp32", "cpu")


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return open_bundle(tiny_bundle)


def _batch(rows: int, length: int) -> Batch:
    """One window a row, each of other tokens."""
    ids = np.random.default_rng(rows * length).integers(0, 50, (rows, length))
    return Batch(ids, np.zeros_like(ids), np.tile(np.arange(length), (rows, 1)))


@pytest.mark.parametrize("prepack", [False, True])
def test_both_layouts_give_the_same_logits(prepack: bool, bundle: Bundle) -> None:
    given, found = _batch(3, 20), []
    layouts: tuple[Layout, ...] = ("padded", "packed")
    for layout in layouts:
        backend = OnnxRuntime(bundle.file(f"{layout}-fp32.onnx"), layout=layout, streams=1, threads=1, prepack=prepack)
        found.append(backend.logits(given))
        backend.close()
    assert found[0].shape == (3, 20, len(bundle.manifest.labels))
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)


def test_a_file_that_is_no_graph_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"not a graph")
    with pytest.raises(BackendError, match=r"x\.onnx: ONNX Runtime cannot load it \(.*\); export it again") as caught:
        OnnxRuntime(tmp_path / "x.onnx", layout="padded", streams=1, threads=1)
    assert "\n" not in str(caught.value)


def test_a_graph_with_unknown_inputs_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    path = renamed_input(bundle.file("packed-fp32.onnx"), tmp_path / "odd.onnx", "position_ids", "bbox")
    with pytest.raises(BackendError, match=r"it has inputs that no token classifier has \(bbox\)"):
        OnnxRuntime(path, layout="packed", streams=1, threads=1)


def test_a_batch_that_the_library_refuses_is_named_by_its_shape(
    bundle: Bundle, capfd: pytest.CaptureFixture[str]
) -> None:
    backend = OnnxRuntime(bundle.file("packed-fp32.onnx"), layout="packed", streams=1, threads=1)
    beyond = _batch(2, 8)
    beyond.input_ids[0, 0] = bundle.manifest.vocabulary
    with pytest.raises(BackendError, match=r"ONNX Runtime refused a batch of 2 x 8 \(.*out of .*bounds"):
        backend.logits(beyond)
    # The session is whole, and its stream free, after a refusal.
    assert np.isfinite(backend.logits(_batch(2, 8))).all()
    backend.close()
    # The error says it; the library's own lines on standard error would say it again.
    assert capfd.readouterr().err == ""


def test_logits_in_fp16_are_given_in_fp32(tmp_path: Path) -> None:
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["rows", "length"])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT16, ["rows", "length", 1])
    nodes = [
        helper.make_node("Unsqueeze", ["input_ids", "axes"], ["wide"]),
        helper.make_node("Cast", ["wide"], ["logits"], to=TensorProto.FLOAT16),
    ]
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [2])
    graph = helper.make_graph(nodes, "half", [ids], [logits], [axes])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, tmp_path / "half.onnx")
    backend = OnnxRuntime(tmp_path / "half.onnx", layout="padded", streams=1, threads=1)
    given = _batch(1, 5)
    found = backend.logits(given)
    assert found.dtype == np.float32
    assert np.array_equal(found[..., 0], given.input_ids)
    backend.close()


def test_messages_lose_the_names_of_source_files() -> None:
    error = RuntimeError(
        "[ONNXRuntimeError] : 1 : /src/core/session.cc:1531 onnxruntime::Load()\n  graph.h:7 f() is\n bad"
    )
    assert reason(error) == "[ONNXRuntimeError] : 1 : is bad"


def test_the_cpu_has_no_settings(bundle: Bundle) -> None:
    options = BackendOptions(threads=1, certified=False)
    with pytest.raises(UsageError, match="onnxruntime on cpu has no settings"):
        open_candidate(_PACKED, bundle, replace(options, settings={"cuda_graph": "0"}))


def test_a_library_that_is_not_installed_is_an_obstacle_with_its_fix() -> None:
    (spec,) = SPECS
    missing = spec.missing(FakeMachine())
    assert missing == ("the library 'onnxruntime' is not installed", "pip install 'nerve-ner[onnxruntime]'")
    for package in ("onnxruntime", "onnxruntime-gpu"):
        assert spec.missing(FakeMachine(packages={package: "1.23"})) is None


def test_the_library_prints_nothing_of_its_own(tiny_bundle: Path, tmp_path: Path, command: Command) -> None:
    for name in ("config.json", "tokenizer.json"):
        shutil.copyfile(tiny_bundle / name, tmp_path / name)
    model = onnx.load(tiny_bundle / "padded-fp32.onnx")
    model.graph.node[0].op_type = "NoSuch"
    onnx.save(model, tmp_path / "model.onnx")
    ran = command("runtime.tag", "--bundle", tmp_path, "--allow-uncertified", "--backend", "onnxruntime", "Oslo")
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert len(ran.stderr.splitlines()) == 1
    assert "ONNX Runtime cannot load it" in ran.stderr
