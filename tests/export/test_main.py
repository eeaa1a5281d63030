"""python -m export, the command: what it refuses before anything is made, each mistake in one line."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from export.__main__ import main
from runtime.bundle.store import open_bundle, seal
from runtime.errors import CheckpointError, CorpusError
from runtime.system.cpu import CpuFeature, cpu_features
from tests.conftest import Command
from tests.export.test_pipeline import arguments, contents
from tests.tiny import tiny_checkpoint


def test_certificates_that_are_void_on_this_cpu_are_not_up_to_date(
    tiny_bundle: Path, tiny_model: Path, tiny_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))
    other: CpuFeature = "no vnni" if "vnni" in cpu_features() else "vnni"
    manifest = open_bundle(moved).manifest
    elsewhere = tuple(replace(each, cpu_requirements=(other,)) for each in manifest.certificates)
    seal(moved, replace(manifest, certificates=elsewhere))
    assert main(arguments(tiny_model, moved, tiny_corpus)) == 0
    assert "up to date" not in capsys.readouterr().out
    assert all(not each.cpu_requirements for each in open_bundle(moved).manifest.certificates)


def broken(tiny_model: Path, tmp_path: Path, name: str, content: bytes) -> Path:
    """A copy of the checkpoint with one file replaced."""
    copy = Path(shutil.copytree(tiny_model, tmp_path / "broken"))
    (copy / name).write_bytes(content)
    return copy


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("config.json", b"{", "not readable JSON"),
        ("model.safetensors", b"\x00" * 64, "damaged or cut off"),
        ("tokenizer.json", b"{}", "not a tokenizer"),
    ],
)
def test_damaged_checkpoint(
    tiny_model: Path, tiny_corpus: Path, tmp_path: Path, command: Command, name: str, content: bytes, found: str
) -> None:
    said = command("export", *arguments(broken(tiny_model, tmp_path, name, content), tmp_path / "out", tiny_corpus))
    assert said.returncode == 2
    assert found in said.stderr
    assert "Traceback" not in said.stderr
    assert not (tmp_path / "out").exists()


def test_one_line_for_each_mistake(tiny_model: Path, tiny_corpus: Path, tmp_path: Path, command: Command) -> None:
    third_party = tmp_path / "third-party"
    third_party.mkdir()
    (third_party / "thesis.txt").write_text("years of work")
    (tmp_path / "bad.txt").write_text("one O\ntwo\n")
    output = tmp_path / "out"
    cases = [
        (arguments(tmp_path / "nowhere", output, tiny_corpus), "there is no such folder"),
        (arguments(tiny_corpus, output, tiny_corpus), "not a checkpoint, it has no config.json"),
        (arguments(tiny_model, third_party, tiny_corpus), "exists and is not a bundle"),
        (arguments(tiny_model, output, tmp_path / "nowhere"), "there is no such file"),
        (arguments(tiny_model, output, tmp_path / "bad.txt"), "bad.txt:2: 1 column"),
        (arguments(tiny_model, Path("/proc/nerve/out"), tiny_corpus), "/proc/nerve"),
        ([*arguments(tiny_model, output, tiny_corpus), "--sentences", "-1"], "-1"),
        ([*arguments(tiny_model, output, tiny_corpus), "--threads", "0"], "threads"),
        (["--bogus"], "python -m export --help"),
    ]
    for given, found in cases:
        said = command("export", *given)
        assert said.returncode == 2, given
        assert said.stderr.count("\n") == 1, said.stderr
        assert found in said.stderr
    assert contents(third_party) == {"thesis.txt": b"years of work"}
    assert not output.exists()


@pytest.mark.parametrize("option", ["--int8", "--try-int8"])
def test_training_text_must_exist(tiny_model: Path, tiny_corpus: Path, tmp_path: Path, option: str) -> None:
    if option == "--try-int8" and "vnni" not in cpu_features():
        pytest.skip("int8 is not tried there")
    alone = tmp_path / "corpus"
    alone.mkdir()
    shutil.copy(tiny_corpus / "valid.txt", alone)
    with pytest.raises(CorpusError, match=r"train\.txt: there is no such file, .* with --training"):
        main([*arguments(tiny_model, tmp_path / "bundle", alone), option])


def test_training_text_must_not_be_what_is_certified_on(tiny_model: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    same = str(tiny_corpus / "valid.txt")
    with pytest.raises(CorpusError, match=r"100\.0% of the words of .*valid\.txt, which is certified on, are in its"):
        main([*arguments(tiny_model, tmp_path / "bundle", tiny_corpus), "--int8", "--training", same])
    assert not (tmp_path / "bundle").exists()


def test_labels_of_padding_leave_the_scheme_alone_from_checkpoint_to_answer(
    tiny_corpus: Path, tmp_path: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    """kamalkraj/BERT-NER #1, #9 and #21: with X and [CLS] among the labels, every label was a type of its own."""
    labels = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "MISC", "X", "[CLS]", "[SEP]")
    model, output = tiny_checkpoint(tmp_path / "model", labels=labels), tmp_path / "bundle"
    assert main(arguments(model, output, tiny_corpus)) == 0
    said = capsys.readouterr().out
    assert "labels in BIO; types of their own: MISC" in said
    assert "labels in BIO; padding, never an entity: X, [CLS], [SEP]" in said
    assert open_bundle(output).manifest.label_scheme == "BIO"
    text = "Anna Lund met the council of Lisbon ."
    shown = command("runtime.tag", "--bundle", output, "--ignore", "PER", "--to", "conll", "--no-progress", text)
    assert shown.returncode == 0, shown.stderr
    found = {line.split()[1] for line in shown.stdout.splitlines() if line}
    assert found <= {"O", *(f"{letter}-{name}" for letter in "BI" for name in ("LOC", "MISC"))}


def test_labels_whose_meaning_cannot_be_told_are_asked_for(tiny_corpus: Path, tmp_path: Path) -> None:
    model = tiny_checkpoint(tmp_path / "model", labels=("O", "E-MAIL", "PHONE"))
    fix = "say which scheme they are in with --label-scheme: BIO, .*PLAIN"
    with pytest.raises(CheckpointError, match=f"a letter and a type, or a type alone: E-MAIL; {fix}"):
        main(arguments(model, tmp_path / "bundle", tiny_corpus))
    # The corpus has none of these types, and that is seen after the question is answered.
    with pytest.raises(CorpusError, match="too little to certify on"):
        main([*arguments(model, tmp_path / "bundle", tiny_corpus), "--label-scheme", "PLAIN"])
