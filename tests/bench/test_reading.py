"""Documents are read in every way and every style, and the table says what came of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.reading import Cell, main, markdown
from runtime.errors import UsageError
from runtime.text.conll import Sentence, write_conll
from tests.lookup import lookup_bundle

SENTENCE = Sentence(("Anna", "saw", "Paris", "."), ("B-PER", "O", "B-LOC", "O"))


def test_a_model_that_looks_words_up_is_right_in_every_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = lookup_bundle(tmp_path / "bundle", {"Anna": "B-PER", "Paris": "B-LOC"})
    write_conll([SENTENCE] * 100, tmp_path / "valid.txt")
    output = tmp_path / "reading.json"
    arguments = [str(bundle), "--corpus", str(tmp_path), "--rounds", "2", "--every", "2", "--output", str(output)]
    assert main(["--allow-uncertified", *arguments]) == 0
    result = json.loads(output.read_text(encoding="utf-8"))
    assert list(result["table"]) == ["spaced", "lines", "running", "wrapped", "one text"]
    for column in result["table"].values():
        assert {"sentences given", "sentences", "context of 32", "windows", "lines"} <= column.keys()
        assert all(cell["f1"] == 1 and cell["tokens_per_second"] > 0 for cell in column.values())
    out = capsys.readouterr().out
    assert "| sentences given | 1.0000 (" in out
    assert json.loads(out.splitlines()[-1])["documents"] == result["documents"] > 0


def test_chosen_ways_and_styles_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = lookup_bundle(tmp_path / "bundle", {"Anna": "B-PER", "Paris": "B-LOC"})
    write_conll([SENTENCE] * 20, tmp_path / "valid.txt")
    arguments = [str(bundle), "--corpus", str(tmp_path), "--rounds", "1", "--allow-uncertified"]
    assert main([*arguments, "--style", "running", "--way", "sentences", "--way", "windows"]) == 0
    shown = [line.partition(" (")[0] for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert shown == ["| reading | running |", "| sentences | 1.0000", "| windows | 1.0000"]
    with pytest.raises(UsageError, match="there is no 'sentense'; choose from sentences given, sentences, "):
        main([*arguments, "--way", "sentense"])


def test_a_way_that_fails_says_why() -> None:
    table = {"spaced": {"given": Cell(0.5, 1500.0), "other": Cell(failed="ValueError")}}
    assert markdown(table).splitlines()[2:] == ["| given | 0.5000 (1.5k) |", "| other | ValueError |"]
