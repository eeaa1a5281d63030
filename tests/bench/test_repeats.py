"""What remembering costs is measured on text that does not repeat itself, and what it gains on text that does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.repeats import block, main
from bench.workloads.log_lines import log_lines
from runtime.text.conll import Sentence, write_conll
from tests.lookup import lookup_bundle


def _sentence(*words: str) -> Sentence:
    return Sentence((*words, "."), ("O",) * (len(words) + 1))


def test_texts_that_repeat_themselves_and_one_that_does_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = lookup_bundle(tmp_path / "bundle", dict.fromkeys("abcdefgh", "O"))
    write_conll([_sentence("a"), _sentence("b", "c"), _sentence("a"), _sentence("d")], tmp_path / "valid.txt")
    write_conll([_sentence("e"), _sentence("e")], tmp_path / "other.txt")
    output = tmp_path / "repeats.json"
    arguments = [str(bundle), "--corpus", str(tmp_path), "--other", str(tmp_path / "other.txt")]
    arguments += ["--lines", "50", "--rounds", "3", "--output", str(output), "--allow-uncertified"]
    assert main(arguments) == 0
    result = json.loads(output.read_text(encoding="utf-8"))
    measured = {each["name"]: (each["sentences"], each["repeated"]) for each in result["texts"]}
    assert measured["the corpus without repetition"] == (3, 0)
    assert measured["the corpus"] == (4, 1)
    for goal in ("throughput", "latency"):
        assert measured[f"the corpus without repetition, one at a time, goal {goal}"] == (3, 0)
    assert all(len(each[side]["cpu"]) == 3 for each in result["texts"] for side in ("plain", "remembering"))
    assert "| other | 2 | 50.0% |" in capsys.readouterr().out
    assert "| other | 2 | 50.0% |" in block(result, Path("x.json"))
    assert f"; for latency {result['candidate_for_latency']}; " in block(result, Path("x.json"))


def test_log_lines_repeat_themselves_unless_each_has_its_time() -> None:
    lines, stamped = log_lines(500, seed=1), log_lines(500, seed=1, stamped=True)
    assert lines == log_lines(500, seed=1) != log_lines(500, seed=2)
    assert len(set(lines)) < 350
    assert len(set(stamped)) == 500
