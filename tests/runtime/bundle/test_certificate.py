"""What a certificate vouches for: a candidate, on CPUs that compute alike, with releases of the library that do."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from runtime.bundle.certificate import (
    ANY,
    CERTIFY,
    Candidate,
    Certificate,
    Device,
    Layout,
    Precision,
    Probe,
    Wanted,
    release,
)
from runtime.errors import UncertifiedError
from runtime.system.cpu import CpuFeature

INT8 = Candidate("packed-int8.onnx", "openvino", "int8", "cpu")
HELD = Certificate(
    *("packed-int8.onnx", "openvino", "int8", "cpu", {"openvino": "2026.2.1"}, "valid.txt", "0a", {}, {}, True),
    cpu_requirements=("vnni",),
    elsewhere_sha256="0b",
)


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        (ANY, True),
        (Wanted(backend="openvino", precision="int8", device="cpu", file="packed-int8.onnx"), True),
        (Wanted(backend="onnxruntime"), False),
        (Wanted(precision="fp32"), False),
        (Wanted(device="cuda"), False),
        (Wanted(file="packed-fp32.onnx"), False),
        (Wanted(backend="openvino", precision="fp32"), False),
    ],
)
def test_what_is_wanted_is_matched_in_every_part(wanted: Wanted, matches: bool) -> None:
    assert wanted.matches(INT8) is matches


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (ANY, "auto"),
        (Wanted(backend="openvino"), "openvino"),
        (Wanted(precision="int8"), "int8"),
        (Wanted(backend="openvino", precision="int8"), "openvino in int8"),
        (Wanted(backend="onnxruntime", device="cuda"), "onnxruntime on cuda"),
        (Wanted(device="cuda"), "on cuda"),
        (Wanted(backend="openvino", file="a.onnx"), "a.onnx"),
    ],
)
def test_what_is_wanted_is_told(wanted: Wanted, told: str) -> None:
    assert str(wanted) == told


def test_a_candidate_is_told_by_file_and_the_checkpoint_by_its_kind() -> None:
    assert str(INT8) == "packed-int8.onnx on openvino in int8, cpu"
    assert str(replace(INT8, file="")) == "checkpoint on openvino in int8, cpu"
    assert HELD.candidate == INT8
    assert HELD.trial == (INT8, "0a", "0b")


@pytest.mark.parametrize(
    ("needs", "here", "problem", "remake"),
    [
        (("vnni",), ("no vnni",), "certified on a CPU that has vnni, this one has no vnni", True),
        (("vnni",), (), "certified on a CPU that has vnni, this one has told nothing of itself", True),
        (("vnni", "bf16"), ("vnni",), "certified on a CPU that has vnni and bf16, this one has vnni", False),
        (("no vnni",), ("vnni", "bf16"), "certified on a CPU that has no vnni, this one has bf16 and vnni", False),
        (("vnni", "no vnni"), ("vnni",), "certified on a CPU that is not known, and int8 depends on it", False),
    ],
)
def test_another_cpu_is_refused_with_what_it_lacks(
    needs: tuple[CpuFeature, ...], here: tuple[CpuFeature, ...], problem: str, remake: bool
) -> None:
    of = replace(HELD, cpu_requirements=needs)
    assert not of.holds_on(here)
    with pytest.raises(UncertifiedError) as caught:
        of.check_cpu(here)
    assert (caught.value.subject, caught.value.problem) == ("packed-int8.onnx on openvino", problem)
    assert caught.value.fix.startswith("export it here" if remake else "run `python -m export.certify`")


def test_a_cpu_that_has_more_is_as_good() -> None:
    HELD.check_cpu(("vnni", "bf16"))
    replace(HELD, cpu_requirements=()).check_cpu(())


@pytest.mark.parametrize(
    ("installed", "holds"), [("2026.2.1", True), ("2026.2.9", True), ("2026.3.1", False), ("2025.2.1", False)]
)
def test_a_patch_release_answers_alike_and_another_does_not(installed: str, holds: bool) -> None:
    if holds:
        HELD.check_version("openvino", installed)
        return
    with pytest.raises(UncertifiedError) as caught:
        HELD.check_version("openvino", installed)
    assert caught.value.problem == f"certified with openvino 2026.2.1, here is {installed}"
    assert caught.value.fix.startswith("install openvino 2026.2.1, or run")


def test_a_library_that_no_certificate_names_is_refused() -> None:
    with pytest.raises(UncertifiedError, match=r"certified with onnxruntime none, here is 1\.27\.0"):
        HELD.check_version("onnxruntime", "1.27.0")
    assert release("1.2.3.dev4") == ["1", "2"]


def test_what_a_certificate_does_not_say_it_does_not_vouch_for() -> None:
    bare = Certificate(*("a.onnx", "openvino", "int8", "cpu", {}, "valid.txt", "0a", {}, {}, True))
    assert (bare.cpu_requirements, bare.entities, bare.files, bare.interface_sha256) == ((), {}, {}, "")
    assert (bare.probe, bare.elsewhere, bare.elsewhere_sha256, bare.rows) == (Probe((), ""), "", "", ())
    assert Wanted(backend="auto", precision="auto", device="auto", file="") == ANY
    assert CERTIFY.startswith("run `python -m export.certify`")


def test_words_of_the_schema() -> None:
    """Bundles are written with them: one that changes makes those unreadable."""
    assert get_args(Precision) == ("fp32", "fp16", "bf16", "int8", "fp8", "int4")
    assert get_args(Device) == ("cpu", "cuda")
    assert get_args(Layout) == ("padded", "packed")
