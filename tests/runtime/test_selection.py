"""The fastest certified candidate is taken; what cannot be taken is said, and what to do about it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from runtime.backends.registry import spec_of, version_of
from runtime.backends.tensorrt.engine import engine_obstacle
from runtime.bundle.certificate import Wanted
from runtime.bundle.manifest import OneTextSpeed
from runtime.bundle.profile import RunProfile
from runtime.bundle.store import (
    Bundle,
    Candidate,
    Certificate,
    Engine,
    Graph,
    Manifest,
    Precision,
    Profile,
    Source,
    Speed,
    open_bundle,
)
from runtime.errors import BackendError, BundleError, UncertifiedError, UsageError
from runtime.selection import (
    PYTORCH,
    Choice,
    candidates,
    choose,
    describe,
    fastest,
    obstacle_of,
    of_profile,
    refusal_of,
    runnable,
)
from runtime.system.cpu import CpuFeature, cpu_features, has_bf16
from runtime.system.gpu import Gpu, gpu
from runtime.system.libraries import installed_version
from tests.certificates import with_files
from tests.fakes.machine import FakeMachine

_INPUTS = ("input_ids",)
PADDED = Graph("padded-fp32.onnx", "fp32", "padded", 17, _INPUTS)
PACKED = Graph("packed-fp32.onnx", "fp32", "packed", 17, _INPUTS)
INT8 = Graph("packed-int8.onnx", "int8", "packed", 17, _INPUTS)

ORT_PADDED = Candidate(PADDED.file, "onnxruntime", "fp32", "cpu")
ORT_PACKED = Candidate(PACKED.file, "onnxruntime", "fp32", "cpu")
ORT_INT8 = Candidate(INT8.file, "onnxruntime", "int8", "cpu")
OV_FP32 = Candidate(PACKED.file, "openvino", "fp32", "cpu")
OV_BF16 = Candidate(PACKED.file, "openvino", "bf16", "cpu")
OV_INT8 = Candidate(INT8.file, "openvino", "int8", "cpu")

HALF = Graph("packed-fp16.onnx", "fp16", "packed", 17, _INPUTS)
PLAN = Engine(
    file="packed-fp16.plan",
    graph=HALF.file,
    graph_sha256="0",
    precision="fp16",
    layout="packed",
    inputs=_INPUTS,
    gpu="NVIDIA L4",
    compute_capability="8.9",
    tensorrt="11.4.0.19",
    driver="580.95.05",
    profiles=(Profile(1, 64), Profile(8, 64)),
    layers={"fp16": 24},
)

needs_openvino = pytest.mark.skipif(not installed_version("openvino"), reason="openvino is not installed")


def certificate(candidate: Candidate, *, passed: bool = True, version: str = "") -> Certificate:
    """A certificate by the installed library, or by that version of it."""
    versions = {candidate.backend: version or version_of(candidate) or "1.0"}
    return Certificate(
        candidate.file, candidate.backend, candidate.precision, candidate.device, versions, "text", "0", {}, {}, passed
    )


def bundle(
    certificates: Sequence[Certificate] = (),
    speeds: Sequence[tuple[Candidate, float]] = (),
    graphs: tuple[Graph, ...] = (PADDED, PACKED, INT8),
) -> Bundle:
    """A bundle that was never on a disk."""
    manifest = Manifest(Source("model", "0"), ("O",), 64, 100, {}, graphs, tuple(certificates), {})
    measured = tuple(Speed(candidate, speed, "a machine, 2 threads") for candidate, speed in speeds)
    return Bundle(Path("bundle"), replace(manifest, speeds=measured))


def with_engine() -> Bundle:
    """A bundle with an fp16 graph and an engine made of it."""
    held = bundle(graphs=(PADDED, PACKED, HALF))
    return replace(held, manifest=replace(held.manifest, engines=(PLAN,)))


def test_candidates_in_order_of_preference() -> None:
    # On a GPU packed rows go first; see runtime.backends.onnxruntime_cuda.
    on_cuda = [replace(one, device="cuda") for one in (ORT_PACKED, ORT_PADDED)]
    assert candidates(bundle()) == [ORT_PADDED, ORT_PACKED, ORT_INT8, OV_FP32, OV_BF16, OV_INT8, *on_cuda]
    assert candidates(bundle(graphs=(PADDED,))) == [
        ORT_PADDED,
        replace(OV_FP32, file=PADDED.file),
        replace(OV_BF16, file=PADDED.file),
        replace(ORT_PADDED, device="cuda"),
    ]


def test_half_precision_and_engines_are_for_gpus() -> None:
    held = with_engine()
    for device, backends in (("cpu", {"onnxruntime"}), ("cuda", {"onnxruntime", "onnxruntime-tensorrt", "tensorrt"})):
        halves = [one for one in candidates(held) if one.precision == "fp16" and one.device == device]
        assert {one.backend for one in halves} == backends
    assert candidates(held)[-1] == Candidate(PLAN.file, "tensorrt", "fp16", "cuda")
    assert held.part(PLAN.file) == PLAN
    assert held.part(HALF.file) == HALF


def test_a_graph_made_for_one_backend_is_no_other_s() -> None:
    fused = replace(HALF, file="packed-fused-fp16.onnx", made_for="onnxruntime")
    held = bundle(graphs=(PACKED, HALF, fused))
    found = [one for one in candidates(held) if one.file == fused.file]
    assert found == [Candidate(fused.file, "onnxruntime", "fp16", "cuda")]


@pytest.mark.skipif(gpu() is not None, reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_said_and_nothing_else_runs() -> None:
    assert all(one.device == "cpu" for one in runnable(with_engine()))
    for backend in ("auto", "onnxruntime", "tensorrt"):
        with pytest.raises(BackendError, match=r"no NVIDIA GPU, or no driver for it; choose device cpu"):
            choose(with_engine(), Wanted(backend=backend, precision="fp16", device="cuda"), certified=False)
    # Without a word about the device, the CPU is there.
    assert choose(with_engine(), Wanted(precision="fp16"), certified=False).device == "cpu"


def test_a_device_can_be_asked_for() -> None:
    with pytest.raises(BundleError, match=r"no candidate openvino in fp32 on cuda \(it holds: padded"):
        choose(bundle(), Wanted(backend="openvino", precision="fp32", device="cuda"))
    with pytest.raises(BackendError, match="it runs on the CPU, not on cuda"):
        choose(bundle(), Wanted(backend="pytorch", precision="fp32", device="cuda"))
    certified = [certificate(ORT_PADDED)]
    assert choose(bundle(certified), Wanted(backend="onnxruntime", precision="fp32", device="cpu")) == ORT_PADDED


def test_an_engine_runs_on_its_own_gpu_with_its_own_library() -> None:
    here = Gpu(PLAN.gpu, PLAN.compute_capability, "580.95.05", 24 << 30, 58)
    assert engine_obstacle(PLAN, here, "11.4.0.19") is None
    other = replace(here, name="NVIDIA H100 80GB HBM3", compute_capability="9.0")
    assert engine_obstacle(PLAN, other, "11.4.0.19") == (
        "engine for NVIDIA L4 (sm_89, TensorRT 11.4), this machine has NVIDIA H100 80GB HBM3 (sm_90)",
        "run make export TENSORRT=1",
    )
    told = " ".join(engine_obstacle(PLAN, here, "11.5.0.1") or ())
    assert "engine for NVIDIA L4 (sm_89, TensorRT 11.4), this machine has NVIDIA L4 (sm_89, TensorRT 11.5.0.1)" in told


def test_engines_are_sealed_with_the_rest(tmp_path: Path) -> None:
    with_files(tmp_path, with_engine().manifest)
    assert open_bundle(tmp_path).manifest.engines == (PLAN,)


@pytest.mark.parametrize(
    ("candidate", "extra"),
    [
        (ORT_PACKED, "onnxruntime"),
        (replace(ORT_PACKED, device="cuda"), "gpu"),
        (Candidate("packed-fp16.plan", "tensorrt", "fp16", "cuda"), "gpu"),
        (Candidate("packed-fp16.onnx", "onnxruntime-tensorrt", "fp16", "cuda"), "gpu-trt10"),
        (OV_FP32, "openvino"),
    ],
)
def test_the_extra_that_brings_a_backend(candidate: Candidate, extra: str) -> None:
    assert spec_of(candidate).extra == extra


def test_this_machine_runs_no_more_than_it_can() -> None:
    able = runnable(bundle())
    assert ORT_PADDED in able
    assert (OV_FP32 in able) == bool(installed_version("openvino"))
    assert (OV_BF16 in able) == (bool(installed_version("openvino")) and has_bf16())


def test_without_speeds_the_small_default_is_taken() -> None:
    certified = [certificate(each) for each in (OV_FP32, ORT_PACKED, ORT_PADDED)]
    assert choose(bundle(certified)) == ORT_PADDED


@needs_openvino
@pytest.mark.parametrize(
    ("backend", "precision", "taken"),
    [
        ("auto", "auto", OV_INT8),
        ("auto", "fp32", OV_FP32),
        ("onnxruntime", "auto", ORT_PACKED),
        ("onnxruntime", "fp32", ORT_PACKED),
        ("openvino", "auto", OV_INT8),
        ("openvino", "fp32", OV_FP32),
    ],
)
def test_the_fastest_is_taken(backend: str, precision: Precision | Literal["auto"], taken: Candidate) -> None:
    speeds = [(ORT_PADDED, 1.0), (ORT_PACKED, 2.0), (OV_FP32, 3.0), (OV_INT8, 9.0)]
    certified = [certificate(each) for each, _ in speeds]
    assert choose(bundle(certified, speeds), Wanted(backend=backend, precision=precision)) == taken


@needs_openvino
def test_the_fastest_without_a_certificate_is_not_taken() -> None:
    speeds = [(ORT_PADDED, 1.0), (OV_FP32, 3.0), (OV_INT8, 9.0)]
    certified = [certificate(ORT_PADDED), certificate(OV_FP32, version="0.1"), certificate(OV_INT8, passed=False)]
    assert choose(bundle(certified, speeds)) == ORT_PADDED
    assert choose(bundle(certified, speeds), certified=False) == OV_INT8


@needs_openvino
def test_a_certificate_that_is_void_on_this_cpu_is_said() -> None:
    other: CpuFeature = "no vnni" if "vnni" in cpu_features() else "vnni"
    speeds = [(ORT_PADDED, 1.0), (OV_FP32, 3.0), (OV_INT8, 9.0)]
    certified = [
        certificate(ORT_PADDED),
        certificate(OV_FP32),
        replace(certificate(OV_INT8), cpu_requirements=(other,)),
    ]
    held = bundle(certified, speeds)
    assert choose(held) == OV_FP32
    void = rf"packed-int8\.onnx on openvino: certified on a CPU that has {other}, this one has "
    assert re.search(rf"; faster, but left out: {void}", describe(held, OV_FP32))
    with pytest.raises(UncertifiedError, match=void):
        choose(held, Wanted(precision="int8"))
    here = replace(certified[2], cpu_requirements=tuple(sorted(cpu_features())))
    held = bundle([*certified[:2], here], speeds)
    assert choose(held) == OV_INT8
    assert "left out" not in describe(held, OV_INT8) + describe(held, OV_FP32)


def test_a_file_can_be_asked_for() -> None:
    certified = [certificate(ORT_PADDED), certificate(ORT_PACKED)]
    chosen = choose(
        bundle(certified, [(ORT_PACKED, 9.0)]), Wanted(backend="onnxruntime", precision="fp32", file=PADDED.file)
    )
    assert chosen == ORT_PADDED


def test_what_a_bundle_does_not_hold_is_said() -> None:
    with pytest.raises(BundleError, match=r"no candidate onnxruntime in bf16 \(it holds: padded-fp32.onnx on onnx"):
        choose(bundle(), Wanted(backend="onnxruntime", precision="bf16"))
    with pytest.raises(BundleError, match=r"no candidate fp16 \(it holds: none\)"):
        choose(bundle(graphs=()), Wanted(precision="fp16"))


def test_no_certificate_is_said() -> None:
    with pytest.raises(UncertifiedError, match=r"padded-fp32\.onnx on onnxruntime in fp32, cpu: no certificate"):
        choose(bundle())
    with pytest.raises(UncertifiedError, match=r"certified with onnxruntime 0\.1, here is"):
        choose(bundle([certificate(ORT_PADDED, version="0.1")]))


@pytest.mark.parametrize("precision", ["auto", "fp32"])
def test_pytorch_runs_the_checkpoint_when_asked(precision: Precision | Literal["auto"]) -> None:
    chosen = choose(bundle(), Wanted(backend="pytorch", precision=precision))
    assert str(chosen) == "checkpoint on pytorch in fp32, cpu"


def test_pytorch_runs_nothing_but_fp32() -> None:
    lower: Precision = "int8"
    with pytest.raises(BackendError, match="it runs fp32, not int8"):
        choose(bundle(), Wanted(backend="pytorch", precision=lower))


ON_GPU = Candidate("packed-fp32.onnx", "onnxruntime", "fp32", "cuda")


@pytest.mark.gpu
def test_few_texts_do_not_wait_for_the_gpu_of_this_machine() -> None:
    if ON_GPU not in runnable(bundle()):
        pytest.skip("ONNX Runtime's CUDA provider is not installed")
    held = bundle([certificate(ORT_PADDED), certificate(ON_GPU)], [(ORT_PADDED, 1.0), (ON_GPU, 9.0)])
    assert choose(held) == ON_GPU
    assert choose(held, goal="once") == ORT_PADDED
    assert choose(held, Wanted(device="cuda"), goal="once") == ON_GPU


def test_few_texts_do_not_wait_for_a_gpu() -> None:
    speeds = [(ORT_PADDED, 1.0), (ORT_PACKED, 2.0), (ON_GPU, 9.0)]
    held, every = bundle(speeds=speeds), [ON_GPU, ORT_PADDED, ORT_PACKED]
    assert fastest(held, every) == ON_GPU
    assert fastest(held, every, goal="once") == ORT_PACKED
    assert fastest(held, [ON_GPU], goal="once") == ON_GPU


def test_description() -> None:
    held = bundle(speeds=[(OV_BF16, 17466.4)])
    told = "packed-fp32.onnx on openvino in bf16, cpu, 17,466 tokens a second when measured on a machine, 2 threads"
    assert describe(held, OV_BF16) == told
    assert describe(held, ORT_PADDED) == "padded-fp32.onnx on onnxruntime in fp32, cpu, speed not measured"


def test_speeds_are_sealed_with_the_rest(tmp_path: Path) -> None:
    manifest = with_files(tmp_path, bundle(speeds=[(ORT_PADDED, 12.5)]).manifest)
    assert open_bundle(tmp_path).manifest == manifest
    assert json.loads((tmp_path / "manifest.json").read_text())["speeds"][0]["tokens_per_second"] == 12.5


NOTHING_HERE = FakeMachine()
ORT_HERE = FakeMachine(packages={"onnxruntime": version_of(ORT_PADDED)})


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (Wanted(backend="pytorch", device="cuda"), "it runs on the CPU, not on cuda; use another backend"),
        (Wanted(backend="pytorch", precision="int8"), "it runs fp32, not int8; use another backend"),
    ],
)
def test_pytorchs_refusals_name_it(wanted: Wanted, told: str) -> None:
    with pytest.raises(BackendError) as caught:
        choose(bundle(), wanted, here=NOTHING_HERE)
    assert str(caught.value) == f"backend 'pytorch': {told}"


def test_a_machine_is_asked_what_it_can_run() -> None:
    assert runnable(bundle(), here=NOTHING_HERE) == []
    assert runnable(bundle(), here=ORT_HERE) == [ORT_PADDED, ORT_PACKED, ORT_INT8]
    with pytest.raises(BackendError, match=r"^backend 'onnxruntime': .*pip install 'nerve-ner\[onnxruntime\]'"):
        choose(bundle(), Wanted(backend="onnxruntime"), here=NOTHING_HERE)
    with pytest.raises(BackendError, match=r"^backend 'pytorch': .*pip install 'nerve-ner\[pytorch\]'"):
        choose(bundle(), Wanted(backend="pytorch"), here=NOTHING_HERE)
    assert choose(bundle([certificate(ORT_PADDED)]), here=ORT_HERE) == ORT_PADDED


def test_what_is_wanted_and_not_known_is_said_whole() -> None:
    with pytest.raises(BackendError) as caught:
        choose(bundle(), Wanted(backend="onxruntime"), here=NOTHING_HERE)
    known = "auto, onnxruntime, openvino, onnxruntime-tensorrt, tensorrt, tensorrt-rtx, pytorch"
    assert sorted(str(caught.value).partition("; choose one of ")[2].split(", ")) == sorted(known.split(", "))
    assert str(caught.value).startswith("backend 'onxruntime': unknown; choose one of auto, ")
    with pytest.raises(BundleError) as missing:
        choose(bundle(graphs=(PADDED,)), Wanted(backend="onnxruntime", precision="int8"), here=NOTHING_HERE)
    held = "padded-fp32.onnx on onnxruntime in fp32, cpu; padded-fp32.onnx on openvino in fp32, cpu; "
    assert str(missing.value).startswith(f"bundle: no candidate onnxruntime in int8 (it holds: {held}")
    assert str(missing.value).endswith("; choose one of these")
    with pytest.raises(BackendError) as wrong:
        choose(bundle(), "fastest")  # type: ignore[arg-type]
    assert str(wrong.value) == "candidate 'fastest': unknown; give a Candidate, a Wanted, or 'auto'"


# One difference each from the other candidates, so that no part of what is asked for may be forgotten.
CERTIFIED = bundle([certificate(one, version="1.0") for one in (ORT_PADDED, ORT_PACKED, OV_FP32, OV_BF16, OV_INT8)])
ALL_HERE = FakeMachine(features=frozenset({"bf16", "vnni"}), packages={"onnxruntime": "1.0", "openvino": "1.0"})


@pytest.mark.parametrize("candidate", [ORT_PADDED, ORT_PACKED, OV_FP32, OV_BF16, OV_INT8])
def test_the_candidate_that_is_asked_for_is_chosen_and_no_other(candidate: Candidate) -> None:
    assert choose(CERTIFIED, candidate, here=ALL_HERE) == candidate
    with pytest.raises(BundleError, match="no candidate"):
        choose(CERTIFIED, replace(candidate, file="none.onnx"), here=ALL_HERE)
    with pytest.raises(BackendError, match="no NVIDIA GPU"):
        choose(CERTIFIED, replace(ORT_PACKED, device="cuda"), here=ALL_HERE)


@pytest.mark.parametrize("wanted", ["auto", Wanted(precision="fp16"), Candidate(PLAN.file, "tensorrt", "fp16", "cuda")])
def test_a_profile_runs_its_own_candidate_or_says_that_another_is_asked_for(wanted: Choice) -> None:
    profile = RunProfile("fast", Candidate(PLAN.file, "tensorrt", "fp16", "cuda"), "latency", 1, 1, 256)
    assert of_profile(profile, wanted) == profile.candidate


@pytest.mark.parametrize(
    ("wanted", "said"),
    [(Wanted(precision="int8"), "int8"), (ORT_PADDED, "padded-fp32.onnx")],
    ids=["wanted", "candidate"],
)
def test_a_profile_is_not_run_with_another_candidate(wanted: Choice, said: str) -> None:
    profile = RunProfile("fast", Candidate(PLAN.file, "tensorrt", "fp16", "cuda"), "latency", 1, 1, 256)
    with pytest.raises(UsageError) as caught:
        of_profile(profile, wanted)
    runs = "it runs packed-fp16.plan on tensorrt in fp16, cuda"
    assert str(caught.value) == f"profile 'fast': {runs}, and {said} is asked for; leave one of the two out"


L4 = Gpu(PLAN.gpu, PLAN.compute_capability, "580.95.05", 24 << 30, 58)
ON_L4 = FakeMachine(own_gpu=L4, packages={"tensorrt-cu13": "11.4.0.19"})
ON_H100 = replace(ON_L4, own_gpu=replace(L4, name="NVIDIA H100 80GB HBM3", compute_capability="9.0"))
WITH_PLAN = Candidate(PLAN.file, "tensorrt", "fp16", "cuda")


def test_an_engine_is_chosen_on_its_own_gpu_alone() -> None:
    held = with_engine()
    assert WITH_PLAN in runnable(held, ON_L4)
    assert runnable(held, ON_H100) == []
    assert choose(held, Wanted(backend="tensorrt"), certified=False, here=ON_L4) == WITH_PLAN
    told = "engine for NVIDIA L4 (sm_89, TensorRT 11.4), this machine has NVIDIA H100 80GB HBM3 (sm_90)"
    with pytest.raises(BackendError) as caught:
        choose(held, Wanted(backend="tensorrt"), certified=False, here=ON_H100)
    assert str(caught.value) == f"backend 'tensorrt': {told}; run make export TENSORRT=1"


def timed(*times: tuple[Candidate, float, float]) -> Bundle:
    """The certified bundle with tokens a second and the time of one text; 0 where that was not measured."""
    speeds = tuple(Speed(one, speed, "a machine", OneTextSpeed(p50_ms=p50)) for one, speed, p50 in times)
    return replace(CERTIFIED, manifest=replace(CERTIFIED.manifest, speeds=speeds))


def test_each_goal_has_its_own_fastest() -> None:
    held = timed((ORT_PADDED, 1.0, 2.0), (ORT_PACKED, 2.0, 0.0), (OV_FP32, 3.0, 1.5), (OV_INT8, 9.0, 4.0))
    assert choose(held, here=ALL_HERE) == OV_INT8
    assert choose(held, goal="throughput", here=ALL_HERE) == OV_INT8
    assert choose(held, goal="once", here=ALL_HERE) == OV_INT8
    assert choose(held, goal="latency", here=ALL_HERE) == OV_FP32
    assert choose(held, Wanted(backend="onnxruntime"), goal="latency", here=ALL_HERE) == ORT_PADDED
    # Where no text was timed alone, tokens a second decide.
    held = timed((ORT_PADDED, 1.0, 0.0), (OV_FP32, 3.0, 0.0), (OV_INT8, 2.0, 0.0))
    assert choose(held, goal="latency", here=ALL_HERE) == OV_FP32
    assert fastest(held, [ORT_PADDED, OV_INT8]) == OV_INT8


def test_the_description_goes_by_the_goal() -> None:
    void = replace(ALL_HERE, packages={"onnxruntime": "1.0", "openvino": "3.0"})
    held = timed((ORT_PADDED, 1.0, 2.0), (OV_INT8, 9.0, 4.0))
    as_measured = "padded-fp32.onnx on onnxruntime in fp32, cpu, 1 tokens a second when measured on a machine"
    left_out = "; faster, but left out: packed-int8.onnx on openvino: certified with openvino 1.0, here is 3.0; "
    assert describe(held, ORT_PADDED, here=void).startswith(as_measured + left_out)
    assert describe(held, ORT_PADDED, here=ALL_HERE) == as_measured
    # What is wanted, runs here, and is faster: all three, or it is not spoken of.
    assert describe(held, ORT_PADDED, Wanted(backend="onnxruntime"), void) == as_measured
    assert describe(held, ORT_PADDED, here=ORT_HERE) == as_measured
    equal = timed((ORT_PADDED, 9.0, 2.0), (OV_INT8, 9.0, 4.0))
    assert "left out" not in describe(equal, ORT_PADDED, here=void)
    # Of one text it is the slower one.
    timed_alone = "padded-fp32.onnx on onnxruntime in fp32, cpu, 2.00 ms a text when measured on a machine"
    assert describe(held, ORT_PADDED, here=void, goal="latency") == timed_alone
    quicker = timed((ORT_PADDED, 9.0, 2.0), (OV_INT8, 1.0, 1.0))
    assert describe(quicker, ORT_PADDED, here=void, goal="latency").startswith(timed_alone + left_out)
    assert "left out" not in describe(quicker, ORT_PADDED, here=void)
    even = timed((ORT_PADDED, 1.0, 2.0), (OV_INT8, 9.0, 2.0))
    assert describe(even, ORT_PADDED, here=void, goal="latency") == timed_alone
    # Where one of them was not timed alone, tokens a second are what both have.
    alone = timed((ORT_PADDED, 1.0, 0.0), (OV_INT8, 9.0, 1.0))
    assert describe(alone, ORT_PADDED, here=void, goal="latency").startswith(as_measured + left_out)


def test_a_gpu_is_not_called_faster_than_a_cpu() -> None:
    on_gpu = replace(ORT_PADDED, device="cuda")
    held = bundle([certificate(on_gpu, version="0.1")], [(ORT_PADDED, 1.0), (on_gpu, 9.0)])
    here = FakeMachine(
        own_gpu=L4,
        packages={"onnxruntime-gpu": "1.0"},
        files=frozenset({("onnxruntime", "capi/libonnxruntime_providers_cuda.so")}),
    )
    assert on_gpu in runnable(held, here)
    assert refusal_of(held, on_gpu, here) is not None
    assert "left out" not in describe(held, ORT_PADDED, here=here)


def test_an_engine_for_another_gpu_is_not_called_faster() -> None:
    graph = replace(WITH_PLAN, file=HALF.file, backend="onnxruntime")
    made = with_engine()
    void = certificate(WITH_PLAN, version="10.0")
    speeds = tuple(Speed(one, speed, "a machine") for one, speed in ((graph, 1.0), (WITH_PLAN, 9.0)))
    held = replace(made, manifest=replace(made.manifest, certificates=(void,), speeds=speeds))
    assert "faster, but left out" in describe(held, graph, here=ON_L4)
    assert "left out" not in describe(held, graph, here=ON_H100)


def test_the_machine_that_is_handed_in_decides_what_a_certificate_is_worth() -> None:
    needs_vnni = replace(certificate(OV_INT8, version="1.0"), cpu_requirements=("vnni",))
    held = bundle([needs_vnni])
    assert refusal_of(held, OV_INT8, ALL_HERE) is None
    assert choose(held, Wanted(precision="int8"), here=ALL_HERE) == OV_INT8
    told = {
        "certified on a CPU that has vnni, this one has bf16": replace(ALL_HERE, features=frozenset({"bf16"})),
        "certified with openvino 1.0, here is 2.0": replace(ALL_HERE, packages={"openvino": "2.0"}),
    }
    for problem, here in told.items():
        assert problem in str(refusal_of(held, OV_INT8, here))
        with pytest.raises(UncertifiedError, match=problem):
            choose(held, OV_INT8, here=here)


def test_bf16_is_for_a_cpu_that_computes_in_it() -> None:
    without = replace(ALL_HERE, features=frozenset({"vnni"}))
    assert OV_BF16 in runnable(bundle(), ALL_HERE)
    assert OV_BF16 not in runnable(bundle(), without)
    with pytest.raises(BackendError) as caught:
        choose(CERTIFIED, OV_BF16, here=without)
    assert str(caught.value) == "backend 'openvino': this CPU does not compute in bf16; choose another precision"


def test_pytorch_runs_where_torch_is_installed() -> None:
    with_torch = FakeMachine(packages={"torch": "2.9"})
    assert obstacle_of(bundle(), PYTORCH, with_torch) is None
    assert choose(bundle(), Wanted(backend="pytorch"), here=with_torch) == PYTORCH
