"""A repository is what Triton's published schema says, holds the whole bundle, and replaces nothing but its like."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from export.sign import main as sign
from export.staging import exclusive
from export.triton.__main__ import main
from export.triton.configuration import preferred_sizes
from export.triton.repository import Serving, write_repository
from runtime.bundle.certificate import Wanted
from runtime.bundle.store import open_bundle, seal
from runtime.errors import BundleError, StorageError, UncertifiedError
from tests.export.test_sign import key_pair
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
        write_repository(bundle, tmp_path, ANY)
    assert (tmp_path / "precious").read_text(encoding="utf-8") == "data"


def test_models_of_others_are_not_replaced_with_ours(bundle: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    write_repository(bundle, models, ANY)
    (models / "resnet" / "1").mkdir(parents=True)
    with pytest.raises(StorageError, match=r"models that are not ours \(resnet\)"):
        write_repository(bundle, models, ANY)
    (tmp_path / "own" / "ner").mkdir(parents=True)
    (tmp_path / "own" / "ner" / "config.pbtxt").write_text('name: "ner"')
    with pytest.raises(StorageError, match="it exists and is no model repository"):
        write_repository(bundle, tmp_path / "own", ANY)
    assert (models / "resnet").is_dir()


@pytest.mark.parametrize("name", [".", "models", "link"])
def test_a_repository_in_its_bundle_would_hold_itself(name: str, bundle: Path, tmp_path: Path) -> None:
    held = Path(shutil.copytree(bundle, tmp_path / "bundle"))
    (tmp_path / "link").symlink_to(held)
    before = sorted(held.iterdir())
    with pytest.raises(StorageError, match="it lies in the bundle"):
        write_repository(held, tmp_path / name / "x" if name == "link" else held / name, ANY)
    assert sorted(held.iterdir()) == before


def test_what_is_no_file_of_the_bundle_is_not_copied_and_what_is_damaged_is_not_served(
    bundle: Path, tmp_path: Path
) -> None:
    held = Path(shutil.copytree(bundle, tmp_path / "bundle"))
    os.mkfifo(held / "pipe")
    (held / "secret").write_text("x")
    write_repository(held, tmp_path / "models", ANY)
    copied = {path.name for path in (tmp_path / "models" / "ner" / "1" / "bundle").iterdir()}
    assert copied == {"manifest.json", "tokenizer.json", "config.json", "padded-fp32.onnx"}
    (held / "config.json").write_text("{ }")
    with pytest.raises(BundleError, match=r"config\.json: 3 bytes where the manifest says 2"):
        write_repository(held, tmp_path / "models", ANY)
    with exclusive(held), pytest.raises(StorageError, match="another process"):
        main([str(held), "--output", str(tmp_path / "models")])


def test_nothing_uncertified_is_served_unasked(bundle: Path, tmp_path: Path) -> None:
    bare = Path(shutil.copytree(bundle, tmp_path / "bundle"))
    seal(bare, replace(open_bundle(bare).manifest, certificates=()))
    with pytest.raises(UncertifiedError):
        write_repository(bare, tmp_path / "models", ANY)
    assert not (tmp_path / "models").exists()
    said = write_repository(bare, tmp_path / "models", Serving(wanted=Wanted(), allow_uncertified=True))
    assert said[1].startswith("encoder_onnx: left out")


def test_an_encoder_whose_candidate_failed_on_another_text_is_left_out(bundle: Path, tmp_path: Path) -> None:
    held = Path(shutil.copytree(bundle, tmp_path / "bundle"))
    manifest = open_bundle(held).manifest
    [passed] = manifest.certificates
    seal(held, replace(manifest, failed=(replace(passed, corpus="other.txt", corpus_sha256="1", passed=False),)))
    said = write_repository(held, tmp_path / "models", Serving(wanted=Wanted(), allow_uncertified=True))
    assert said[1].startswith("encoder_onnx: left out")
    assert not (tmp_path / "models" / "encoder_onnx").exists()


_TRITON = """
class Logger:
    log_info = print

class Family:
    COUNTER = 0
    def __init__(self, **_): pass
    def Metric(self, labels): return self

MetricFamily = Family
"""
_LIFE = """
import json, sys
import model
given = json.loads(sys.argv[1])
served = model.TritonPythonModel()
served.initialize({"model_name": "ner", "model_version": "1", "model_config": json.dumps({"parameters": given})})
print([one.text for one in served._tagger("simple").tag(["in Paris"])[0]])
served.finalize()
print("ended")
"""


def _begun(version: Path, folder: Path, **asked: str) -> subprocess.CompletedProcess[str]:
    """The model's whole life, with a stand-in for what Triton brings; test_model has the real one."""
    (folder / "triton").mkdir(exist_ok=True)
    (folder / "triton" / "triton_python_backend_utils.py").write_text(_TRITON)
    plain = {"backend": "auto", "precision": "auto", "device": "auto", "file": "", "threads": "1", "profile": ""}
    given = {name: {"string_value": value} for name, value in {**plain, "allow_uncertified": "no", **asked}.items()}
    line, path = [sys.executable, "-c", _LIFE, json.dumps(given)], {**os.environ, "PYTHONPATH": str(folder / "triton")}
    return subprocess.run(line, cwd=version, env=path, capture_output=True, text=True, check=False)


def test_a_signature_is_asked_for_when_the_model_is_loaded_too(bundle: Path, tmp_path: Path) -> None:
    held, (key, public) = Path(shutil.copytree(bundle, tmp_path / "bundle")), key_pair(tmp_path, "key")
    command = [str(held), "--output", str(tmp_path / "models"), "--require-signature", str(public)]
    with pytest.raises(BundleError, match="not signed"):
        main(command)
    assert sign([str(held), "--key", str(key)]) == 0
    assert main(command) == 0
    version = tmp_path / "models" / "ner" / "1"
    told = (version.parent / "config.pbtxt").read_text()
    assert 'key: "public_key" value { string_value: "public_key.pem" }' in told
    assert _begun(version, tmp_path, public_key="public_key.pem").returncode == 0
    (version / "bundle" / "manifest.sig").write_bytes(bytes(64))
    assert "not signed by the holder" in _begun(version, tmp_path, public_key="public_key.pem").stderr


def test_a_model_that_read_in_two_ways_ends_well(bundle: Path, tmp_path: Path) -> None:
    write_repository(bundle, tmp_path / "models", ANY)
    done = _begun(tmp_path / "models" / "ner" / "1", tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-2:]) == (0, ["['Paris']", "ended"]), done.stderr


@pytest.mark.parametrize(
    ("tokens_per_second", "sizes"), [(0, ()), (1_000, ()), (9_000, (4, 16)), (38_000, (16, 64)), (9e6, ())]
)
def test_preferred_sizes_are_what_is_read_in_10_ms(tokens_per_second: float, sizes: tuple[int, ...]) -> None:
    assert preferred_sizes(tokens_per_second) == sizes
