"""Folders in Optimum's layout that others made: refused, tagged with if allowed, and certified into bundles."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.numpy import load_file, save_file

from export.certify.__main__ import main as certify
from runtime.bundle.certificate import Wanted
from runtime.bundle.store import Precision, open_bundle
from runtime.bundle.third_party import is_third_party, open_third_party, read_folder
from runtime.errors import BackendError, BundleError, CheckpointError, UncertifiedError
from runtime.tagger import Tagger
from tests.conftest import Command
from tests.tiny import LABELS

TEXT = "Maria Keller flew from Lisbon to Oslo on Friday ."


@pytest.fixture(params=["model.onnx", "onnx/model.onnx"])
def third_party(request: pytest.FixtureRequest, tiny_bundle: Path, tmp_path: Path) -> Path:
    """The tiny model as Optimum writes it: at the top, as its command does, or in onnx/, as on the hub."""
    return made(tiny_bundle, tmp_path / "third-party", request.param)


def made(bundle: Path, folder: Path, name: str) -> Path:
    """A folder in Optimum's layout with the padded graph of a bundle, its weights in the graph's own file."""
    (folder / name).parent.mkdir(parents=True)
    for file in ("config.json", "tokenizer.json"):
        shutil.copyfile(bundle / file, folder / file)
    onnx.save(onnx.load(bundle / "padded-fp32.onnx"), folder / name)
    return folder


def certified(folder: Path, model: Path, corpus: Path) -> int:
    """python -m export.certify in this process."""
    given = [str(folder), "--model", str(model), "--corpus", str(corpus), "--threads", "1"]
    return certify(given)


def test_refused_unless_allowed_and_the_line_says_how(third_party: Path) -> None:
    with pytest.raises(
        UncertifiedError, match=r"graphs that others made.*export\.certify .*or allow uncertified candidates"
    ):
        Tagger.open(third_party)


def test_the_same_answers_as_the_bundle_of_the_same_graph(third_party: Path, tiny_bundle: Path) -> None:
    with (
        Tagger.open(third_party, allow_uncertified=True, threads=1) as theirs,
        Tagger.open(tiny_bundle, threads=1) as ours,
    ):
        assert theirs.max_length == ours.max_length == 64
        assert theirs.tag_words([TEXT.split()]) == ours.tag_words([TEXT.split()])
    assert sorted(path.name for path in third_party.iterdir() if path.is_file() and path.suffix == ".json") == [
        "config.json",
        "tokenizer.json",
    ]


def test_a_bundle_is_born_of_a_passed_certificate(third_party: Path, tiny_model: Path, tiny_corpus: Path) -> None:
    graph = next(third_party.rglob("model.onnx")).relative_to(third_party).as_posix()
    assert certified(third_party, tiny_model, tiny_corpus) == 0
    manifest = open_bundle(third_party).manifest
    assert not is_third_party(third_party)
    assert set(manifest.files) == {"config.json", "tokenizer.json", graph}
    assert [(one.file, one.precision, one.layout, one.opset) for one in manifest.graphs] == [
        (graph, "fp32", "padded", 17)
    ]
    assert set(manifest.graphs[0].inputs) == {"input_ids", "attention_mask", "token_type_ids"}
    assert manifest.checkpoint.name == str(tiny_model)
    with Tagger.open(third_party, threads=1) as tagger:
        assert len(tagger.tag([TEXT])) == 1
    # From now on it is a bundle like any other: certified again, and refused once a byte of it has changed.
    assert certified(third_party, tiny_model, tiny_corpus) == 0
    with (third_party / graph).open("ab") as file:
        file.write(b" ")
    with pytest.raises(BundleError, match=r"bytes where the manifest says"):
        Tagger.open(third_party)


def test_weights_in_a_file_of_their_own_are_part_of_the_bundle(
    tiny_bundle: Path, tiny_model: Path, tiny_corpus: Path, tmp_path: Path
) -> None:
    folder = made(tiny_bundle, tmp_path / "third-party", "onnx/model.onnx")
    graph = folder / "onnx" / "model.onnx"
    onnx.save(onnx.load(graph), graph, save_as_external_data=True, location="model.onnx_data")
    assert certified(folder, tiny_model, tiny_corpus) == 0
    assert "onnx/model.onnx_data" in open_bundle(folder).manifest.files


def test_another_model_than_the_checkpoint_does_not_pass(
    tiny_bundle: Path, tiny_model: Path, tiny_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made(tiny_bundle, tmp_path / "third-party", "model.onnx")
    # The same tokenizer, and another classifier: tokens are compared before answers.
    other = Path(shutil.copytree(tiny_model, tmp_path / "other"))
    weights = load_file(other / "model.safetensors")
    weights["classifier.weight"] = np.ascontiguousarray(weights["classifier.weight"][::-1])
    save_file(weights, other / "model.safetensors", metadata={"format": "pt"})
    assert certified(folder, other, tiny_corpus) == 1
    assert "LEFT OUT: model.onnx" in capsys.readouterr().out
    assert is_third_party(folder)


def test_its_checkpoint_must_be_named(tiny_bundle: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    folder = made(tiny_bundle, tmp_path / "third-party", "model.onnx")
    with pytest.raises(BundleError, match=r"its checkpoint is not known; .*--model"):
        certify([str(folder), "--corpus", str(tiny_corpus)])


@pytest.mark.parametrize("name", ["model_q4.onnx", "onnx/model_uint8.onnx", "model_O3.onnx", "net-v2.onnx"])
def test_a_single_graph_of_any_name_is_taken(name: str, tiny_bundle: Path, tmp_path: Path) -> None:
    """A name said "no file name tells the precision" of a graph that runs."""
    folder = made(tiny_bundle, tmp_path / "third-party", name)
    with Tagger.open(folder, allow_uncertified=True, threads=1) as tagger:
        # What its operators say, whatever its name does.
        assert tagger.about.startswith(f"{name} on onnxruntime in fp32")


def in_eight_bits(source: Path, output: Path) -> None:
    """The graph with dynamic quantization, as Optimum's command for it makes it."""
    quantize_dynamic(source, output, weight_type=QuantType.QUInt8, op_types_to_quantize=["MatMul"])


def in_four_bits(source: Path, output: Path) -> None:
    """The graph with weights of 4 bits in blocks of 16, as the hub's model_q4.onnx has them."""
    model = onnx.load(source)
    weights = {one.name: one for one in model.graph.initializer if len(one.dims) == 2}
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.input[1] in weights:
            weight = numpy_helper.to_array(weights[node.input[1]])
            blocks = weight.T.reshape(weight.shape[1], -1, 16)  # [columns, blocks, 16]
            scale = np.abs(blocks).max(axis=2) / 7 + 1e-9
            stored = np.clip(np.rint(blocks / scale[..., None]) + 8, 0, 15).astype(np.uint8)
            packed = stored[..., ::2] | stored[..., 1::2] << 4
            names = [f"{node.name}/packed", f"{node.name}/scale"]
            for name, value in zip(names, (packed, scale.astype(np.float32).ravel())):
                model.graph.initializer.append(numpy_helper.from_array(value, name))
            told = {"K": weight.shape[0], "N": weight.shape[1], "bits": 4, "block_size": 16}
            four_bits = helper.make_node(
                "MatMulNBits", [node.input[0], *names], list(node.output), domain="com.microsoft", **told
            )
            node.CopyFrom(four_bits)
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    onnx.save(model, output)


def in_fp16(source: Path, output: Path) -> None:
    """The graph with weights in fp16, which a Cast brings to fp32."""
    model = onnx.load(source)
    for weight in [one for one in model.graph.initializer if one.data_type == onnx.TensorProto.FLOAT]:
        halved = numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float16), f"{weight.name}/half")
        model.graph.initializer.append(halved)
        model.graph.node.insert(0, helper.make_node("Cast", [halved.name], [weight.name], to=onnx.TensorProto.FLOAT))
        model.graph.initializer.remove(weight)
    onnx.save(model, output)


@pytest.mark.parametrize(
    ("name", "change", "precision"),
    [
        ("model_quantized.onnx", in_eight_bits, "int8"),
        ("onnx/model_q4.onnx", in_four_bits, "int4"),
        ("model_fp16.onnx", in_fp16, "fp16"),
    ],
)
def test_the_operators_tell_the_precision_and_the_default_backend_runs_it(
    name: str, change: Callable[[Path, Path], None], precision: Precision, tiny_bundle: Path, tmp_path: Path
) -> None:
    folder = made(tiny_bundle, tmp_path / "third-party", name)
    change(folder / name, folder / name)
    with Tagger.open(folder, allow_uncertified=True, threads=1) as tagger:
        assert tagger.about.startswith(f"{name} on onnxruntime in {precision}")
        assert len(tagger.tag([TEXT])) == 1


def test_a_loop_is_refused_before_anything_runs_it(tiny_bundle: Path, tmp_path: Path) -> None:
    folder = made(tiny_bundle, tmp_path / "third-party", "model.onnx")
    model = onnx.load(folder / "model.onnx")
    endless = helper.make_graph(
        [helper.make_node("Identity", ["go_on"], ["goes_on"])],
        "body",
        [
            helper.make_tensor_value_info("number", onnx.TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on", onnx.TensorProto.BOOL, []),
        ],
        [helper.make_tensor_value_info("goes_on", onnx.TensorProto.BOOL, [])],
    )
    # Inside a branch, where a look at the outer graph alone would miss it.
    loop = helper.make_graph([helper.make_node("Loop", ["", "yes"], [], body=endless)], "branch", [], [])
    branch = helper.make_node("If", ["yes"], [], then_branch=loop, else_branch=loop)
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    model.graph.node.insert(0, branch)
    onnx.save(model, folder / "model.onnx")
    with pytest.raises(BundleError, match=r"model\.onnx: it has a loop \(operator Loop\), which might never end"):
        read_folder(folder, allow_uncertified=True)


def test_the_plain_graph_is_taken_among_several_unless_another_is_named(tiny_bundle: Path, tmp_path: Path) -> None:
    folder = made(tiny_bundle, tmp_path / "third-party", "onnx/model.onnx")
    in_four_bits(folder / "onnx/model.onnx", folder / "onnx/model_q4.onnx")
    in_fp16(folder / "onnx/model.onnx", folder / "onnx/model_fp16.onnx")
    shutil.copyfile(folder / "onnx/model.onnx", folder / "onnx/model_O3.onnx")
    files = [graph.file for graph in open_third_party(folder).manifest.graphs]
    assert files == [f"onnx/{name}.onnx" for name in ("model", "model_O3", "model_fp16", "model_q4")]
    with Tagger.open(folder, allow_uncertified=True) as tagger:
        assert tagger.about.startswith("onnx/model.onnx on onnxruntime in fp32")
    with Tagger.open(folder, candidate=Wanted(file="onnx/model_q4.onnx"), allow_uncertified=True) as tagger:
        assert tagger.about.startswith("onnx/model_q4.onnx on onnxruntime in int4")


def test_what_is_no_such_folder_is_said(tiny_bundle: Path, tiny_model: Path, tmp_path: Path) -> None:
    assert not is_third_party(tiny_bundle)
    with pytest.raises(BundleError, match="not a bundle"):
        read_folder(tiny_model, allow_uncertified=True)
    folder = made(tiny_bundle, tmp_path / "third-party", "model_q4.onnx")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match=r"tokenizer\.json"):
        read_folder(folder, allow_uncertified=True)


def test_a_graph_for_something_else_is_refused(tiny_bundle: Path, tmp_path: Path) -> None:
    folder = made(tiny_bundle, tmp_path / "third-party", "model.onnx")
    model = onnx.load(folder / "model.onnx")
    node = model.graph.input.add()
    node.CopyFrom(model.graph.input[0])
    node.name = "pixel_values"
    onnx.save(model, folder / "model.onnx")
    with pytest.raises(BackendError, match=r"inputs that no token classifier has \(pixel_values\)"):
        Tagger.open(folder, allow_uncertified=True)


def test_as_a_process(tiny_bundle: Path, tmp_path: Path, command: Command) -> None:
    folder = made(tiny_bundle, tmp_path / "third-party", "onnx/model.onnx")
    refused = command("runtime.tag", "--bundle", folder, TEXT)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
    assert "--allow-uncertified" in refused.stderr
    tagged = command("runtime.tag", "--bundle", folder, "--allow-uncertified", TEXT)
    assert (tagged.returncode, tagged.stderr) == (0, "")
    assert json.loads(tagged.stdout)["text"] == TEXT
    assert len(LABELS) == len(open_third_party(folder).manifest.labels)


def test_a_graph_that_may_never_end_is_refused(third_party: Path) -> None:
    graph = next(third_party.rglob("model.onnx"))
    model = onnx.load(graph)
    model.graph.node.append(onnx.helper.make_node("Loop", ["", ""], ["never"], body=onnx.GraphProto(name="body")))
    onnx.save(model, graph)
    with pytest.raises(BundleError, match=r"model\.onnx: it has a loop"):
        Tagger.open(third_party, allow_uncertified=True)
