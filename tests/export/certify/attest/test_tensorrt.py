"""Attestation of engines: from what TensorRT's inspector tells, in the words of its releases 10 and 11."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from export.certify.attest.tensorrt import attest_engine
from export.certify.attest.tensorrt_layers import Layer, layers_from_build_log, layers_from_inspector
from runtime.bundle.attestation import Attestation
from runtime.bundle.certificate import Precision
from runtime.bundle.manifest import Engine, Profile
from runtime.errors import BundleError

# Two layers of a transformer and the classifier: what its products cost.
WORK = {
    "/layers.0/query/MatMul": 100,
    "/layers.0/MatMul": 20,
    "/layers.0/MatMul_1": 20,
    "/layers.0/up/MatMul": 400,
    "/layers.0/down/MatMul": 400,
    "/classifier/MatMul": 1,
}
GRAPH = Attestation("fp16.onnx", "", "fp16", {}, 1, 0, 941, 40, 8, 64, {"fp16": 0.9989, "fp32": 0.0011})


def engine(precision: Precision = "fp16") -> Engine:
    inputs = ("input_ids", "position_ids", "segment_ids")
    of = {"gpu": "NVIDIA L4", "compute_capability": "8.9", "tensorrt": "11.4.0.106", "driver": "580.95.05"}
    return Engine(
        "fp16.plan", "fp16.onnx", "0", precision, "packed", inputs, **of, profiles=(Profile(1, 64),), layers={}
    )


def layer(
    nodes: Sequence[str],
    types: Sequence[str],
    *,
    kind: str = "gemm",
    name: str = "l",
    field: str = "DataType",
    **more: Any,
) -> dict[str, Any]:
    """A layer as the inspector tells of it; TensorRT puts a separator between nodes."""
    told = "\x1e".join(f"[ONNX Layer: {node}]" for node in nodes)
    inputs = [{"Name": "t", "Dimensions": [8, 64, 32], field: each} for each in types]
    return {"Name": name, "LayerType": kind, "Inputs": inputs, "Outputs": [], "Metadata": told, **more}


def whole(kind: str, *, field: str = "DataType") -> list[dict[str, Any]]:
    """Layers of the whole model, each product in that type, attention fused, the classifier in fp32."""
    attention = ("/layers.0/MatMul", "/layers.0/Softmax", "/layers.0/MatMul_1")
    return [
        layer((), ("Int64",), kind="kgen", name="__myl_Gat_myl0_0", field=field),
        layer(("/layers.0/query/MatMul",), (kind, kind, "Float"), field=field),
        layer(attention, (kind, kind, kind, "Half"), kind="kgen", name="_gemm_mha_v2_myl0_3", field=field),
        layer(("/layers.0/up/MatMul", "/layers.0/Gelu"), (kind, kind), field=field),
        layer(("/layers.0/down/MatMul",), (kind, kind), field=field),
        layer(("/classifier/MatMul",), ("Float", "Float"), field=field),
    ]


def read(layers: Sequence[dict[str, Any]]) -> list[Layer]:
    return layers_from_inspector(json.dumps({"Layers": layers, "I/O Tensors": []}), "fp16.plan")


def attested(layers: Sequence[dict[str, Any]], precision: Precision = "fp16") -> tuple[Attestation, Engine]:
    return attest_engine(read(layers), engine(precision), GRAPH, WORK)


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("Half", "DataType"),
        ("Half", "Format/Datatype"),
        ("Row major linear FP16 format", "Format/Datatype"),
        ("Row major linear FP16 format (kLINEAR)", "Format"),
    ],
)
def test_an_fp16_engine_is_told_by_what_its_layers_read(kind: str, field: str) -> None:
    found, counted = attested(whole(kind, field=field))
    assert (found.file, found.backend, found.precision) == ("fp16.plan", "tensorrt", "fp16")
    assert found.shares == {"fp16": round(940 / 941, 4), "fp32": round(1 / 941, 4)}
    assert (found.attention, found.fused_attention) == (1, 1)
    assert counted.layers == {"fp16": 4, "fp32": 1}
    assert found.operators == {"gemm fp16": 3, "gemm fp32": 1, "kgen fp16": 1}


@pytest.mark.parametrize(
    ("kind", "told"), [("Float", "fp32"), ("BFloat16", "bf16"), ("FP8", "fp8"), ("Row major linear FP32", "fp32")]
)
def test_an_fp16_engine_of_another_precision_is_refused(kind: str, told: str) -> None:
    with pytest.raises(BundleError, match=rf"not what its name says: MACs are .*% {told}, .*should be fp16"):
        attested(whole(kind))


def test_one_large_product_in_fp32_is_enough_to_refuse() -> None:
    layers = whole("Half")
    layers[3] = layer(("/layers.0/up/MatMul",), ("Float", "Half"))
    with pytest.raises(BundleError, match=r"42\.5% fp32|42\.6% fp32"):
        attested(layers)


def test_int8_weights_and_inputs_make_int8() -> None:
    found, _ = attest_engine(read(whole("Int8")), engine("int8"), GRAPH, WORK)
    assert found.shares["int8"] == round(940 / 941, 4)


def test_weights_count_before_inputs() -> None:
    layers = whole("Half")
    layers[4] = layer(("/layers.0/down/MatMul",), ("Half",), Weights={"Type": "Float", "Count": 4096})
    with pytest.raises(BundleError, match="fp32"):
        attested(layers)


def test_layers_of_every_profile_share_a_products_work() -> None:
    found, counted = attested([*whole("Half"), *whole("Half"), *whole("Half")])
    assert found.shares["fp16"] == pytest.approx(0.9989, abs=3e-3)
    assert counted.layers["fp16"] == 12
    assert found.fused_attention == 1


def test_a_product_that_no_layer_owns_up_to_counts_as_unknown() -> None:
    layers = whole("Half")
    del layers[3]
    with pytest.raises(BundleError, match=r"42\.5% unknown"):
        attested(layers)


def test_attention_that_is_not_fused_is_said_and_not_refused() -> None:
    layers = whole("Half")
    layers[2:3] = [
        layer(("/layers.0/MatMul",), ("Half", "Half")),
        layer(("/layers.0/Softmax",), ("Float",), kind="kgen"),
        layer(("/layers.0/MatMul_1",), ("Half", "Half")),
    ]
    assert attested(layers)[0].fused_attention == 0


def test_work_that_no_layer_names_is_that_of_layers_that_name_nothing() -> None:
    layers = whole("Half")
    layers[2] = layer((), ("Half", "Half"), kind="kgen", name="_gemm_mha_v2_myl0_3")
    assert attested(layers)[0].shares["fp16"] > 0.99
    layers[2] = layer((), ("Float", "Float"), kind="kgen", name="_gemm_mha_v2_myl0_3")
    with pytest.raises(BundleError, match=r"4\.\d% fp32"):
        attested(layers)


def test_attention_as_one_operator_owns_up_to_both_products() -> None:
    layers = whole("Half")
    layers[2] = layer(("/layers.0/MatMul+/layers.0/MatMul_1",), ("Half", "Half"), kind="kgen", name="_gemm_mha_v2")
    found, _ = attested(layers)
    assert (found.shares["fp16"], found.fused_attention) == (0.9989, 1)


def test_names_of_fused_layers_do_where_there_is_no_metadata() -> None:
    names = ["/layers.0/query/MatMul", "/layers.0/up/MatMul + /layers.0/Gelu", "/layers.0/down/MatMul_myl0_7"]
    layers = [layer((), ("Half", "Half"), name=name) for name in names]
    with pytest.raises(BundleError, match=r"95\.\d% fp16, 4\.\d% unknown.*99%|95\.6% fp16"):
        attested(layers)
    more = [layer((), ("Half", "Half"), name=f"/layers.0/MatMul{end}") for end in ("", "_1")]
    assert attested([*layers, *more])[0].shares["fp16"] > 0.99


def test_names_of_layers_of_further_profiles_are_read() -> None:
    named = ("/layers.0/up/MatMul", "/layers.0/up/MatMul_myl3_12", "/layers.0/up/MatMul_1")
    told = [{"Name": f"{name}{end}", "LayerType": "gemm"} for name in named for end in ("", " [profile 1]")]
    layers = read(told)
    first, other = ("/layers.0/up/MatMul",), ("/layers.0/up/MatMul_1",)
    assert [each.nodes for each in layers] == [first] * 4 + [other] * 2


def test_kinds_do_where_no_layer_names_a_product() -> None:
    kinds = [
        ("gemm", "__myl_Fc_myl0_1"),
        ("kgen", "_gemm_mha_v2_myl0_2"),
        ("MatrixMultiply", "x"),
        ("kgen", "__myl_Add"),
    ]
    layers = [layer((), ("Half", "Half"), kind=kind, name=name) for kind, name in kinds]
    reformat = layer((), ("Float",), kind="Reformat", name="Reformatting CopyNode for gemm")
    found, counted = attested([*layers, reformat])
    assert counted.layers == {"fp16": 3}
    assert (found.shares, found.fused_attention) == ({"fp16": 1.0}, 1)


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ("not JSON", "says what is not understood"),
        ("[]", "says what is not understood"),
        ('{"Layers": ["a", "b"]}', "names of layers alone; build it with detailed verbosity"),
        ('{"Layers": []}', "no matrix product in 0 layers"),
    ],
)
def test_what_proves_nothing_is_refused(told: str, found: str) -> None:
    with pytest.raises(BundleError, match=found):
        attest_engine(layers_from_inspector(told, "fp16.plan"), engine(), GRAPH, WORK)


def test_layers_without_types_are_unknown() -> None:
    assert [each.precision for each in read([{"Name": "gemm", "LayerType": "gemm"}])] == ["unknown"]


def test_the_layer_that_dequantizes_does_not_take_a_multiplications_work() -> None:
    """As TensorRT for RTX builds 8 bits: a kgen layer behind the multiplication carries its node, and reads fp16."""
    layers = whole("FP8")
    layers.insert(
        2, layer(("/layers.0/up/MatMul", "/layers.0/up/Add"), ("Half", "Half"), kind="kgen", name="__myl_MulAdd")
    )
    found, _ = attest_engine(read(layers), engine("fp8"), GRAPH, WORK)
    assert found.shares["fp8"] == round(940 / 941, 4)


def test_a_layer_that_is_no_multiplication_by_name_owns_what_no_other_does() -> None:
    layers = whole("Half")
    layers[3] = layer(("/layers.0/up/MatMul",), ("Half", "Half"), kind="kgen", name="__myl_DotAdd")
    assert attested(layers)[0].shares["fp16"] > 0.99


def test_weights_are_the_largest_constant() -> None:
    def constant(kind: str, *shape: int) -> dict[str, Any]:
        return {"Name": "c", "Dimensions": list(shape), "Datatype": kind}

    half: dict[str, Any] = {
        "Constants": [constant("Float", 1, 1536), constant("Half", 384, 1536), constant("Float", 1)]
    }
    wide: dict[str, Any] = {"Constants": [constant("Half", 1, 1536), constant("Float", 384, 1536)]}
    fused = layer((), ("Half", "Float"), name="__myl_FcAdd_myl0_1", kind="runtime_fusion")
    told = [{**fused, **each} for each in (half, wide)]
    assert [each.precision for each in read(told)] == ["fp16", "fp32"]
    assert all(each.is_matrix for each in read(told))


_FORM = "Format: (Linear) Row major linear format"
_LAYOUT = f"StrideOrder: [1,0], Datatype: Half, {_FORM}"
LOG = (
    "Layers:\n"
    "Name: /layers.0/up/MatMul_myl2_7, LayerType: gemm, "
    f"Inputs: [ {{ Name: a, Dimensions: [8,384], Strides: [384,1], {_LAYOUT} }}], "
    f"Constants: [ {{ Name: w, Dimensions: [384,1536], Strides: [1536,1], {_LAYOUT} }}], "
    f"Outputs: [ {{ Name: b, Dimensions: [8,1536], Strides: [1536,1], {_LAYOUT} }}], "
    "TacticName: x, StreamId: 0, Metadata: [ONNX Layer: /layers.0/up/MatMul]\x1e[ONNX Layer: q]\n"
    "Name: __mye1_myl2_8, LayerType: wait, Inputs: [], Constants: [], Outputs: [], TacticName: , StreamId: 1, "
    "Metadata: \n"
    "\nI/O Tensors:\n Name: input_ids, IOMode: Input\n"
)


def test_a_builds_log_is_read_like_the_inspector() -> None:
    found, waits = layers_from_build_log(LOG, "an engine")
    assert (found.kind, found.profile, found.precision) == ("gemm", 2, "fp16")
    assert found.nodes == ("/layers.0/up/MatMul", "q")
    assert [each.bytes for each in (*found.inputs, *found.constants, *found.outputs)] == [6144, 1179648, 24576]
    assert (found.is_kernel, waits.is_kernel, found.is_matrix, waits.is_matrix) == (True, False, True, False)


@pytest.mark.parametrize("told", ["", "Layers:\n", "Layers:\nName: only a name\n"])
def test_a_log_that_is_not_understood_is_refused(told: str) -> None:
    with pytest.raises(BundleError, match="layers that are not understood"):
        layers_from_build_log(told, "an engine")
