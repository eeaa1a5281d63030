"""What we call of TensorRT and CUDA is there: held against names and parameters of the published bindings.

tests/runtime/backends/tensorrt/names.json was written from tensorrt-cu13-bindings and cuda-bindings; it says of which
versions. Where the bindings themselves are installed, the list is held against them in turn.
"""

from __future__ import annotations

import inspect
import json
import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from export.engines import api as building
from runtime.backends.tensorrt import api as running
from tests.conftest import ROOT
from tests.fakes import tensorrt as fake
from tests.fakes import tensorrt_builder as fake_builder

NAMES: dict[str, Any] = json.loads(Path(__file__).with_name("names.json").read_text(encoding="utf-8"))
CLASSES: dict[str, dict[str, Any]] = NAMES["tensorrt"]["classes"]
ENUMS: dict[str, list[str]] = NAMES["tensorrt"]["enums"]
# Our type -> TensorRT's class, and the fake's.
OURS: dict[type, tuple[str, type]] = {
    running.Context: ("IExecutionContext", fake.FakeContext),
    running.Inspector: ("EngineInspector", fake.FakeInspector),
    running.Plan: ("ICudaEngine", fake.FakePlan),
    running.Reader: ("Runtime", fake.FakeReader),
    building.OptimizationProfile: ("IOptimizationProfile", fake_builder.FakeProfile),
    building.TimingCache: ("ITimingCache", fake_builder.FakeCache),
    building.Network: ("INetworkDefinition", fake_builder.FakeNetwork),
    building.ParserError: ("ParserError", fake_builder.FakeParserError),
    building.OnnxParser: ("OnnxParser", fake_builder.FakeParser),
    building.BuilderConfig: ("IBuilderConfig", fake_builder.FakeConfig),
    building.Builder: ("Builder", fake_builder.FakeBuilder),
}
SOURCES = (*(ROOT / "runtime" / "backends" / "tensorrt").glob("*.py"), *(ROOT / "export" / "engines").glob("*.py"))
# What TensorRT for RTX alone has is held against the library itself, in the test_portable.py of both folders.
_OF_RTX = {
    ("BuilderFlag", "REQUIRE_USER_ALLOCATION"),
    ("DynamicShapesKernelSpecializationStrategy", "EAGER"),
}


def members(kind: type) -> dict[str, Any]:
    """What a type of ours asks for: methods, and attributes as None."""
    made = {name: value for name, value in vars(kind).items() if not name.startswith("_") and callable(value)}
    attributes = {name for name in kind.__annotations__ if not name.startswith("_")}
    attributes |= {name for name, value in vars(kind).items() if isinstance(value, property)}
    return made | dict.fromkeys(attributes)


def parameters(function: Any) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name != "self"]


def accepts(overloads: list[list[str]], given: list[str]) -> bool:
    """Whether one of TensorRT's signatures takes those parameters, in that order, and no more without a default."""
    for overload in overloads:
        names = [name.rstrip("=") for name in overload]
        if names[: len(given)] == given and all(name.endswith("=") for name in overload[len(given) :]):
            return True
    return False


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.__name__)
def test_every_method_and_attribute_is_tensorrts(kind: type) -> None:
    published = CLASSES[OURS[kind][0]]
    assert members(kind)
    for name, method in members(kind).items():
        if method is None:
            assert published[name] == "property", name
        else:
            assert accepts(published[name], parameters(method)), name


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.__name__)
def test_the_fake_takes_the_same(kind: type) -> None:
    for name, method in members(kind).items():
        if method is not None:
            assert parameters(getattr(OURS[kind][1], name)) == parameters(method), name


def test_constructors_take_what_they_are_given() -> None:
    for name, protocol in (("Runtime", running.Runtime), ("Builder", building.Building)):
        assert accepts(CLASSES[name]["__init__"], parameters(getattr(protocol, name)))
    assert accepts(CLASSES["OnnxParser"]["__init__"], parameters(building.Building.OnnxParser))
    for base in ("ILogger", "IProgressMonitor"):
        assert accepts(CLASSES[base]["__init__"], [])


def test_what_tensorrt_calls_of_ours_takes_what_it_gives() -> None:
    for name in ("phase_start", "step_complete", "phase_finish"):
        assert CLASSES["IProgressMonitor"][name] == [parameters(getattr(fake_builder.IProgressMonitor, name))]
    assert CLASSES["ILogger"]["log"] == [parameters(fake.ILogger.log)]


def test_enumerations_have_the_members_that_the_code_names() -> None:
    found = set()
    for source in SOURCES:
        text = source.read_text(encoding="utf-8")
        found |= set(re.findall(r"library\.([A-Z]\w+)\.([A-Z][A-Z_0-9]+)\b", text))
    assert len(found) >= 6
    for enum, member in found - _OF_RTX:
        assert member in ENUMS[enum], (enum, member)
    assert {"INTERNAL_ERROR", "ERROR"} <= {*ENUMS["ILogger.Severity"]}
    for enum in ("TensorIOMode", "DataType", "ExecutionContextAllocationStrategy", "LayerInformationFormat"):
        assert {*getattr(fake, enum).__members__} <= {*ENUMS[enum]}
    for enum in ("MemoryPoolType", "ProfilingVerbosity", "BuilderFlag"):
        assert {*getattr(fake_builder, enum).__members__} <= {*ENUMS[enum]}


def test_functions_of_cuda_are_called_as_they_are_published() -> None:
    text = (ROOT / "runtime" / "backends" / "tensorrt" / "cuda.py").read_text(encoding="utf-8")
    published = NAMES["cuda"]
    calls = re.findall(r"_call\(\s*(?:self\._cuda|runtime)\.(cuda\w+)((?:,[^\n]*?)?)\)(?=\)|\n| )", text)
    assert len(calls) >= 13
    for name, rest in calls:
        given = [part for part in rest.split(",") if part.strip() and "size=" not in part]
        assert len(given) == len(published["functions"][name]), name
    known = {*published["functions"], *published["members"], *published["constants"]}
    known |= {member for members in published["members"].values() for member in members}
    for name in re.findall(r"\b(cuda[A-Z]\w+)", text):
        assert name in known, name


@pytest.mark.parametrize("module", [pytest.param("tensorrt", marks=pytest.mark.tensorrt), "tensorrt_rtx"])
def test_the_list_is_that_of_the_installed_library(module: str) -> None:
    """TensorRT for RTX has the interface of TensorRT 11, and can be installed without a GPU."""
    if find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    library = import_module(module)
    for name, published in CLASSES.items():
        for member, overloads in published.items():
            found = getattr(getattr(library, name), member)
            assert isinstance(found, property) == (overloads == "property"), (name, member)
            said = found.__doc__ or ""
            if (
                overloads != "property"
            ):  # TensorRT for RTX lacks an overload here and there, which no code of ours calls
                names = [[each.rstrip("=") for each in one] for one in overloads]
                assert any(all(re.search(rf"\b{each}\b", said) for each in one) for one in names), (name, member)
    for enum, wanted in ENUMS.items():
        found = library
        for part in enum.split("."):
            found = getattr(found, part)
        assert {*wanted} <= {*found.__members__}, enum


def test_the_list_is_that_of_the_installed_bindings() -> None:
    """Without TensorRT's own libraries its bindings cannot be imported, but their names stand in the file."""
    spec = find_spec("tensorrt_bindings")
    if spec is None or spec.origin is None:
        pytest.skip("tensorrt-cu13-bindings is not installed")
    content = b"".join(file.read_bytes() for file in Path(spec.origin).parent.glob("tensorrt*.so"))
    names = {name for published in CLASSES.values() for name in published if not name.startswith("_")}
    names |= {*CLASSES} | {member for enum in ENUMS.values() for member in enum}
    # A string that ends another one is stored in it.
    assert not [name for name in names if name.encode() + b"\0" not in content]


def test_the_list_is_that_of_the_installed_cuda_bindings() -> None:
    if find_spec("cuda") is None or find_spec("cuda.bindings") is None:
        pytest.skip("cuda-python is not installed")
    library = import_module("cuda.bindings.runtime")
    for name, published in NAMES["cuda"]["functions"].items():
        said = (getattr(library, name).__doc__ or "").splitlines()[0]
        assert said.count(",") + 1 == len(published), name
    for enum, wanted in NAMES["cuda"]["members"].items():
        assert {*wanted} <= {*getattr(library, enum).__members__}
    assert all(hasattr(library, name) for name in NAMES["cuda"]["constants"])
