"""One candidate measured and held against the gate, on a small bundle whose answers are known, and what follows."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
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
from runtime.batch.batches import ON_CPU
from runtime.bundle.certificate import Candidate, Certificate
from runtime.bundle.doubts import doubts, interface_sha256
from runtime.bundle.gate import GATE, LIMITED_EVIDENCE
from runtime.bundle.store import Bundle, FileDigest, digest_of, open_bundle, seal
from runtime.errors import BackendError, BundleError, GateError
from runtime.screen.display import showing
from runtime.tagger import Tagger
from runtime.text.conll import Sentence
from runtime.text.label_schemes import LabelSet
from tests.fakes.screen import FakeScreen
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


def test_a_certificate_names_its_texts_without_the_machines_folders(bundle: Bundle) -> None:
    graph = replace(bundle.manifest.graphs[0], precision="int8")
    seal(bundle.path, replace(bundle.manifest, graphs=(graph,)))
    given = certifier({"Paris": "B-LOC", "Rome": "B-LOC"}, "/home/anna/texts/news/valid.txt")
    given.text = replace(given.text, name="/home/anna/corpora/conll2003/valid.txt")
    found = certify(open_bundle(bundle.path), replace(FP32, precision="int8"), given, threads=1)
    assert (found.corpus, found.elsewhere) == ("conll2003/valid.txt", "news/valid.txt")


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


class Recording(Certifier):
    """Keeps the taggers that are measured, and what was told of them while they were open."""

    def __init__(self, words: dict[str, str]) -> None:
        text = replace(TEXT, least=LIMITED_EVIDENCE)
        super().__init__(Checkpoint(words), text, LabelSet(LABELS), max_length=64)  # type: ignore[arg-type]
        self.seen: list[tuple[str, int, int, list[list[str]]]] = []

    def measure(self, tagger: Tagger, *, for_one_text: Sequence[Tagger] = ()) -> dict[str, float | int | None]:
        for each in (tagger, *for_one_text):
            run = each.backend
            self.seen.append((each.about, run.streams, run.packing.slots, each.tag_words([["in", "Paris"]])))
        return super().measure(tagger, for_one_text=for_one_text)


def with_a_product(bundle: Bundle) -> Bundle:
    """The bundle with a graph that multiplies by 1, since OpenVINO's precision is told by products alone."""
    model = onnx.load(bundle.path / GRAPH)
    (last,) = [node for node in model.graph.node if "logits" in node.output]
    last.output[0] = "before"
    model.graph.initializer.append(numpy_helper.from_array(np.eye(len(LABELS), dtype=np.float32), "one"))
    model.graph.node.append(onnx.helper.make_node("MatMul", ["before", "one"], ["logits"]))
    onnx.save(model, bundle.path / GRAPH)
    digest = digest_of(bundle.path / GRAPH)
    seal(bundle.path, replace(bundle.manifest, files={**bundle.manifest.files, GRAPH: digest}, certificates=()))
    return open_bundle(bundle.path)


def test_rows_of_one_length_are_measured_beside_the_graph_for_any(bundle: Bundle) -> None:
    pytest.importorskip("openvino")
    bundle = with_a_product(bundle)
    on_openvino, recording = replace(FP32, backend="openvino"), Recording({"Paris": "B-LOC", "Rome": "B-LOC"})
    found = certify(bundle, on_openvino, recording, threads=1)
    assert (found.candidate, found.passed) == (on_openvino, True)
    assert found.rows == rows_to_cover(bundle, on_openvino) != ()
    assert "openvino" in found.versions
    many, one = recording.seen
    assert many[0].startswith(str(on_openvino))
    assert one[0].startswith(str(on_openvino))
    # One text at a time: a single stream, of as many slots as ever.
    assert one[1:] == (1, ON_CPU.slots, [["O", "B-LOC"]])
    assert many[1:] == one[1:]


def test_who_has_no_such_rows_is_measured_in_one_way(bundle: Bundle) -> None:
    recording = Recording({"Paris": "B-LOC", "Rome": "B-LOC"})
    assert certify(bundle, FP32, recording, threads=1).rows == ()
    assert len(recording.seen) == 1


def test_digests_are_those_that_were_verified_or_of_the_file_where_none_are_listed(bundle: Bundle) -> None:
    listed = {**bundle.manifest.files, GRAPH: FileDigest("ab" * 32, 1)}
    del listed["config.json"]
    held = replace(bundle, manifest=replace(bundle.manifest, files=listed))
    files = certify(held, FP32, certifier({"Paris": "B-LOC", "Rome": "B-LOC"}), threads=1).files
    assert files[GRAPH] == "ab" * 32
    assert files["config.json"] == hashlib.sha256((bundle.path / "config.json").read_bytes()).hexdigest()


def test_each_candidate_is_a_step_that_is_told(bundle: Bundle) -> None:
    on_gpu = replace(FP32, device="cuda")
    figures: dict[str, float | int | None] = defaultdict(int, {bound.figure: 0 for bound in GATE["fp32"]})

    def measure(one: Candidate) -> Certificate:
        kind = (one.file, one.backend, one.precision, one.device)
        return Certificate(*kind, {"torch": "2"}, "text", "0", figures, {}, one == FP32)

    screen = FakeScreen()
    with showing(screen):
        right, wrong = passing(bundle, [FP32, on_gpu], measure)
    assert screen.lines[:2] == ["begin certify 2", f"progress 0 {FP32}"]
    assert screen.lines[3] == f"progress 1 {on_gpu}"
    assert screen.lines[2].startswith(f"detail {FP32}: passed, 0 of 0 labels changed")
    assert screen.lines[4].startswith(f"detail {on_gpu}: left out, ")
    assert screen.lines[5:] == ["end certify 1 of 2 candidates kept"]
    # A GPU that answers wrongly is left out, and takes nothing from the rest.
    assert (right.kept, wrong.kept, wrong.reason, wrong.fault) == (True, False, "too few entities agree", None)


def test_all_that_this_machine_runs_is_tried(bundle: Bundle) -> None:
    found = certify_all(bundle, certifier({"Paris": "B-LOC", "Rome": "B-LOC"}), threads=1)
    assert FP32 in [each.candidate for each in found if each.kept]
    assert {each.candidate.file for each in found} == {GRAPH}
    with pytest.raises(GateError):
        raise next(each.fault for each in certify_all(bundle, certifier({}), threads=1) if each.fault)
