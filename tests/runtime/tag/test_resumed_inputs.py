"""Inputs of a run that goes on: what was tagged must be all that they hold, and be read in the same way."""

from __future__ import annotations

import contextlib
import gzip
import os
import sys
from pathlib import Path

import pytest

from runtime.errors import NerveError, UsageError
from runtime.tag.__main__ import main
from tests.runtime.tag.dying import DyingTagger, KilledError


def _tag(*arguments: object, dies_at: int = -1) -> None:
    main([*map(str, arguments)], begin_tagger=lambda request: lambda: DyingTagger(dies_at), save_seconds=0.0)


def _killed(*arguments: object, at: int) -> None:
    with contextlib.suppress(KilledError):
        _tag(*arguments, dies_at=at)


def _write(path: Path, content: str, *, size: int = 0) -> None:
    """Write it; as a gzip file of so many bytes where its name says so, which is as long whatever it holds."""
    if path.suffix != ".gz":
        path.write_text(content)
        return
    packed = gzip.compress(content.encode(), mtime=0)
    # A member that holds nothing, with a comment of the length that lacks.
    member = gzip.compress(b"", mtime=0)
    filler = member[:3] + b"\x10" + member[4:10] + b"x" * (size - len(packed) - len(member) - 1) + b"\0" + member[10:]
    path.write_bytes(packed + filler)
    assert path.stat().st_size == size


@pytest.mark.parametrize(
    ("name", "before", "after", "kind"),
    [
        # Of as many bytes, and the same in what was tagged.
        pytest.param("a.json", "[]", "[}", "json", id="an array without values that does not end"),
        pytest.param("a.json", '["one"]  ', '["one"] x', "json", id="more after the array"),
        pytest.param("a.csv", "text\none\n\n\n", 'text\none\n"\n', "csv", id="a row that does not end"),
        pytest.param("a.txt.gz", "one\n", "one\ntwo\n", "lines", id="a line more in a packed file"),
        pytest.param("a.txt.gz", "one two", "one two three", "text", id="more of a packed text"),
    ],
)
def test_an_input_that_is_done_must_end_where_it_did(
    name: str, before: str, after: str, kind: str, tmp_path: Path
) -> None:
    first, second, output = tmp_path / name, tmp_path / "second", tmp_path / "o"
    _write(first, before, size=90)
    second.write_text('["x", "y", "z"]' if kind == "json" else "text\nx\ny\nz\n")
    given = ("-i", first, second, "-o", output, "-f", kind, "--chunk", "1")
    _killed(*given, at=1 if kind == "text" else 2)
    _write(first, after, size=90)
    with pytest.raises(NerveError, match=name):
        _tag(*given, "--resume")
    assert not output.exists()
    _write(first, before, size=90)
    _tag(*given, "--resume")
    resumed = output.read_bytes()
    _tag(*given)
    assert output.read_bytes() == resumed


@pytest.mark.parametrize("place", ["o.partial", "o"])
def test_an_output_that_is_whole_is_not_of_inputs_that_changed_since(place: str, tmp_path: Path) -> None:
    first, second, empty, output = (tmp_path / name for name in ("a.txt", "b.txt", "c.txt", "o"))
    given = ("-i", first, second, empty, "-o", output, "-f", "lines")
    contents = {first: "one\n", second: "two\n", empty: ""}
    for changed in contents:
        for path, content in contents.items():
            path.write_text(content)
        _killed_at_the_end(*given, output=output, before="os.rename" if place == "o.partial" else "os.remove")
        assert {path.name for path in tmp_path.iterdir()} == {"a.txt", "b.txt", "c.txt", "o.journal", place}
        changed.write_text("xxx\n")
        with pytest.raises(UsageError, match=f"{changed.name}: it "):
            _tag(*given, "--resume")
        changed.write_text(contents[changed])
        _tag(*given, "--resume")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "b.txt", "c.txt", "o"]
        assert output.read_bytes().count(b"\n") == 2
        output.unlink()


def _killed_at_the_end(*given: object, output: Path, before: str) -> None:
    """Run it in a process that ends before it gives the output its name, or before it removes the journal."""
    if not (process := os.fork()):
        # A new run removes an old journal, too, but then there is no output yet.
        end = {"os.rename": lambda: True, "os.remove": output.exists}[before]
        sys.addaudithook(lambda event, _: os._exit(9) if event == before and end() else None)
        try:
            _tag(*given)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 9


def test_the_scores_of_a_run_that_is_killed_at_its_end_are_not_lost(tmp_path: Path) -> None:
    source, output, scores = tmp_path / "i.conll", tmp_path / "o", tmp_path / "scores"
    source.write_text("Oslo B-PER\n\n")
    given = ("-i", source, "-o", output, "--score", "--score-file", scores)
    _killed_at_the_end(*given, output=output, before="os.remove")
    _tag(*given, "--resume")
    assert "PER" in scores.read_text()


def test_a_pipe_in_the_place_of_the_manifest_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    os.mkfifo(tmp_path / "bundle" / "manifest.json")
    (tmp_path / "i").write_text("one\n")
    _tag("-i", tmp_path / "i", "-o", tmp_path / "o", "--bundle", tmp_path / "bundle")
    assert (tmp_path / "o").read_bytes()


def test_tabs_that_no_longer_separate_columns_are_other_options(tmp_path: Path) -> None:
    source, output = tmp_path / "i.conll", tmp_path / "o"
    source.write_text("New York\tO\n\nx\tO\n\ny\tO\n")
    given = ("-i", source, "-o", output, "-f", "conll", "--chunk", "1")
    _killed(*given, at=2)
    source.write_text("New York\tO\n\nx\tO\n\ny O\n")
    with pytest.raises(UsageError, match="the options changed"):
        _tag(*given, "--resume")


def test_the_inputs_before_the_one_with_a_broken_line_must_be_what_they_were(tmp_path: Path) -> None:
    first, second, output = tmp_path / "a.jsonl", tmp_path / "b.jsonl", tmp_path / "o"
    first.write_text('{"text": "x"}\n\n')
    second.write_text("broken\n")
    given = ("-i", first, second, "-o", output)
    with pytest.raises(NerveError, match="not JSON"):
        _tag(*given)
    # The blank line is at the end no more: one run over both would refuse it.
    first.write_text('{"text": "x"}\n\n{"text": "y"}\n')
    second.write_text('{"text": "z"}\n')
    with pytest.raises(UsageError, match=r"a\.jsonl: it had 15 bytes"):
        _tag(*given, "--resume")
