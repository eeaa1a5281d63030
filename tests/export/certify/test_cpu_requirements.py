"""What int8 asks of a CPU, and that CPUs and engine do as runtime.system.cpu says."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from export.certify.cpu_requirements import cpu_requirements_of
from export.quantize.linear_layers import InputQuantization, Int8Layer, in_int8, linear_layers
from runtime.bundle.manifest import manifest_from_json
from runtime.bundle.schema import SchemaError
from runtime.bundle.store import Bundle, Candidate, Certificate, Graph, Manifest, Source
from runtime.errors import UncertifiedError
from runtime.system.cpu import SEVEN_BIT_LARGEST, CpuFeature, cpu_features
from tests.certificates import with_files

SIZE = 128
FILE = "packed-int8.onnx"
WIDE = Graph(FILE, "int8", "packed", 17, ("input_ids",))
ON_OPENVINO = Candidate(FILE, "openvino", "int8", "cpu")


NOT_HERE: tuple[tuple[tuple[CpuFeature, ...], set[CpuFeature], str], ...] = (
    (("vnni",), {"no vnni"}, r"has vnni, this one has no vnni; export it here .*--int8.*, or choose another precision"),
    (("vnni", "bf16"), {"vnni"}, r"has vnni and bf16, this one has vnni; run `python -m export\.certify`"),
    (("no vnni",), {"vnni"}, r"has no vnni, this one has vnni; run `python -m export\.certify`"),
    (("vnni",), set(), "this one has told nothing of itself; export it here"),
    (("vnni", "no vnni"), {"vnni"}, "on a CPU that is not known, and int8 depends on it; run"),
)


def holding(graph: Graph) -> Bundle:
    """A bundle of that graph, which was never on a disk."""
    return Bundle(Path("bundle"), Manifest(Source("model", "0"), ("O",), 64, 100, {}, (graph,), (), {}))


def write(folder: Path, weight: int) -> Path:
    """A graph of one product in int8, all of whose weights are that number, and whose steps are 1."""
    shape: list[str | int | None] = ["rows", "length", SIZE]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("values", "sums")]
    constants = [
        helper.make_tensor("weights", TensorProto.FLOAT, [SIZE, SIZE], np.full(SIZE * SIZE, weight, np.float32)),
        helper.make_tensor("bias", TensorProto.FLOAT, [SIZE], np.zeros(SIZE, np.float32)),
    ]
    nodes = [
        helper.make_node("MatMul", ["values", "weights"], ["product"], "product"),
        helper.make_node("Add", ["product", "bias"], ["sums"], "add"),
    ]
    graph = helper.make_graph(nodes, "one product", [ends[0]], [ends[1]], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    zero, one = np.zeros(SIZE, np.float32), np.ones(SIZE, np.float32)
    inputs = {"values": InputQuantization(zero, one, 1.0)}
    chosen = {"product": Int8Layer(linear_layers(model)[0].weights.astype(np.int8), one, zero)}
    onnx.save(in_int8(model, inputs, chosen), folder / FILE)
    return folder / FILE


@pytest.mark.parametrize("weight", [SEVEN_BIT_LARGEST, -SEVEN_BIT_LARGEST, 127])
def test_sums_in_int8_are_exact_where_they_are_said_to_be(weight: int, tmp_path: Path) -> None:
    openvino = pytest.importorskip("openvino")
    compiled = openvino.Core().compile_model(str(write(tmp_path, weight)), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    exact = []
    for value in (127, -127, 1):
        values: NDArray[np.float32] = np.full((2, 64, SIZE), value, np.float32)
        exact.append(np.array_equal(compiled(values)[0], values @ np.full((SIZE, SIZE), weight, np.float32)))
    assert all(exact) == (abs(weight) <= SEVEN_BIT_LARGEST or "vnni" in cpu_features())


@pytest.mark.parametrize(
    ("here", "needs"),
    [
        ({"vnni"}, ("vnni",)),
        ({"vnni", "bf16"}, ("vnni", "bf16")),
        ({"no vnni"}, ("no vnni",)),
        (set(), ("vnni", "no vnni")),
    ],
)
def test_int8_needs_what_it_was_measured_with(here: set[CpuFeature], needs: tuple[CpuFeature, ...]) -> None:
    wide, seven_bit = holding(WIDE), holding(replace(WIDE, seven_bit=True))
    assert cpu_requirements_of(wide, ON_OPENVINO, here) == needs
    assert cpu_requirements_of(seven_bit, ON_OPENVINO, here) == ()
    # ONNX Runtime computes the rest in fp32.
    on_onnxruntime = replace(ON_OPENVINO, backend="onnxruntime")
    assert cpu_requirements_of(wide, on_onnxruntime, here) == tuple(each for each in needs if each != "bf16")
    assert cpu_requirements_of(wide, replace(ON_OPENVINO, precision="fp32"), here) == ()
    assert cpu_requirements_of(wide, replace(ON_OPENVINO, device="cuda"), here) == ()


def test_bf16_needs_a_cpu_that_computes_in_it() -> None:
    candidate = replace(ON_OPENVINO, precision="bf16")
    assert cpu_requirements_of(holding(WIDE), candidate, {"vnni", "bf16"}) == ("bf16",)
    assert cpu_requirements_of(holding(WIDE), replace(candidate, device="cuda"), {"vnni", "bf16"}) == ()


def test_a_certificate_says_where_it_holds_and_what_to_do() -> None:
    certificate = Certificate(FILE, "openvino", "int8", "cpu", {}, "text", "0", {}, {}, True)
    for needs, here, found in NOT_HERE:
        with pytest.raises(UncertifiedError, match=found):
            replace(certificate, cpu_requirements=needs).check_cpu(here)
    replace(certificate, cpu_requirements=("vnni",)).check_cpu({"vnni", "bf16"})
    certificate.check_cpu(())


def test_a_certificate_that_does_not_say_where_it_holds_is_not_read(tmp_path: Path) -> None:
    held = holding(WIDE).manifest
    certificate = Certificate(FILE, "openvino", "int8", "cpu", {}, "text", "0", {}, {}, True)
    value = asdict(replace(with_files(tmp_path, held), certificates=(certificate,)))
    assert manifest_from_json(value).certificates == (certificate,)
    del value["certificates"][0]["cpu_requirements"]
    with pytest.raises(SchemaError, match=r"certificates\[0\]\.cpu_requirements is missing"):
        manifest_from_json(value)
