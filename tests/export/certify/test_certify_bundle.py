"""The gate can fail: every way in which a graph can stop saying what its checkpoint says is caught."""

from __future__ import annotations

import json
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from export.certify.__main__ import main
from export.certify.certify_bundle import check_outcomes, passing
from export.certify.outcomes import still_failed
from export.engines.options import TensorRTOptions, fulfilled
from runtime.bundle.store import (
    TOKENIZER,
    Bundle,
    Candidate,
    Certificate,
    Graph,
    Manifest,
    Precision,
    Source,
    digest_of,
    open_bundle,
    seal,
)
from runtime.errors import BackendError, BundleError, GateError, NerveError
from runtime.system.cpu import CpuFeature
from runtime.system.libraries import available_threads

GRAPH = "padded-fp32.onnx"

Change = Callable[[onnx.ModelProto], None]


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> Path:
    """A copy of the tiny bundle that a test may break."""
    return Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))


def certify(bundle: Path, model: Path, corpus: Path, *, threads: int = 1) -> int:
    """The exit status of certifying once more."""
    return main([str(bundle), "--model", str(model), "--corpus", str(corpus), "--threads", str(threads), "--verbose"])


def reseal(bundle: Path, manifest: Manifest) -> None:
    """Seal a bundle whose files were changed, as a faulty exporter would have done it."""
    seal(bundle, replace(manifest, files={name: digest_of(bundle / name) for name in manifest.files}))


def change_graph(bundle: Path, change: Change) -> None:
    """Change the graph so that nothing but the gate can notice."""
    manifest = open_bundle(bundle).manifest
    model = onnx.load(bundle / GRAPH)
    change(model)
    onnx.save(model, bundle / GRAPH)
    reseal(bundle, manifest)


def weight(model: onnx.ModelProto, shape: tuple[int, ...]) -> onnx.TensorProto:
    """The first weight of that shape."""
    found: onnx.TensorProto = next(t for t in model.graph.initializer if tuple(t.dims) == shape)
    return found


def edit(tensor: onnx.TensorProto, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Replace a weight by a changed copy of it."""
    changed = np.ascontiguousarray(change(numpy_helper.to_array(tensor).copy()))
    tensor.CopyFrom(numpy_helper.from_array(changed, tensor.name))


def one_weight(model: onnx.ModelProto) -> None:
    def add_one(values: np.ndarray) -> np.ndarray:
        values[3, 5] += 1
        return values

    edit(weight(model, (32, 32)), add_one)


def swapped_labels(model: onnx.ModelProto) -> None:
    edit(weight(model, (32, 7)), lambda values: values[:, [0, 2, 1, 3, 4, 5, 6]])


def short_positions(model: onnx.ModelProto) -> None:
    edit(weight(model, (64, 32)), lambda values: values[:40])


def forgotten_positions(model: onnx.ModelProto) -> None:
    def forget(values: np.ndarray) -> np.ndarray:
        values[60:] = values[59]
        return values

    edit(weight(model, (64, 32)), forget)


def not_a_number(model: onnx.ModelProto) -> None:
    edit(weight(model, (32, 7)), lambda values: values * np.float32("nan"))


def fixed_batch(model: onnx.ModelProto) -> None:
    for node in model.graph.input:
        node.type.tensor_type.shape.dim[0].dim_value = 2


def test_intact_bundle_is_certified_again(
    bundle: Path, tiny_model: Path, tiny_corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = open_bundle(bundle).manifest
    # As many as export took: batches, and so the last digit of a logit, depend on the number of streams.
    assert certify(bundle, tiny_model, tiny_corpus, threads=available_threads()) == 0
    assert open_bundle(bundle).manifest == before
    assert "candidates kept" in (said := capsys.readouterr().out)
    assert re.search(r"fp32  onnxruntime  padded-fp32 +100% +0\.0 < .*  kept", said)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (one_weight, "logit difference"),
        (swapped_labels, "changed labels in 10,000"),
        (forgotten_positions, "changed in full rows"),
    ],
)
def test_wrong_graph_fails_the_gate(
    bundle: Path, tiny_model: Path, tiny_corpus: Path, capsys: pytest.CaptureFixture[str], change: Change, line: str
) -> None:
    change_graph(bundle, change)
    before = open_bundle(bundle).manifest
    assert certify(bundle, tiny_model, tiny_corpus) == 1
    printed = capsys.readouterr().out
    failed = [row for row in printed.splitlines() if line in row]
    assert failed, printed
    # A row of the table; the line of each candidate names the limit, too.
    assert any(row.endswith("FAILED") for row in failed)
    after = open_bundle(bundle).manifest
    assert after.certificates == before.certificates
    assert GRAPH in {one.file for one in after.failed}


def test_answers_that_are_no_numbers_are_refused(
    bundle: Path, tiny_model: Path, tiny_corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change_graph(bundle, not_a_number)
    assert certify(bundle, tiny_model, tiny_corpus) == 1
    assert re.search(
        rf"REFUSED: {GRAPH} on onnxruntime.*logits that are not finite", capsys.readouterr().out, re.DOTALL
    )


def test_a_failure_with_other_labels_than_the_bundles_changes_nothing_in_it(
    bundle: Path, tiny_model: Path, tiny_corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change_graph(bundle, one_weight)
    before = (bundle / "manifest.json").read_bytes()
    line = [str(bundle), "--model", str(tiny_model), "--corpus", str(tiny_corpus), "--threads", "1"]
    # Whoever says a wrong scheme has measured another model than the one that is served.
    assert main([*line, "--limited-evidence", "--label-scheme", "PLAIN"]) == 1
    assert "is as it was" in capsys.readouterr().err
    assert (bundle / "manifest.json").read_bytes() == before


@pytest.mark.parametrize("change", [short_positions, fixed_batch])
def test_graph_that_cannot_answer_is_refused(
    bundle: Path, tiny_model: Path, tiny_corpus: Path, capsys: pytest.CaptureFixture[str], change: Change
) -> None:
    change_graph(bundle, change)
    assert certify(bundle, tiny_model, tiny_corpus) == 1
    assert f"REFUSED: {GRAPH} on onnxruntime" in capsys.readouterr().out


def test_exchanged_labels_are_refused(bundle: Path, tiny_model: Path, tiny_corpus: Path) -> None:
    manifest = open_bundle(bundle).manifest
    one, two, *rest = manifest.labels
    seal(bundle, replace(manifest, labels=(two, one, *rest)))
    assert certify(bundle, tiny_model, tiny_corpus) == 1


def test_exchanged_tokenizer_fails_the_gate(bundle: Path, tiny_model: Path, tiny_corpus: Path) -> None:
    manifest = open_bundle(bundle).manifest
    tokenizer = json.loads((bundle / TOKENIZER).read_text())
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary["Oslo"], vocabulary["river"] = vocabulary["river"], vocabulary["Oslo"]
    (bundle / TOKENIZER).write_text(json.dumps(tokenizer))
    reseal(bundle, manifest)
    assert certify(bundle, tiny_model, tiny_corpus) == 1


FP32 = Graph("packed-fp32.onnx", "fp32", "packed", 17, ("input_ids",))
FUSED = replace(FP32, file="packed-fused-fp16.onnx", precision="fp16", made_for="onnxruntime")
ON_CPU = Candidate(FP32.file, "onnxruntime", "fp32", "cpu")
ON_GPU = replace(ON_CPU, device="cuda")
INT8_ALONE: tuple[Precision, ...] = ("int8",)
FUSED_ON_GPU = Candidate(FUSED.file, "onnxruntime", "fp16", "cuda")


def outcome(wrong: Sequence[Candidate], refused: Sequence[Candidate], error: NerveError) -> list[Candidate]:
    """The candidates that are certified where some answer wrongly and some not at all."""

    def measure(one: Candidate) -> Certificate:
        if one in refused:
            raise error
        return Certificate(
            one.file,
            one.backend,
            one.precision,
            one.device,
            {"torch": "2"},
            "text",
            "0",
            defaultdict(int),
            {},
            one not in wrong,
        )

    held = Bundle(Path("bundle"), Manifest(Source("model", "0"), ("O",), 64, 100, {}, (FP32, FUSED), (), {}))
    found = passing(held, [ON_CPU, ON_GPU, FUSED_ON_GPU], measure)
    check_outcomes(held, found)
    return [each.candidate for each in found if each.kept]


@pytest.mark.parametrize("error", [BackendError("a", "b", "c"), BundleError("a", "b", "c")])
def test_a_gpu_that_fails_takes_nothing_from_the_cpu(error: NerveError) -> None:
    assert outcome([], [], error) == [ON_CPU, ON_GPU, FUSED_ON_GPU]
    # A file that nothing but the GPU runs.
    assert outcome([FUSED_ON_GPU], [], error) == [ON_CPU, ON_GPU]
    assert outcome([], [FUSED_ON_GPU], error) == [ON_CPU, ON_GPU]
    assert outcome([ON_GPU], [FUSED_ON_GPU], error) == [ON_CPU]
    with pytest.raises(GateError, match=r"packed-fp32\.onnx on onnxruntime in fp32, cpu: it does not say what"):
        outcome([ON_CPU], [], error)
    with pytest.raises(GateError, match=r"packed-fp32\.onnx"):
        outcome([ON_GPU, FUSED_ON_GPU], [ON_CPU], error)


@pytest.mark.parametrize("wrong_in", ["int8", "fp32"])
def test_a_backend_that_rounds_badly_is_left_out_where_another_serves_the_file(wrong_in: Precision) -> None:
    int8 = replace(FP32, file="packed-int8.onnx", precision="int8")
    on_onnxruntime = Candidate(int8.file, "onnxruntime", "int8", "cpu")
    tried = [ON_CPU, on_onnxruntime, replace(on_onnxruntime, backend="openvino")]
    held = Bundle(Path("bundle"), Manifest(Source("model", "0"), ("O",), 64, 100, {}, (FP32, int8), (), {}))

    def measure(one: Candidate) -> Certificate:
        figures: dict[str, float | int | None] = defaultdict(int)
        passed = (one.precision, one.backend) != (wrong_in, "onnxruntime")
        kind = (one.file, one.backend, one.precision, one.device)
        return Certificate(*kind, {"torch": "2"}, "text", "0", figures, {}, passed)

    found = passing(held, tried, measure)
    assert len(still_failed((), found)) == 1
    if wrong_in == "int8":
        check_outcomes(held, found)
        assert [each.candidate.backend for each in found if each.kept] == ["onnxruntime", "openvino"]
    else:
        with pytest.raises(GateError, match="it does not say what"):
            check_outcomes(held, found)


@pytest.mark.parametrize("wrong_in", ["int8", "fp32"])
def test_what_nobody_relies_on_may_fail(wrong_in: Precision) -> None:
    int8 = replace(FP32, file="packed-int8.onnx", precision="int8")
    tried = [ON_CPU, Candidate(int8.file, "onnxruntime", "int8", "cpu")]
    held = Bundle(Path("bundle"), Manifest(Source("model", "0"), ("O",), 64, 100, {}, (FP32, int8), (), {}))

    def measure(one: Candidate) -> Certificate:
        kind = (one.file, one.backend, one.precision, one.device)
        figures: dict[str, float | int | None] = defaultdict(int)
        return Certificate(*kind, {"torch": "2"}, "text", "0", figures, {}, one.precision != wrong_in)

    found = passing(held, tried, measure)
    with pytest.raises(GateError, match=f"in {wrong_in}, cpu: it does not say what"):
        check_outcomes(held, found)
    if wrong_in == "int8":
        check_outcomes(held, found, may_fail=INT8_ALONE)
    else:
        with pytest.raises(GateError, match="in fp32, cpu: it does not say what"):
            check_outcomes(held, found, may_fail=INT8_ALONE)


def test_who_asked_for_an_engine_gets_no_bundle_without() -> None:
    plain = Certificate("packed-fp16.onnx", "onnxruntime", "fp16", "cuda", {}, "text", "0", {}, {}, True)
    engine = replace(plain, file="packed-fp16.plan", backend="tensorrt")
    assert fulfilled(TensorRTOptions(), [plain])
    assert not fulfilled(TensorRTOptions(wanted=True), [plain])
    assert not fulfilled(TensorRTOptions(wanted=True), [plain, replace(engine, passed=False)])
    assert fulfilled(TensorRTOptions(wanted=True), [plain, engine])


def test_int8_that_this_cpu_cannot_add_up_takes_nothing_from_the_rest() -> None:
    int8 = replace(FP32, file="packed-int8.onnx", precision="int8")
    on_openvino = Candidate(int8.file, "openvino", "int8", "cpu")
    held = Bundle(Path("bundle"), Manifest(Source("model", "0"), ("O",), 64, 100, {}, (FP32, int8), (), {}))

    def certified(needs: tuple[CpuFeature, ...]) -> list[str]:
        def measure(one: Candidate) -> Certificate:
            figures: dict[str, float | int | None] = defaultdict(int)
            fails, asked = one == on_openvino, needs if one == on_openvino else ()
            kind = (one.file, one.backend, one.precision, one.device)
            return Certificate(*kind, {"torch": "2"}, "text", "0", figures, {}, not fails, asked)

        found = passing(held, [ON_CPU, on_openvino], measure)
        assert [one.candidate for one in still_failed((), found)] == ([] if needs == ("no vnni",) else [on_openvino])
        check_outcomes(held, found)
        return [each.candidate.file for each in found if each.kept]

    assert certified(("no vnni",)) == [FP32.file]
    # Where sums are exact, or weights have 7 bits, the fault is the file's own.
    for needs in (("vnni",), ()):
        with pytest.raises(GateError, match=r"packed-int8\.onnx on openvino"):
            certified(needs)
