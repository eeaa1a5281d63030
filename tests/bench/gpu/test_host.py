"""What the host reaches: a backend that answers at once, measured step by step, by a command that needs no GPU."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import Command


def test_it_measures_the_steps_without_a_gpu(command: Command, small_bundle: Path, sample: Path) -> None:
    done = command("bench.gpu.host", small_bundle, "--corpus", sample, "--sentences", "40", "--passes", "2")
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()
    assert told[0].startswith("| 40 sentences, ")
    found = json.loads(told[-1])
    assert found["texts"] == 40
    assert found["entities"] > 0
    assert min(found["new"], found["seen"], found["made"]) > 0
    assert found["best"] >= found["rate"] > 0


def test_a_corpus_that_is_missing_is_one_line(command: Command, small_bundle: Path, tmp_path: Path) -> None:
    done = command("bench.gpu.host", small_bundle, "--corpus", tmp_path / "none.txt")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
