"""Nothing that is read is written; whatever names lead to one file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runtime.errors import UsageError
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
        (["-i", "in.txt", "-o", "bundle/manifest.json"], "the output, in the folder of the bundle"),
        (["-i", "in.txt", "-o", "bundle/new.txt"], "the output, in the folder of the bundle"),
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
    check_collisions(["in.txt", "in.txt"], "new.txt", Path("score.txt"), bundle=place / "bundle")
    check_collisions(["in.txt"], "/dev/null", Path("/dev/null"), bundle=place / "bundle")
    check_collisions(["in.txt"], "-", None, bundle=place / "bundle")
    check_collisions(["-file"], "out.txt.partial.txt", None, bundle=place / "bundle")
