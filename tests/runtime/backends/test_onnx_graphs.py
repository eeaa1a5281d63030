"""Which graphs of a bundle are a backend's candidates, by layout, precision and the backend they are made for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runtime.backends.onnx_graphs import GraphCandidates
from runtime.bundle.certificate import Candidate
from runtime.bundle.manifest import Graph
from runtime.bundle.store import Bundle, Device, Layout, Precision, open_bundle

_RUNS: dict[Precision, tuple[Precision, ...]] = {"fp32": ("bf16", "fp32"), "int8": ("int8",)}


def _graph(file: str, precision: Precision, layout: Layout, made_for: str = "") -> Graph:
    return Graph(file, precision, layout, 17, ("input_ids",), made_for=made_for)


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return open_bundle(tiny_bundle)


def _files(bundle: Bundle, graphs: list[Graph], *layouts: Layout, device: Device = "cpu", name: str = "x") -> list[str]:
    held = replace(bundle, manifest=replace(bundle.manifest, graphs=tuple(graphs)))
    found = GraphCandidates(backend=name, device=device, runs=_RUNS, layouts=layouts).of(held)
    assert {(one.backend, one.device) for one in found} <= {(name, device)}
    return [f"{one.file} in {one.precision}" for one in found]


def test_a_graph_is_a_candidate_in_each_precision_that_it_can_be_computed_in(bundle: Bundle) -> None:
    graphs = [_graph("a", "fp32", "packed"), _graph("b", "fp16", "packed"), _graph("c", "int8", "packed")]
    assert _files(bundle, graphs, "packed") == ["a in bf16", "a in fp32", "c in int8"]


def test_other_layouts_count_only_where_there_is_none_of_these(bundle: Bundle) -> None:
    padded, packed = _graph("padded", "int8", "padded"), _graph("packed", "int8", "packed")
    assert _files(bundle, [padded, packed], "packed") == ["packed in int8"]
    assert _files(bundle, [padded, packed], "padded", "packed") == ["padded in int8", "packed in int8"]
    assert _files(bundle, [padded], "packed") == ["padded in int8"]


def test_a_graph_made_for_one_backend_is_its_candidate_on_a_gpu_alone(bundle: Bundle) -> None:
    graphs = [_graph("any", "int8", "packed"), _graph("own", "int8", "packed", made_for="x")]
    assert _files(bundle, graphs, "packed", device="cuda") == ["any in int8", "own in int8"]
    assert _files(bundle, graphs, "packed", device="cuda", name="y") == ["any in int8"]
    assert _files(bundle, graphs, "packed") == ["any in int8"]


def test_a_candidate_names_all_four_things(bundle: Bundle) -> None:
    candidates = GraphCandidates(backend="x", device="cuda", runs=_RUNS, layouts=("packed",)).of(bundle)
    assert candidates == [Candidate("packed-fp32.onnx", "x", precision, "cuda") for precision in ("bf16", "fp32")]
