"""Nothing that is read is written; whatever names lead to one file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runtime.errors import StorageError, UsageError
from runtime.tag.__main__ import main
from runtime.tag.output.collisions import check_collisions
from tests.lookup import lookup_bundle


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a bundle, inputs, and links to them; it is the working directory."""
    lookup_bundle(tmp_path / "bundle", {"Paris": "B-LOC"})
    for name in ("in.txt", "out.txt.partial", "out.txt.journal"):
        (tmp_path / name).write_text("Paris\n")
    (tmp_path / "link.txt").symlink_to("in.txt")
    os.link(tmp_path / "in.txt", tmp_path / "twin.txt")
    (tmp_path / "folder").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (["-i", "in.txt", "-o", "in.txt"], "in.txt: it is an input and the output"),
        (["-i", "in.txt", "-o", "link.txt"], "an input and the output"),
        (["-i", "in.txt", "-o", "twin.txt"], "an input and the output"),
        (["-i", "in.txt", "-o", "folder/in.txt"], "an input and the output"),
        (["-i", "out.txt.partial", "-o", "out.txt"], "an input and the output's partial"),
        (["-i", "out.txt.journal", "-o", "folder/out.txt"], "an input and the output's journal"),
        (["-i", "in.txt", "-o", "new.txt", "--score", "--score-file", "new.txt"], "the output and the score"),
        (
            ["-i", "in.txt", "-o", "n.txt", "--score", "--score-file", "n.txt.partial"],
            "the output's partial and the score",
        ),
        (["-i", "in.txt", "-o", "new.txt", "--score", "--score-file", "twin.txt"], "an input and the score"),
        (["-i", "in.txt", "-o", "bundle/manifest.json"], "the output, and in bundle, which is read"),
        (["-i", "in.txt", "-o", "bundle/onnx/model.onnx"], "the output, and in bundle, which is read"),
        (["-i", "in.txt", "-o", "key.pub", "--require-signature", "key.pub"], "the output, and in key.pub"),
        (["-i", "in.txt", "-o", "model/config.json", "--checkpoint", "model"], "the output, and in model"),
        (["-i", "in.txt", "-o", "bundle/new.txt"], "the output, and in bundle, which is read"),
    ],
)
def test_a_run_that_would_destroy_something_is_refused_and_destroys_nothing(
    place: Path, given: list[str], found: str
) -> None:
    def contents() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file()}

    before = contents()
    with pytest.raises(UsageError) as caught:
        main(["--bundle", "bundle", *given])
    assert found in str(caught.value)
    assert contents() == before


def test_what_destroys_nothing_is_let_pass(place: Path) -> None:
    check_collisions(["in.txt", "in.txt"], "new.txt", Path("score.txt"), kept=[place / "bundle"])
    check_collisions(["in.txt"], "/dev/null", Path("/dev/null"), kept=[place / "bundle"])
    check_collisions(["in.txt"], "-", None, kept=[place / "bundle"])
    check_collisions(["-file"], "out.txt.partial.txt", None, kept=[place / "bundle"])


@pytest.mark.parametrize("end", ["partial", "journal"])
@pytest.mark.parametrize("resume", [[], ["--resume"]])
def test_a_file_of_somebody_elses_beside_the_output_is_left_alone(place: Path, end: str, resume: list[str]) -> None:
    precious = place / f"new.txt.{end}"
    precious.write_text("precious\n")
    with pytest.raises(StorageError, match=f"new.txt.{end}: it is there and is no .*move it elsewhere"):
        main(["--bundle", "bundle", "-i", "in.txt", "-o", "new.txt", *resume])
    assert precious.read_text() == "precious\n"


@pytest.mark.parametrize("end", ["partial", "journal"])
def test_a_link_beside_the_output_is_not_followed(place: Path, end: str) -> None:
    (place / "precious.txt").write_text("precious")
    (place / "new.txt.journal").write_text('{"journal": 3}\n')
    (place / f"new.txt.{end}").unlink(missing_ok=True)
    (place / f"new.txt.{end}").symlink_to("precious.txt")
    with pytest.raises(StorageError, match="it is there and is no"):
        main(["--bundle", "bundle", "-i", "in.txt", "-o", "new.txt"])
    assert (place / "precious.txt").read_text() == "precious"


def test_what_a_killed_run_has_left_may_be_written_over(place: Path) -> None:
    for partial, journal in (("", ""), ("half", '{"journal": 2}\n'), ("", '{"jour')):
        (place / "new.jsonl.partial").write_text(partial)
        (place / "new.jsonl.journal").write_text(journal)
        assert main(["--bundle", "bundle", "-i", "in.txt", "-o", "new.jsonl"]) == 0
        assert b'"Paris"' in (place / "new.jsonl").read_bytes()
