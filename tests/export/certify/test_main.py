"""python -m export.certify, the command: which checkpoint it takes, and what it leaves as it was."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from export.__main__ import main as export
from export.certify.__main__ import main
from export.report.write import FACTS
from runtime.bundle.profile import RunProfile
from runtime.bundle.store import MANIFEST, TOKENIZER, digest_of, open_bundle, read_bundle, seal
from runtime.errors import UncertifiedError
from runtime.selection import choose
from runtime.tagger import Tagger
from tests.conftest import Command
from tests.tiny import tiny_checkpoint


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> Path:
    """A copy of the tiny bundle that a test may change."""
    return Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))


def test_a_checkpoint_that_was_moved_is_given_and_recognized_by_its_digest(
    bundle: Path, tiny_model: Path, tiny_corpus: Path, tmp_path: Path
) -> None:
    before = open_bundle(bundle).manifest.checkpoint
    moved = shutil.copytree(tiny_model, tmp_path / "elsewhere")
    assert main([str(bundle), "--model", str(moved), "--corpus", str(tiny_corpus), "--threads", "1"]) == 0
    # The manifest goes on saying what the bundle was made of.
    assert open_bundle(bundle).manifest.checkpoint == before


def test_a_failed_gate_is_status_1_and_names_the_candidate(
    bundle: Path, tiny_model: Path, tiny_corpus: Path, command: Command
) -> None:
    graph = bundle / "padded-fp32.onnx"
    model = onnx.load(graph)
    classifier = next(tensor for tensor in model.graph.initializer if tuple(tensor.dims) == (32, 7))
    exchanged = np.ascontiguousarray(numpy_helper.to_array(classifier)[:, ::-1])
    classifier.CopyFrom(numpy_helper.from_array(exchanged, classifier.name))
    onnx.save(model, graph)
    said = refused(bundle, graph, tiny_model, tiny_corpus, command)
    assert said.startswith("FAILED: padded-fp32.onnx on onnxruntime in fp32, cpu: it does not say what")
    assert "\nnot served any more: padded-fp32.onnx on onnxruntime in fp32, cpu" in said
    facts = json.loads((bundle / FACTS).read_text())
    assert facts["manifest_sha256"] == digest_of(bundle / MANIFEST).sha256
    reasons = {row["candidate"]["file"]: row["reason"] for row in facts["candidates"] if not row["kept"]}
    assert reasons["padded-fp32.onnx"] == "failed on another text"


def test_certifying_again_keeps_profiles_with_their_accuracy_on_the_new_text(
    bundle: Path, tiny_model: Path, tiny_corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = open_bundle(bundle).manifest
    one = held.certificates[0].candidate
    kept = RunProfile("kept", one, "latency", 1, 1, 256, measured={"p50_ms": 3.0, "f1": 0.123})
    lost = replace(kept, name="lost", wanted={"f1": 0.9999})
    seal(bundle, replace(held, profiles=(kept, lost)))
    assert main([str(bundle), "--model", str(tiny_model), "--corpus", str(tiny_corpus), "--threads", "1"]) == 0
    [left] = open_bundle(bundle).manifest.profiles
    f1 = open_bundle(bundle).certificate(one).measured["candidate_f1"]
    assert (left.name, left.measured["p50_ms"], left.measured["f1"]) == ("kept", 3.0, f1)
    assert "profile lost is dropped: its F1 is not 0.9999" in " ".join(capsys.readouterr().out.split())


def test_other_tokens_are_found_before_any_answer(
    bundle: Path, tiny_model: Path, tiny_corpus: Path, command: Command
) -> None:
    tokenizer = json.loads((bundle / TOKENIZER).read_text())
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary["Oslo"], vocabulary["river"] = vocabulary["river"], vocabulary["Oslo"]
    (bundle / TOKENIZER).write_text(json.dumps(tokenizer))
    said = refused(bundle, bundle / TOKENIZER, tiny_model, tiny_corpus, command)
    assert "tokenizer.json: other tokens than in transformers for" in said
    assert said.endswith(f"{bundle} is as it was\n")


def refused(bundle: Path, changed: Path, model: Path, corpus: Path, command: Command) -> str:
    """What certifying says of a bundle one of whose files was changed and sealed: status 1, no new certificate."""
    manifest = read_bundle(bundle).manifest
    seal(bundle, replace(manifest, files={**manifest.files, changed.name: digest_of(changed)}))
    before = read_bundle(bundle).manifest
    said = command("export.certify", bundle, "--model", model, "--corpus", corpus, "--threads", "1")
    assert (said.returncode, "Traceback" in said.stderr) == (1, False)
    assert read_bundle(bundle).manifest.certificates == before.certificates
    return said.stderr


def test_another_checkpoint_is_an_error_and_no_verdict(
    bundle: Path, tiny_corpus: Path, tmp_path: Path, command: Command
) -> None:
    other = tiny_checkpoint(tmp_path / "other", seed=1)
    said = command("export.certify", bundle, "--model", other, "--corpus", tiny_corpus)
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.count("\n") == 1
    assert "not the checkpoint that" in said.stderr


def test_what_fails_on_another_text_is_not_served_until_it_passes_there(
    bundle: Path, tiny_model: Path, tiny_corpus: Path, tmp_path: Path
) -> None:
    """The failure is written by hand as certifying writes it, since a tiny fp32 graph fails on no honest text."""
    intact = open_bundle(bundle).manifest
    passed = intact.certificates[0]
    figures = {**passed.measured, "changed_per_10k": 14.4}
    failed = replace(passed, corpus="elsewhere.txt", corpus_sha256="1", measured=figures, passed=False)
    seal(bundle, replace(intact, failed=(failed,)))
    refused = r"failed on elsewhere\.txt \(changed labels in 10,000 14\.4, limit 0\)"
    with pytest.raises(UncertifiedError, match=refused):
        Tagger.open(bundle, candidate=passed.candidate, threads=1)
    Tagger.open(bundle, candidate=passed.candidate, threads=1, allow_uncertified=True).close()
    with Tagger.open(bundle, threads=1) as tagger:
        assert tagger.backend is not None
        chosen = choose(open_bundle(bundle))
    assert chosen != passed.candidate
    # Passing on the corpus once more takes nothing back, passing on that text does.
    line = [str(bundle), "--model", str(tiny_model), "--threads", "1", "--corpus"]
    assert main([*line, str(tiny_corpus)]) == 0
    assert failed in open_bundle(bundle).manifest.failed
    on_corpus = replace(failed, corpus_sha256=passed.corpus_sha256)
    seal(bundle, replace(open_bundle(bundle).manifest, failed=(on_corpus,)))
    assert main([*line, str(tiny_corpus)]) == 0
    assert passed.candidate not in {one.candidate for one in open_bundle(bundle).manifest.failed}


def test_exporting_the_same_graph_again_keeps_what_it_failed_on(
    bundle: Path, tiny_model: Path, tiny_corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    intact = open_bundle(bundle).manifest
    failed = replace(intact.certificates[0], corpus_sha256="1", passed=False)
    seal(bundle, replace(intact, failed=(failed,)))
    line = ["--model", str(tiny_model), "--corpus", str(tiny_corpus), "--output", str(bundle), "--threads", "1"]
    assert export(line) == 0
    said = capsys.readouterr().out
    assert "up to date" in said
    # In one line: its figures are in the report.
    assert f"not served: {failed.candidate}: it failed on {failed.corpus}, see report.html\n" in said.replace(
        "\n  ", " "
    )
    assert export([*line, "--force"]) == 0
    assert failed in open_bundle(bundle).manifest.failed
