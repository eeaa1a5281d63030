"""Backend openvino: it checks what the library does not, and holds it to the precision that it was told."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from runtime.backends.openvino import KEPT, OpenVino, cache_folder, digest_of, executed_precisions
from runtime.bundle import Bundle, Precision, Stamp, open_bundle
from runtime.choose import has_bf16
from runtime.errors import BackendError, BugError
from runtime.pack import Batch

openvino = pytest.importorskip("openvino")


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return open_bundle(tiny_bundle)


def opened(path: Path, *, precision: Precision = "fp32", vocabulary: int = 100, cache: str = "") -> OpenVino:
    """The backend on a file."""
    return OpenVino(
        path,
        precision=precision,
        layout="packed",
        streams=1,
        threads=1,
        vocabulary=vocabulary,
        positions=64,
        cache=cache,
    )


def batch(ids: list[int], first: int = 0) -> Batch:
    """One row with one window."""
    return Batch(np.array([ids]), np.zeros((1, len(ids)), np.int64), np.arange(first, first + len(ids))[None])


def test_ids_are_checked_before_they_reach_it(bundle: Bundle) -> None:
    backend = opened(bundle.file("packed-fp32.onnx"))
    backend.logits(batch([0, 99]))
    for wrong in (batch([0, 100]), batch([-1]), batch([1, 2], first=63)):
        with pytest.raises(BugError):
            backend.logits(wrong)
    assert np.isfinite(backend.logits(batch([5]))).all()
    backend.close()


def test_fp32_is_computed_in_fp32(bundle: Bundle) -> None:
    compiled = openvino.Core().compile_model(str(bundle.file("packed-fp32.onnx")), "CPU")
    told = openvino.Core().compile_model(
        str(bundle.file("packed-fp32.onnx")), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    assert executed_precisions(told) == {"f32"}
    if has_bf16():
        # The reason why it has to be told.
        assert executed_precisions(compiled) == {"bf16"}


def test_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    (tmp_path / "packed.onnx").write_bytes(b"not a graph")
    with pytest.raises(BackendError, match="OpenVINO cannot load it") as caught:
        opened(tmp_path / "packed.onnx")
    assert ".cpp" not in str(caught.value)


def test_what_was_compiled_is_kept(bundle: Bundle, tmp_path: Path) -> None:
    path = bundle.file("packed-fp32.onnx")
    given = batch([5, 6, 7])
    first = opened(path, cache=str(tmp_path))
    expected = first.logits(given)
    first.close()
    assert list(tmp_path.iterdir())
    second = opened(path, cache=str(tmp_path))
    assert np.array_equal(second.logits(given), expected)
    second.close()


def test_cache_lies_where_it_is_told(tmp_path: Path) -> None:
    digest = "0123456789abcdef0123"
    told = {"NERVE_CACHE": str(tmp_path / "here"), "XDG_CACHE_HOME": str(tmp_path / "there")}
    assert cache_folder(digest, told) == str(tmp_path / "here" / "openvino" / "0123456789abcdef")
    del told["NERVE_CACHE"]
    assert cache_folder(digest, told) == str(tmp_path / "there" / "nerve" / "openvino" / "0123456789abcdef")
    (tmp_path / "file").write_text("")
    assert cache_folder(digest, {"NERVE_CACHE": str(tmp_path / "file")}) == ""


def test_what_was_compiled_from_the_last_bundles_is_kept_and_no_more(tmp_path: Path) -> None:
    told = {"NERVE_CACHE": str(tmp_path)}
    folders = [Path(cache_folder(f"{number:016}", told)) for number in range(KEPT)]
    for age, folder in enumerate(folders):
        os.utime(folder, (age, age))
    (folders[0] / "blob").write_bytes(b"compiled")
    again = Path(cache_folder(f"{0:016}", told))  # used once more, so that another one is now the oldest
    new = Path(cache_folder("f" * 16, told))
    assert again == folders[0]
    assert (again / "blob").exists()
    assert {*new.parent.iterdir()} == {*folders, new} - {folders[1]}


def test_another_bundle_has_a_folder_of_its_own(bundle: Bundle) -> None:
    # Weights lie beside the graph, which can be the same byte by byte where they are not.
    other = {**bundle.manifest.files, "weights.data": Stamp("0" * 64, 1)}
    assert digest_of(bundle.manifest) != digest_of(replace(bundle.manifest, files=other))
