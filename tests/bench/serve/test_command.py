"""python -m bench serve: a real server, a real client, figures that can be read; and what of it is arithmetic."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bench.serve.servers import spans_of_tokens
from bench.serve.texts import Texts
from runtime.text.conll import Sentence, write_conll
from tests.conftest import Command
from tests.lookup import lookup_bundle

GOLD = Sentence(("Angela", "Merkel", "visited", "Paris"), ("B-PER", "I-PER", "O", "B-LOC"))


def test_the_server_is_measured_and_its_answers_are_scored(command: Command, tmp_path: Path) -> None:
    bundle = lookup_bundle(tmp_path / "bundle", {"Angela": "B-PER", "Merkel": "I-PER", "Paris": "B-LOC"})
    write_conll([GOLD, Sentence(("Rain",), ("O",))], tmp_path / "valid.txt")
    arguments = ["serve", bundle, "--corpus", tmp_path, "--quick", "--only", "nerve", "triton-python-onnxruntime"]
    done = command("bench", *arguments, "--seconds", "1", "--output", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    result = json.loads(Path(done.stdout.splitlines()[-1]).read_text())
    (measured,) = result["rounds"]
    nerve = measured["servers"]["nerve"]
    assert [each["connections"] for each in nerve["closed"]] == [1, 16, 64, 128]
    assert all(0 < each["p50_ms"] <= each["p99_ms"] for each in nerve["closed"])
    assert [each["refused"] for each in nerve["closed"][:2]] == [0, 0]  # with more, the queue may be full
    assert nerve["open"][0]["per_second"] > 0
    assert (nerve["asked"], nerve["answered"], nerve["f1"]) == (2, 2, 100)
    assert measured["tagger"]["texts_per_second"] > 0
    assert "triton-python-onnxruntime" in result["left_out"]
    assert "| nerve | 1 connections |" in (tmp_path / "out" / "serve.md").read_text()
    if len(os.sched_getaffinity(0)) > 1:
        (apart,) = result["split"]["rounds"]
        assert apart["servers"]["nerve"]["closed"][0]["per_second"] > 0
        assert result["split"]["threads"] == len(os.sched_getaffinity(0)) // 2
    flooded = result["overload"]
    assert flooded["most"]["per_second"] > 0
    assert flooded["flood"]["per_second"] > 0
    assert flooded["beside"]["p50_ms"] > 0


def test_unknown_servers_are_refused(command: Command, tmp_path: Path) -> None:
    bundle = lookup_bundle(tmp_path / "bundle", {"Paris": "B-LOC"})
    write_conll([GOLD], tmp_path / "valid.txt")
    done = command("bench", "serve", bundle, "--corpus", tmp_path, "--only", "tei")
    assert done.returncode == 2
    assert "no server 'tei'" in done.stderr


def test_f1_of_answers() -> None:
    texts = Texts((GOLD,))
    assert texts.texts == ["Angela Merkel visited Paris"]
    assert texts.f1({0: [("PER", 0, 13), ("LOC", 22, 27)]}) == 100
    assert texts.f1({0: [("PER", 0, 13)]}) == pytest.approx(100 * 2 / 3)
    assert texts.f1({0: [("PER", 0, 6), ("LOC", 22, 27)]}) == 50


def test_tokens_become_entities() -> None:
    tokens = [("B-PER", 0, 3), ("O", 3, 6), ("I-PER", 7, 10), ("O", 11, 14), ("I-LOC", 14, 16), ("B-LOC", 17, 19)]
    assert spans_of_tokens(tokens) == [("PER", 0, 10), ("LOC", 17, 19)]
