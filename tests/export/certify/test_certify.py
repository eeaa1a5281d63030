"""One candidate measured and held against the gate, on a small bundle whose answers are known, and what follows."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from export.certify.certify_bundle import certify, certify_all, files_of, passing
from export.certify.corpus import Text
from export.certify.measure import Certifier
from export.certify.outcomes import Outcome
from export.preflight import rows_to_cover
from runtime.bundle.certificate import Candidate, Certificate
from runtime.bundle.doubts import doubts, interface_sha256
from runtime.bundle.gate import GATE, LIMITED_EVIDENCE
from runtime.bundle.store import Bundle, FileDigest, open_bundle, seal
from runtime.errors import BackendError, BundleError, GateError
from runtime.text.conll import Sentence
from runtime.text.label_schemes import LabelSet
from tests.lookup import LABELS, lookup_bundle

GRAPH = "padded-fp32.onnx"
FP32 = Candidate(GRAPH, "onnxruntime", "fp32", "cpu")
TEXT = Text("valid.txt", "0a", (Sentence(("Paris", "is", "not", "Rome"), ("B-LOC", "O", "O", "B-LOC")),) * 3)


class Checkpoint:
    """Stands for a checkpoint that says what the bundle's table says."""

    def __init__(self, words: dict[str, str]) -> None:
        self._words = words

    def tokens(self, sentences: list[tuple[str, ...]]) -> list[int]:
        return [len(words) + 2 for words in sentences]

    def word_logits(self, sentences: list[tuple[str, ...]]) -> NDArray[np.float32]:
        rows = [self._logits(word) for words in sentences for word in words]
        return np.array(rows, np.float32).reshape(-1, len(LABELS))

    def _logits(self, word: str) -> list[float]:
        label = self._words.get(word, "")
        return [5.0 if name == label else 2.5 * (name == "O") for name in LABELS]


def certifier(words: dict[str, str], elsewhere: str = "") -> Certifier:
    text = replace(TEXT, least=LIMITED_EVIDENCE)
    away = replace(text, name=elsewhere, sha256="0b") if elsewhere else Text("", "", ())
    return Certifier(Checkpoint(words), text, LabelSet(LABELS), max_length=64, elsewhere=away)  # type: ignore[arg-type]


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """A bundle that knows two towns."""
    return open_bundle(lookup_bundle(tmp_path / "bundle", {"Paris": "B-LOC", "Rome": "B-LOC"}))


def test_a_candidate_that_says_what_the_checkpoint_says(bundle: Bundle) -> None:
    found = certify(bundle, FP32, certifier({"Paris": "B-LOC", "Rome": "B-LOC"}, "news"), threads=1)
    assert (found.candidate, found.passed, found.rows) == (FP32, True, ())
    assert (found.corpus, found.corpus_sha256, found.entities) == ("valid.txt", "0a", {"LOC": 6})
    assert found.limits == {bound.figure: bound.limit for bound in GATE["fp32"]}
    assert (found.measured["changed_labels"], found.measured["f1_lost"]) == (0, 0)
    # In fp32 nobody asks for text from elsewhere.
    assert (found.elsewhere, found.elsewhere_sha256) == ("", "")
    assert not any(name.startswith("elsewhere") for name in found.measured)
    names = ("config.json", "padded-fp32.onnx", "tokenizer.json")
    assert found.files == {name: hashlib.sha256((bundle.path / name).read_bytes()).hexdigest() for name in names}
    assert [*found.files] == [*names]
    assert found.interface_sha256 == interface_sha256(bundle.manifest)
    assert {*found.versions} >= {"torch", "transformers", "tokenizers", "onnxruntime"}
    assert (len(found.probe.texts), found.cpu_requirements) == (12, ())
    # What it earned vouches for it, but for so little text.
    held = replace(bundle.manifest, certificates=(found,))
    assert doubts(held, limited=True) == {}
    assert [error.problem[:16] for error in doubts(held, limited=False).values()] == ["limited evidence"]


def test_a_candidate_that_says_something_else(bundle: Bundle) -> None:
    found = certify(bundle, FP32, certifier({"Paris": "B-LOC", "Rome": "B-PER"}), threads=1)
    assert (found.passed, found.measured["changed_labels"]) == (False, 3)


def test_lower_precisions_are_held_on_text_from_elsewhere_too(bundle: Bundle) -> None:
    graph = replace(bundle.manifest.graphs[0], precision="int8")
    seal(bundle.path, replace(bundle.manifest, graphs=(graph,)))
    eight, int8 = open_bundle(bundle.path), replace(FP32, precision="int8")
    found = certify(eight, int8, certifier({"Paris": "B-LOC", "Rome": "B-LOC"}, "news"), threads=1)
    assert (found.passed, found.elsewhere, found.elsewhere_sha256) == (True, "news", "0b")
    assert found.measured["elsewhere_changed_labels"] == 0
    assert found.cpu_requirements != ()
    # Without such text the rows about it do not hold.
    assert not certify(eight, int8, certifier({"Paris": "B-LOC", "Rome": "B-LOC"}), threads=1).passed


def test_labels_in_another_order_are_refused(bundle: Bundle) -> None:
    seal(bundle.path, replace(bundle.manifest, labels=tuple(reversed(LABELS))))
    with pytest.raises(BundleError, match="its labels are"):
        certify(open_bundle(bundle.path), FP32, certifier({}), threads=1)


def with_weights_in(bundle: Bundle, weights: str) -> None:
    """Let the graph keep its weights in a file of that name."""
    model = onnx.load(bundle.path / GRAPH)
    for tensor in model.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name))
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=weights)
    (bundle.path / GRAPH).write_bytes(model.SerializeToString())


def test_answers_come_from_the_graph_and_the_weights_beside_it(bundle: Bundle) -> None:
    assert files_of(bundle, FP32) == {"config.json", "tokenizer.json", GRAPH}
    with_weights_in(bundle, "weights/a.data")
    assert files_of(bundle, FP32) == {"config.json", "tokenizer.json", GRAPH, "weights/a.data"}


@pytest.mark.parametrize("weights", ["../a.data", "/tmp/a.data", "b/../../a.data"])
def test_weights_outside_the_bundle_are_refused(bundle: Bundle, weights: str) -> None:
    with_weights_in(bundle, weights)
    with pytest.raises(BundleError) as caught:
        files_of(bundle, FP32)
    told = f"padded-fp32.onnx: its weights lie outside the bundle ({weights}); make it again"
    assert str(caught.value).startswith(told)


def test_rows_of_one_length_are_covered_as_far_as_their_weights_have_room(bundle: Bundle) -> None:
    on_openvino = replace(FP32, backend="openvino")
    assert rows_to_cover(bundle, FP32) == ()
    most = rows_to_cover(bundle, on_openvino)
    assert len(most) > 1

    def of(size: int) -> tuple[int, ...]:
        files = {GRAPH: FileDigest("0" * 64, size)}
        return rows_to_cover(replace(bundle, manifest=replace(bundle.manifest, files=files)), on_openvino)

    assert of(3 * 2**30 // len(most)) == most
    assert len(of(3 * 2**30 // len(most) + 1)) < len(most)
    assert of(3 * 2**30 + 1) == ()


def refused(bundle: Bundle, error: Exception, candidate: Candidate = FP32) -> Outcome:
    """What a candidate comes to that cannot be measured."""

    def measure(_: Candidate) -> Certificate:
        raise error

    [found] = passing(bundle, [candidate], measure)
    return found


def test_who_cannot_answer_is_left_out_and_is_a_fault_where_the_bundle_itself_is(bundle: Bundle) -> None:
    left = refused(bundle, BackendError("a", "b", "c"))
    assert (left.candidate, left.kept, left.reason, left.fault) == (FP32, False, "onnxruntime cannot run it", None)
    wrong = refused(bundle, BundleError("a", "its weights are lost", "make it again"))
    assert (wrong.candidate, wrong.kept, wrong.reason) == (FP32, False, "it is refused")
    assert str(wrong.fault) == f"{FP32}: it is refused (its weights are lost); make it again"
    on_gpu = refused(bundle, BundleError("a", "b", "c"), replace(FP32, device="cuda"))
    assert (on_gpu.kept, on_gpu.reason, on_gpu.fault) == (False, "onnxruntime cannot run it", None)


def test_who_answers_wrongly_is_a_fault_in_its_own_precision_on_the_cpu_alone(bundle: Bundle) -> None:
    figures: dict[str, float | int | None] = defaultdict(int, {bound.figure: 0 for bound in GATE["fp32"]})

    def of(candidate: Candidate, *needs: str, passed: bool = False) -> Outcome:
        kind = (candidate.file, candidate.backend, candidate.precision, candidate.device)
        certificate = Certificate(*kind, {"torch": "2"}, "text", "0", figures, {}, passed, needs)  # type: ignore[arg-type]
        [found] = passing(bundle, [candidate], lambda _: certificate)
        assert found.certificate == certificate
        return found

    assert (of(FP32, passed=True).kept, of(FP32, passed=True).reason) == (True, "kept")
    wrong = of(FP32)
    assert (wrong.kept, wrong.reason) == (False, "too few entities agree")
    assert str(wrong.fault).startswith(f"{FP32}: it does not say what the checkpoint says; leave its precision out")
    assert of(replace(FP32, device="cuda")).fault is None
    assert of(replace(FP32, precision="bf16")).fault is None
    cut = of(FP32, "no vnni")
    assert (cut.kept, cut.reason, cut.fault) == (False, "this CPU cuts sums off", None)


def test_all_that_this_machine_runs_is_tried(bundle: Bundle) -> None:
    found = certify_all(bundle, certifier({"Paris": "B-LOC", "Rome": "B-LOC"}), threads=1)
    assert FP32 in [each.candidate for each in found if each.kept]
    assert {each.candidate.file for each in found} == {GRAPH}
    with pytest.raises(GateError):
        raise next(each.fault for each in certify_all(bundle, certifier({}), threads=1) if each.fault)
