"""The command line, as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Command


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "command line: nothing to tag; give --corpus FOLDER, --texts FILE, or both"),
        (("missing", "--corpus", "x"), "missing: there is no such folder"),
        (("--corpus", "x", "--threads", "0"), "--threads: 0; give 1 to"),
        (("--no-such-option",), "unrecognized arguments: --no-such-option"),
        (("compare", "a.json", "b.json"), "a.json: No such file or directory"),
        (("readme", "a.json"), "README.md: No such file or directory; give the path of the file"),
    ],
)
def test_a_mistake_is_one_line(command: Command, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    done = command("bench", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("python -m bench: error: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_system_that_there_is_not_is_an_error(
    command: Command, tiny_bundle: Path, tiny_model: Path, tiny_corpus: Path
) -> None:
    done = command(
        "bench", tiny_bundle, "--checkpoint", tiny_model, "--corpus", tiny_corpus, "--only", "nerve*", "magic"
    )
    assert done.returncode == 2
    assert "--only: no system 'magic'; choose from nerve-" in done.stderr


@pytest.mark.slow
def test_a_quick_run_from_bundle_to_reports(
    command: Command, tiny_bundle: Path, tiny_model: Path, tiny_corpus: Path, tmp_path: Path
) -> None:
    done = command(
        *("bench", tiny_bundle, "--checkpoint", tiny_model, "--corpus", tiny_corpus),
        *("--quick", "--only", "nerve-*", "onnxruntime-fp32", "spacy", "--output", tmp_path),
    )
    assert done.returncode == 0, done.stderr
    path = Path(done.stdout.splitlines()[-1])
    assert path == tmp_path / "result.json"
    result = json.loads(path.read_text(encoding="utf-8"))
    rows = {row["name"]: row for row in result["rows"]}
    ours = [row for name, row in rows.items() if name.startswith("nerve-")]
    assert ours
    for row in [*ours, rows["onnxruntime-fp32"]]:
        assert row["status"] == "measured", row["reason"]
        assert row["accuracy"][0]["backend_changed_per_10k"] == 0.0
        assert row["throughput"][0]["share_of_roofline"] > 0
    assert all(row["split"]["backend"] > 0 for row in ours)
    again = command("bench", "compare", path, path, "--fail-above", "5%")
    assert again.returncode == 0
    assert "no difference shown" in again.stdout
