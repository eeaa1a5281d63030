"""A repository is what Triton's published schema says, holds the whole bundle, and replaces nothing but its like."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from export.triton.__main__ import main
from export.triton.configuration import preferred_sizes
from export.triton.repository import Serving, write_repository
from runtime.bundle.certificate import Wanted
from runtime.bundle.store import open_bundle
from runtime.errors import StorageError, UncertifiedError
from tests.lookup import lookup_bundle

WORDS = {"Angela": "B-PER", "Merkel": "I-PER", "Paris": "B-LOC"}
ANY = Serving(wanted=Wanted())


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lookup_bundle(tmp_path_factory.mktemp("lookup") / "bundle", WORDS)


def test_command_writes_the_models_and_says_which(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(bundle), "--output", str(tmp_path / "models")]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "ner: padded-fp32.onnx on onnxruntime in fp32, cpu"
    assert said[1].startswith("encoder_onnx: padded-fp32.onnx on onnxruntime")
    assert said[2].startswith("encoder_trt: left out")
    version = tmp_path / "models" / "ner" / "1"
    assert (version / "model.py").is_file()
    assert open_bundle(version / "bundle").manifest == open_bundle(bundle).manifest
    assert not (version / "runtime" / "serve").exists()
    probe = open_bundle(bundle).manifest.certificates[0].probe
    warmup = (tmp_path / "models" / "ner" / "warmup" / "sentence").read_bytes()
    assert (warmup[4:].decode(), int.from_bytes(warmup[:4], "little")) == (" ".join(probe.texts[0]), len(warmup) - 4)
    # Once more, in its place.
    assert main([str(bundle), "--output", str(tmp_path / "models")]) == 0


def test_what_is_no_repository_is_not_replaced(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("data", encoding="utf-8")
    with pytest.raises(StorageError, match="it exists and is no model repository"):
        write_repository(open_bundle(bundle), tmp_path, ANY)
    assert (tmp_path / "precious").read_text(encoding="utf-8") == "data"


def test_nothing_uncertified_is_served_unasked(bundle: Path, tmp_path: Path) -> None:
    whole = open_bundle(bundle)
    opened = replace(whole, manifest=replace(whole.manifest, certificates=()))
    with pytest.raises(UncertifiedError):
        write_repository(opened, tmp_path / "models", ANY)
    assert not (tmp_path / "models").exists()
    said = write_repository(opened, tmp_path / "models", Serving(wanted=Wanted(), allow_uncertified=True))
    assert said[1].startswith("encoder_onnx: left out")


@pytest.mark.parametrize(
    ("tokens_per_second", "sizes"), [(0, ()), (1_000, ()), (9_000, (4, 16)), (38_000, (16, 64)), (9e6, ())]
)
def test_preferred_sizes_are_what_is_read_in_10_ms(tokens_per_second: float, sizes: tuple[int, ...]) -> None:
    assert preferred_sizes(tokens_per_second) == sizes
