"""Bare backends: they decode what the logits say, whatever the batches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.systems.backend_calls import Rows
from bench.systems.bare_backends import Bare
from bench.systems.base import Setting
from tests.bench import fakes

CAPITAL = np.array([3, 4, 5, 6])  # their ids in the fakes' tokenizer


def _infer(batches: list[Rows]) -> Callable[[Rows], NDArray[np.float32]]:
    """B-LOC for every capital."""

    def infer(rows: Rows) -> NDArray[np.float32]:
        batches.append(rows)
        logits: NDArray[np.float32] = np.eye(5, dtype=np.float32)[np.isin(rows.input_ids, CAPITAL).astype(int)]
        return logits

    return infer


@pytest.mark.parametrize("streams", [1, 3])
@pytest.mark.parametrize("rows", [1, 3, 64])
def test_a_bare_backend_finds_what_its_logits_say(tmp_path: Path, rows: int, streams: int) -> None:
    fakes.tokenizer_file(tmp_path)
    batches: list[Rows] = []
    bare = Bare(tmp_path, fakes.LABELS, _infer(batches), Setting(rows, streams, 1), max_length=16)
    texts = [*fakes.workload(10).raw, "", "Oslo", "  to  Quito  "]
    expected = fakes.Fake().tag(texts)
    assert bare.spans(bare.tag(texts)) == expected
    assert max(len(one.input_ids) for one in batches) == min(rows, 12)
    bare.close()


def test_a_long_text_is_cut_into_rows_that_follow_each_other(tmp_path: Path) -> None:
    fakes.tokenizer_file(tmp_path)
    batches: list[Rows] = []
    bare = Bare(tmp_path, fakes.LABELS, _infer(batches), Setting(8, 1, 1), max_length=6)
    text = " ".join(["to", "Oslo", "Train"] * 7)
    found = bare.tag([text])[0]
    assert len(found) == 7
    assert {text[start:end] for _, start, end in found} == {"Oslo"}
    assert max(one.input_ids.shape[1] for one in batches) == 6
    split = bare.split([text])
    assert split.filled == 21 + 2 * 6  # six rows: five full ones and one of a single word
    bare.close()
