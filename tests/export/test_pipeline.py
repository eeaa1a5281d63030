"""python -m export: whole or nothing, the same twice, and plain about what it cannot do."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from export.__main__ import main
from export.report.write import FACTS, PAGE
from runtime.bundle.profile import RunProfile
from runtime.bundle.store import MANIFEST, open_bundle, seal
from runtime.selection import choose
from tests.conftest import ROOT
from tests.tiny import tiny_checkpoint


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def arguments(model: Path, output: Path, corpus: Path) -> list[str]:
    """What to give `python -m export`."""
    return ["--model", str(model), "--output", str(output), "--corpus", str(corpus), "--threads", "1"]


def test_bundle_holds_what_design_and_manifest_say(tiny_bundle: Path) -> None:
    manifest = open_bundle(tiny_bundle).manifest
    assert set(contents(tiny_bundle)) == {*manifest.files, MANIFEST, PAGE, FACTS}
    assert {"config.json", "tokenizer.json", "padded-fp32.onnx"} <= set(manifest.files)
    assert {"torch", "transformers", "optimum", "onnx", "onnxruntime", "nerve", "python"} <= set(manifest.versions)
    assert all(certificate.passed for certificate in manifest.certificates)


def test_graph_has_dynamic_rows_and_length(tiny_bundle: Path) -> None:
    graph = onnx.load(tiny_bundle / "padded-fp32.onnx").graph
    for node in graph.input:
        assert [bool(dim.dim_param) for dim in node.type.tensor_type.shape.dim] == [True, True]


def test_same_checkpoint_gives_the_same_bytes(
    tiny_bundle: Path, tiny_model: Path, tiny_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = tmp_path / "again"
    assert main(arguments(tiny_model, again, tiny_corpus)) == 0
    intact = contents(again)
    assert {name: intact[name] for name in intact if name.endswith(".onnx")} == {
        name: content for name, content in contents(tiny_bundle).items() if name.endswith(".onnx")
    }
    capsys.readouterr()
    assert main(arguments(tiny_model, again, tiny_corpus)) == 0
    assert "up to date" in capsys.readouterr().out
    assert contents(again) == intact


def test_other_checkpoint_replaces_the_bundle(
    tiny_bundle: Path, tiny_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))
    before = open_bundle(bundle)
    profile = RunProfile("mine", choose(before), "latency", 1, 1, 256)
    seal(bundle, replace(before.manifest, profiles=(profile,)))
    other = tiny_checkpoint(tmp_path / "other", seed=1)
    assert main(arguments(other, bundle, tiny_corpus)) == 0
    assert open_bundle(bundle).manifest.checkpoint.name == str(other)
    assert "profile mine is dropped" in capsys.readouterr().out
    assert not open_bundle(bundle).manifest.profiles
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "other"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_killed_export_leaves_the_old_bundle_whole(
    seed: int, tiny_bundle: Path, tiny_corpus: Path, tmp_path: Path
) -> None:
    bundle = Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))
    before = contents(bundle)
    other = tiny_checkpoint(tmp_path / "other", seed=1)
    line = [sys.executable, "-m", "export", *arguments(other, bundle, tiny_corpus)]
    for step in range(5):
        process = subprocess.Popen(line, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(3 + seed * 0.7 + step * 0.4)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if contents(bundle) != before:
            assert open_bundle(bundle).manifest.checkpoint.name == str(other)
            break
    # What the killed ones left beside the bundle is gone after the next that ends.
    assert main(["--force", *arguments(other, bundle, tiny_corpus)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "other"]


def test_full_disk_is_one_line_and_leaves_the_old_bundle(tiny_bundle: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))
    before = contents(bundle)
    other = tiny_checkpoint(tmp_path / "other", seed=1)

    def small_files_only() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    said = subprocess.run(
        [sys.executable, "-m", "export", *arguments(other, bundle, tiny_corpus)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=small_files_only,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
    )
    assert (said.returncode, said.stderr.count("\n")) == (2, 1), said.stderr
    assert "no space left" in said.stderr
    assert contents(bundle) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "other"]
