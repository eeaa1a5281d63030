"""Attestation of graphs: it tells what is there, and fails on every kind of lie."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from export.certify.attest.graph import attest_graph, macs_of
from export.certify.attest.onnx_file import LENGTH, ROWS
from runtime.bundle.store import Graph
from runtime.errors import BundleError
from tests.export.certify.attest.precisions import FP16, FP32, INT8

# A tiny model: 2 layers, hidden 32, feed-forward 64, 7 labels.
_WEIGHTS = 2 * (4 * 32 * 32 + 2 * 32 * 64) + 32 * 7
_ATTENTION = 2 * 2 * LENGTH * 32


def test_work_is_counted_product_by_product(graphs: Path) -> None:
    found = attest_graph(graphs / FP32.file, FP32)
    assert found.macs == ROWS * LENGTH * (_WEIGHTS + _ATTENTION)
    assert found.attention_macs == ROWS * LENGTH * _ATTENTION
    assert found.shares == {"fp32": 1.0}
    assert (found.attention, found.operators["MatMul"]) == (2, 2 * (6 + 2) + 1)


@pytest.mark.parametrize(("graph", "share"), [(INT8, _WEIGHTS - 32 * 7), (FP16, _WEIGHTS + _ATTENTION - 32 * 7)])
def test_lower_precisions_are_told_from_the_rest(graphs: Path, graph: Graph, share: int) -> None:
    found = attest_graph(graphs / graph.file, graph)
    assert found.shares[graph.precision] == pytest.approx(share / (_WEIGHTS + _ATTENTION), abs=1e-4)
    assert sum(found.shares.values()) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (FP32.file, "int8"),  # nothing was quantized at all
        ("little.onnx", "int8"),  # a fifth of it was
        (FP32.file, "fp16"),
        (INT8.file, "fp32"),
        (FP16.file, "fp32"),
    ],
)
def test_graph_that_is_not_what_it_is_called_is_refused(graphs: Path, file: str, said: Any) -> None:
    with pytest.raises(BundleError, match=r"not what its name says: MACs are \d"):
        attest_graph(graphs / file, replace(FP32, file=file, precision=said))


def test_macs_by_node_add_up_to_the_whole(graphs: Path) -> None:
    by_node = macs_of(graphs / FP32.file)
    assert len(by_node) == 2 * (6 + 2) + 1
    assert sum(by_node.values()) == attest_graph(graphs / FP32.file, FP32).macs
    assert by_node["/classifier/MatMul"] == ROWS * LENGTH * 32 * 7
