"""With aligned windows, scores are the same to the last bit whatever chunks, threads and other texts are."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from runtime.aligned import align_of, aligned, single_rows
from runtime.backends.fake import Fake
from runtime.batch.batches import SpecialTokens
from runtime.batch.ragged import starts_from_counts
from runtime.batch.windows import windows_of
from runtime.bundle.certificate import Candidate, Precision, Wanted
from runtime.errors import UsageError
from runtime.logits import token_logits
from runtime.tag.__main__ import main
from runtime.tagger import Tagger
from tests.tiny import TEXT

_TEXTS = [" ".join((TEXT * 3)[n : n + 1 + n % 3]) for n in range(12)] + ["Oslo", " ".join(TEXT * 4).replace(" .", "")]


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_scores_do_not_depend_on_company(backend: str, tiny_bundle: Path) -> None:
    wanted, found = Wanted(backend=backend, precision="fp32"), []
    for threads, chunk in ((2, 512), (1, 512), (1, 1), (2, 3)):
        with Tagger.open(
            tiny_bundle, candidate=wanted, threads=threads, allow_uncertified=True, reproducible=True
        ) as tagger:
            found.append(list(tagger.stream(_TEXTS, chunk=chunk)))
    assert found[0] == found[1] == found[2] == found[3]
    assert any(found[0])


def test_a_command_line_writes_the_same_bytes(tiny_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "i").write_text("\n".join(_TEXTS))
    common = ["--bundle", str(tiny_bundle), "--reproducible", "--backend", "onnxruntime"]
    written = []
    for number, arguments in enumerate((["-i", str(tmp_path / "i"), "--chunk", "5"], ["--threads", "1", *_TEXTS])):
        main([*common, *arguments, "-o", str(tmp_path / f"{number}")])
        written.append((tmp_path / f"{number}").read_bytes())
    assert written[0] == written[1]


def test_what_cannot_be_aligned_is_refused() -> None:
    padded = Fake(3, lambda ids: ids)
    candidate = Candidate("x.onnx", "onnxruntime", "fp32", "cpu")
    assert aligned(padded, candidate, longest=64).packing.align == 8
    with pytest.raises(UsageError, match="no windows that can be aligned; choose a packed graph, on cpu"):
        aligned(padded, candidate, longest=62)
    assert padded.closed


def test_rows_are_never_longer_than_the_model() -> None:
    """A model of 24 tokens got padded rows of 32: rows are multiples of 16, where windows begin at multiples of 8."""
    candidate = Candidate("x.onnx", "onnxruntime", "fp32", "cpu")
    with pytest.raises(UsageError, match="no windows that can be aligned"):
        aligned(Fake(3, lambda ids: ids), candidate, longest=24)
    assert aligned(Fake(3, lambda ids: ids, layout="packed"), candidate, longest=24).packing.align == 8


@pytest.mark.parametrize("layout", ["packed", "padded"])
def test_single_rows_have_the_length_that_is_asked_for(layout: Literal["packed", "padded"]) -> None:
    backend = Fake(3, lambda ids: ids % 3, layout=layout)
    sizes = starts_from_counts([5, 6, 7, 40])
    windows, special_tokens = windows_of(sizes, capacity=62, stride=0), SpecialTokens((1,), (2,))
    token_logits(single_rows(backend, 24, longest=64), np.arange(58), windows, special_tokens, labels=3)
    assert {shape for shape in backend.shapes if shape != (1, 24)} == {(1, 48) if layout == "packed" else (1, 64)}
    assert (1, 24) in backend.shapes


def test_steps_of_each_library_and_precision() -> None:
    precisions: tuple[Precision, ...] = ("fp32", "int8")
    steps = {
        (backend, precision): align_of(Candidate("x.onnx", backend, precision, "cpu"))
        for backend in ("onnxruntime", "openvino")
        for precision in precisions
    }
    assert steps == {
        ("onnxruntime", "fp32"): 8,
        ("onnxruntime", "int8"): 8,
        ("openvino", "fp32"): 16,
        ("openvino", "int8"): 4,
    }
