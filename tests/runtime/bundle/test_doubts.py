"""What speaks against a certificate: figures, other files or labels, no probe, little text, a text it failed on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from runtime.bundle.certificate import Candidate, Certificate, Probe
from runtime.bundle.doubts import doubts, interface_sha256
from runtime.bundle.manifest import FileDigest, Graph, Manifest, Source
from runtime.text.crf import Crf
from tests.certificates import vouching

NAMES = ("config.json", "tokenizer.json", "packed-int8.onnx", "packed-fp32.onnx")
GRAPHS = tuple(
    Graph(f"packed-{precision}.onnx", precision, "packed", 17, ("input_ids",)) for precision in ("int8", "fp32")
)
BARE = Manifest(
    *(Source("model", "0"), ("O", "B-PER"), 64, 100),
    files={name: FileDigest(str(number) * 64, 7) for number, name in enumerate(NAMES)},
    graphs=GRAPHS,
    certificates=(),
    versions={},
)
INT8 = vouching(Certificate("packed-int8.onnx", "openvino", "int8", "cpu", {}, "valid.txt", "0a", {}, {}, True), BARE)
INT8 = replace(INT8, elsewhere="news", elsewhere_sha256="0b")
FP32 = vouching(
    Certificate("packed-fp32.onnx", "onnxruntime", "fp32", "cpu", {}, "valid.txt", "0a", {}, {}, True), BARE
)
WHOLE = replace(BARE, certificates=(INT8, FP32))


def found(manifest: Manifest, *, limited: bool = False) -> dict[Candidate, str]:
    """What is told against each candidate, without what to do."""
    return {one: error.problem for one, error in doubts(manifest, limited=limited).items()}


def with_figures(**figures: float | None) -> Certificate:
    """INT8 with other figures."""
    return replace(INT8, measured={**INT8.measured, **figures})


def test_certificates_that_vouch_have_nothing_against_them() -> None:
    assert found(WHOLE) == {}
    # A file that the manifest has besides, and no certificate names, is nobody's.
    more = replace(WHOLE, files={**WHOLE.files, "more.data": FileDigest("9" * 64, 1)})
    assert found(more) == {}


@pytest.mark.parametrize(
    ("certificate", "problem", "fix"),
    [
        (
            with_figures(changed_per_10k=10.25, sure_changed=1),
            "its figures fail the gate (changed labels in 10,000 10.25, limit 10, "
            "changed where the checkpoint is sure 1, limit 0)",
            "run `python -m export.certify`",
        ),
        (
            with_figures(elsewhere_agreement=None),
            "its figures fail the gate (agreement elsewhere, F1 not measured)",
            "run",
        ),
        (
            with_figures(changed_labels=9_000, agreement=2),
            "its figures contradict each other (changed labels in 10,000 0, by the others 4500, "
            "agreement of entities, F1 2)",
            "run `python -m export.certify`",
        ),
        (replace(INT8, files={}), "certified with another config.json", "run `python -m export.certify`"),
        (
            replace(INT8, files={**INT8.files, "packed-int8.onnx": "9" * 64}),
            "certified with another packed-int8.onnx",
            "run",
        ),
        (replace(INT8, files={**INT8.files, "a.data": "9" * 64}), "certified with another a.data", "run"),
        (
            replace(INT8, files={name: it for name, it in INT8.files.items() if name != "tokenizer.json"}),
            "certified with another tokenizer.json",
            "run",
        ),
        (replace(INT8, interface_sha256="9" * 64), "certified with another list of labels or limits", "run"),
        (replace(INT8, probe=Probe()), "its certificate has no answers to check it by", "run"),
        (with_figures(words=212), "limited evidence: 212 of 10,000 words", "certify it on more text"),
    ],
)
def test_what_speaks_against_one_leaves_the_other(certificate: Certificate, problem: str, fix: str) -> None:
    against = doubts(replace(WHOLE, certificates=(certificate, FP32)), limited=False)
    assert [*against] == [INT8.candidate]
    error = against[INT8.candidate]
    assert (error.subject, error.problem) == (str(INT8.candidate), problem)
    assert error.fix.startswith(fix)


def test_limited_evidence_vouches_where_it_is_asked_for_and_nothing_else_does() -> None:
    little = replace(WHOLE, certificates=(with_figures(words=212, elsewhere_words=99),))
    assert found(little) == {INT8.candidate: "limited evidence: 212 of 10,000 words, 99 of 5,000 words from elsewhere"}
    assert found(little, limited=True) == {}
    assert found(replace(WHOLE, certificates=(replace(INT8, probe=Probe()),)), limited=True) != {}


@pytest.mark.parametrize(
    ("failed", "problem"),
    [
        (with_figures(changed_per_10k=11), "it failed on valid.txt (changed labels in 10,000 11, limit 10)"),
        (
            with_figures(elsewhere_changed_per_10k=21),
            "it failed on news (changed elsewhere, in 10,000 21, limit 20)",
        ),
        (
            with_figures(elsewhere_changed_per_10k=21, changed_per_10k=11),
            "it failed on valid.txt (changed labels in 10,000 11, limit 10, changed elsewhere, in 10,000 21, limit 20)",
        ),
        (INT8, "it failed on valid.txt (by the gate of the version that certified it)"),
        (
            replace(INT8, corpus=""),
            "it failed on a text without a name (by the gate of the version that certified it)",
        ),
    ],
)
def test_a_text_that_it_failed_on_outweighs_those_that_it_passed_on(failed: Certificate, problem: str) -> None:
    against = doubts(replace(WHOLE, failed=(failed,)), limited=True)
    assert {one: error.problem for one, error in against.items()} == {INT8.candidate: problem}
    [error] = against.values()
    assert error.subject == str(INT8.candidate)
    assert error.fix.endswith("it is served again once it passes on that text")


CRF = Crf((0.0, 1.0), (2.0, 3.0), ((4.0, 5.0), (6.0, 7.0)))


@pytest.mark.parametrize(
    "change",
    [
        lambda it: replace(it, labels=("B-PER", "O")),
        lambda it: replace(it, max_length=65),
        lambda it: replace(it, vocabulary=101),
        lambda it: replace(it, label_scheme="BIO"),
        lambda it: replace(it, crf=(CRF,)),
    ],
)
def test_labels_limits_scheme_and_crf_are_part_of_what_was_certified(change: Callable[[Manifest], Manifest]) -> None:
    assert interface_sha256(change(BARE)) != interface_sha256(BARE)
    assert found(change(WHOLE)) == dict.fromkeys(
        (INT8.candidate, FP32.candidate), "certified with another list of labels or limits"
    )


def test_every_weight_of_a_crf_counts() -> None:
    others = [
        replace(CRF, start=(0.0, 9.0)),
        replace(CRF, end=(2.0, 9.0)),
        replace(CRF, steps=((4.0, 5.0), (6.0, 9.0))),
    ]
    assert len({interface_sha256(replace(BARE, crf=(crf,))) for crf in (CRF, *others)}) == 4


def test_the_digest_of_what_is_believed_stays_what_it_was() -> None:
    """Bundles of earlier versions hold it: another one would refuse all of their certificates."""
    told = '[["O", "B-PER"], 64, 100'
    assert interface_sha256(BARE) == hashlib.sha256(f"{told}]".encode()).hexdigest()
    more = f'{told}, "BIO", [[0.0, 1.0], [2.0, 3.0], [[4.0, 5.0], [6.0, 7.0]]]]'
    named = replace(BARE, label_scheme="BIO", crf=(CRF,))
    assert interface_sha256(named) == hashlib.sha256(more.encode()).hexdigest()
