"""An output that was not finished: kept aside, gone on with, never half-written under its name."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from runtime.batch.repeats import Repeats
from runtime.errors import NerveError, StorageError, UsageError
from runtime.tag.__main__ import main
from runtime.tag.output.journal import Journal, Saved, Work
from runtime.text.answer import Answer, Question
from runtime.text.entity import Entity
from runtime.text.label_schemes import LabelSet
from tests.conftest import ROOT
from tests.runtime.tag.slow_run import HELD_AFTER
from tests.runtime.tag.stand_in import LABELS, opener


class _Watched:
    """Labels the first word, and shows a test the moments between groups."""

    labels = LabelSet(LABELS)
    repeats = Repeats(0)
    in_sections = in_context = False

    def __init__(self, moment: object = None) -> None:
        self._moment = moment
        self.asked = 0

    def answers(self, questions: Iterable[Question], *, chunk: int) -> Iterator[Answer]:
        for number, question in enumerate(questions):
            if number % chunk == 0 and callable(self._moment):
                self._moment()
            self.asked += question is not None
            yield _answer(question)

    def entities(self, text: str) -> Iterator[Entity]:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing to give back."""


def _answer(question: Question) -> Answer:
    if question is None:
        return Answer()
    if isinstance(question, str):
        return Answer([Entity("PER", question[:2], 0, 2, 0.5)])
    return Answer(labels=["B-PER", *["O"] * (len(question) - 1)])


def _tag(*arguments: object, tagger: _Watched | None = None) -> int:
    def opened() -> _Watched:
        return tagger or _Watched()

    return main([*map(str, arguments)], begin_tagger=lambda options: opened, save_seconds=0.0)


def _inputs(kind: str, folder: Path) -> list[Path]:
    """Three inputs of a few groups; the middle one is packed, the last has neither blank line nor line end."""
    if kind == "conll":
        parts = [["-DOCSTART- O\n\n", *(f"w{part}.{n} O\nx I-PER\n\n" for n in range(700))] for part in range(3)]
    else:
        parts = [[f"text {part}.{n}\n" for n in range(1200)] for part in range(3)]
    paths = [folder / name for name in (f"a.{kind}", f"b.{kind}.gz", f"c.{kind}")]
    for path, lines in zip(paths, parts):
        raw = "".join(lines).rstrip("\n").encode()
        path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return paths


def _content(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


@pytest.mark.parametrize(
    ("kind", "output"), [("txt", "o.jsonl"), ("txt", "o.html"), ("conll", "o.conll.gz"), ("conll", "o.jsonl.gz")]
)
def test_a_run_goes_on_from_every_moment_it_may_be_killed_at(kind: str, output: str, tmp_path: Path) -> None:
    inputs = _inputs(kind, tmp_path)
    score = ["--score", "--score-file", tmp_path / "score"] if kind == "conll" else []
    live = tmp_path / "live"
    live.mkdir()
    moments: list[Path] = []

    def keep() -> None:
        moments.append(tmp_path / f"moment{len(moments)}")
        shutil.copytree(live, moments[-1])

    whole = _Watched(keep)
    _tag("-i", *inputs, "-o", live / output, *score, tagger=whole)
    expected, table = _content(live / output), _content(tmp_path / "score") if score else b""
    assert sorted(path.name for path in live.iterdir()) == [output]
    assert len(moments) > 4
    for number, moment in enumerate(moments):
        partial, journal = moment / f"{output}.partial", moment / f"{output}.journal"
        if number:
            # Killed while it was writing: more than what is noted, and half a note.
            with partial.open("ab") as file:
                file.write(b'{"text": "half')
            with journal.open("ab") as file:
                file.write(b'{"source": 1, "off')
        rest = _Watched()
        _tag("-i", *inputs, "-o", moment / output, "--resume", *score, tagger=rest)
        assert _content(moment / output) == expected
        assert (tmp_path / "score").read_bytes() == table if score else True
        assert sorted(path.name for path in moment.iterdir()) == [output]
        assert rest.asked < whole.asked or number < 2


@pytest.mark.parametrize("renamed", [False, True])
def test_a_run_killed_at_its_very_end_is_done(renamed: bool, tmp_path: Path) -> None:
    (tmp_path / "i").write_text("one\ntwo\n")
    output = tmp_path / "o"
    arguments = ("-i", tmp_path / "i", "-o", output, "--resume")
    _tag(*arguments)
    expected = output.read_bytes()
    # As it is after the last note: the output whole, with its name or without.
    journal = Journal(tmp_path / "o.journal")
    journal.begin(_work_of(arguments))
    read = _sha256(b"one\ntwo\n")
    journal.save(Saved(items=2, offset=8, sha256=read, output=len(expected), written=_sha256(expected), complete=True))
    output.rename(tmp_path / "o.partial")
    if renamed:
        (tmp_path / "o.partial").replace(output)
    never = _Watched(lambda: pytest.fail("nothing is left to tag"))
    _tag(*arguments, tagger=never)
    assert output.read_bytes() == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == ["i", "o"]


@pytest.mark.parametrize("other", [b"other bytes, as many", b"longer", None])
def test_an_output_that_is_not_what_was_written_is_not_taken_for_done(other: bytes | None, tmp_path: Path) -> None:
    (tmp_path / "i").write_text("one\ntwo\n")
    arguments = ("-i", tmp_path / "i", "-o", tmp_path / "o", "--resume")
    _tag(*arguments)
    expected = (tmp_path / "o").read_bytes()
    journal = Journal(tmp_path / "o.journal")
    journal.begin(_work_of(arguments))
    read = _sha256(b"one\ntwo\n")
    journal.save(Saved(items=2, offset=8, sha256=read, output=len(expected), written=_sha256(expected), complete=True))
    (tmp_path / "o").unlink()
    if other is not None:
        (tmp_path / "o").write_bytes(expected + b"more" if other == b"longer" else b"x" * len(expected))
    _tag(*arguments)
    assert (tmp_path / "o").read_bytes() == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == ["i", "o"]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _work_of(arguments: Sequence[object]) -> Work:
    """The Work that a run with these arguments notes, from its journal."""
    seen: list[Work] = []

    def look() -> None:
        header = json.loads(Path(f"{arguments[3]}.journal").read_text().splitlines()[0])
        seen.append(Work(header["options"], tuple((name, size) for name, size in header["inputs"])))

    _tag(*arguments, tagger=_Watched(look))
    return seen[0]


def _stopped(folder: Path) -> tuple[Path, Path]:
    """Input and output of a run that stopped in its second group."""
    (folder / "i").write_bytes("".join(f"text {n}\n" for n in range(700)).encode() + b"\xff\n" + b"last\n")
    with pytest.raises(NerveError) as caught:
        _tag("-i", folder / "i", "-o", folder / "o")
    assert f"{folder / 'i'}:701: byte 0xff is not UTF-8" in str(caught.value)
    assert f"the answers before it are in {folder / 'o'}.partial, and --resume goes on from there" in str(caught.value)
    return folder / "i", folder / "o"


def test_what_comes_before_a_broken_line_is_kept_and_a_run_goes_on_with_the_fixed_input(tmp_path: Path) -> None:
    source, output = _stopped(tmp_path)
    assert not output.exists()
    assert len(Path(f"{output}.partial").read_text().splitlines()) == 700
    source.write_bytes(source.read_bytes().replace(b"\xff", b"fixed"))
    tagger = _Watched()
    _tag("-i", source, "-o", output, "--resume", tagger=tagger)
    texts = [json.loads(line)["text"] for line in output.read_text().splitlines()]
    assert texts == [*(f"text {n}" for n in range(700)), "fixed", "last"]
    assert tagger.asked == 2


def _killed(folder: Path) -> tuple[Path, Path]:
    """Input and output of a run that ended in its second group as if killed."""
    (folder / "i").write_text("".join(f"text {n}\n" for n in range(1200)))
    (folder / "killed").mkdir()

    def kill() -> None:
        for name in ("o.partial", "o.journal"):
            if (folder / name).exists():
                shutil.copy(folder / name, folder / "killed" / name)

    _tag("-i", folder / "i", "-o", folder / "o", tagger=_Watched(kill))
    return folder / "i", folder / "killed" / "o"


def test_a_start_that_fails_spoils_nothing(tmp_path: Path) -> None:
    source, output = _killed(tmp_path)

    def fails() -> _Watched:
        raise UsageError("bundle", "none", "make one")

    with pytest.raises(UsageError, match="make one"):
        main(["-i", str(source), "-o", str(output), "--resume"], begin_tagger=lambda options: fails)
    rest = _Watched()
    _tag("-i", source, "-o", output, "--resume", tagger=rest)
    assert rest.asked == 1200 - 1024
    assert len(output.read_text().splitlines()) == 1200


def test_an_input_that_changed_before_that_is_refused(tmp_path: Path) -> None:
    source, output = _stopped(tmp_path)
    source.write_bytes(source.read_bytes().replace(b"text 7\n", b"TEXT 7\n"))
    with pytest.raises(UsageError, match="it changed before line 701"):
        _tag("-i", source, "-o", output, "--resume")
    assert Path(f"{output}.partial").exists()


def test_other_options_and_inputs_are_refused(tmp_path: Path) -> None:
    source, output = _killed(tmp_path)
    arguments = ("-i", source, "-o", output, "--resume")
    with pytest.raises(UsageError, match=r"the options changed \(on_error was stop, is skip\)"):
        _tag(*arguments, "--on-error", "skip")
    with pytest.raises(UsageError, match="the inputs changed"):
        _tag("-i", source, source, *arguments[2:])
    with source.open("a") as file:
        file.write("more\n")
    with pytest.raises(UsageError, match=r"it had \d+.* bytes, now it has"):
        _tag(*arguments)
    # Started anew, nothing is held against it.
    _tag(*arguments[:-1])
    assert len(output.read_text().splitlines()) == 1201


def test_a_partial_output_that_was_cut_is_refused(tmp_path: Path) -> None:
    source, output = _killed(tmp_path)
    os.truncate(f"{output}.partial", 10)
    with pytest.raises(StorageError, match=r"10 bytes where o\.journal says"):
        _tag("-i", source, "-o", output, "--resume")


def test_two_runs_do_not_write_one_output(tmp_path: Path) -> None:
    (tmp_path / "i").write_text("one\n")

    def second() -> None:
        with pytest.raises(StorageError, match="another process is writing it"):
            _tag("-i", tmp_path / "i", "-o", tmp_path / "o")

    _tag("-i", tmp_path / "i", "-o", tmp_path / "o", tagger=_Watched(second))
    assert len((tmp_path / "o").read_text().splitlines()) == 1


def test_an_interrupt_in_the_middle_of_a_group_saves_what_is_whole(tmp_path: Path) -> None:
    (tmp_path / "i").write_text("".join(f"text {n}\n" for n in range(1200)))
    groups = iter([False, True])

    def interrupt() -> None:
        if next(groups):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _tag("-i", tmp_path / "i", "-o", tmp_path / "o", tagger=_Watched(interrupt))
    rest = _Watched()
    _tag("-i", tmp_path / "i", "-o", tmp_path / "o", "--resume", tagger=rest)
    assert rest.asked == 1200 - 512
    assert len((tmp_path / "o").read_text().splitlines()) == 1200


def test_a_run_that_wrote_nothing_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "i").write_bytes(b"\xff\n")
    (tmp_path / "o").write_text("old")
    with pytest.raises(NerveError, match=r"byte 0xff is not UTF-8; convert the text to UTF-8$"):
        _tag("-i", tmp_path / "i", "-o", tmp_path / "o")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["i", "o"]
    assert (tmp_path / "o").read_text() == "old"


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "i").write_text("one\n")
    (tmp_path / "there").mkdir()
    (tmp_path / "o").symlink_to(tmp_path / "there" / "real")
    _tag("-i", tmp_path / "i", "-o", tmp_path / "o")
    assert (tmp_path / "o").is_symlink()
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["real"]


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.slow)])
@pytest.mark.parametrize("output", ["o.jsonl", pytest.param("o.jsonl.gz", marks=pytest.mark.slow)])
def test_nothing_is_lost_or_doubled_however_often_it_is_killed(kills: int, output: str, tmp_path: Path) -> None:
    texts = [f"text {n}" for n in range(6_000 * (1 + kills))]
    (tmp_path / "i").write_text("\n".join(texts))
    arguments = [
        sys.executable,
        "-m",
        "tests.runtime.tag.slow_run",
        "-i",
        f"{tmp_path}/i",
        "-o",
        f"{tmp_path}/{output}",
    ]
    chance = random.Random(5)
    held = {**os.environ, HELD_AFTER: "10"}  # of about 12 chunks for each run
    for _ in range(kills):
        with subprocess.Popen([*arguments, "--resume"], cwd=ROOT, stdout=subprocess.PIPE, env=held) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            time.sleep(chance.uniform(0, 0.04))
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert not (tmp_path / output).exists()
    subprocess.run([*arguments, "--resume"], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    found = [json.loads(line)["text"] for line in _content(tmp_path / output).splitlines()]
    assert found == texts
    assert sorted(path.name for path in tmp_path.iterdir()) == ["i", output]


def _halfway(folder: Path, inputs: Sequence[Path], output: Path, *options: object) -> Path:
    """A folder as it is when a run is killed in the middle of its last input; the output's name is the same there."""
    copy, moments = folder / "killed", iter(range(1000))

    def keep() -> None:
        if next(moments) == 5:
            shutil.copytree(output.parent, copy)

    _tag("-i", *inputs, "-o", output, *options, tagger=_Watched(keep))
    return copy / output.name


def test_empty_texts_are_written_once_however_often_a_run_is_killed(tmp_path: Path) -> None:
    live = tmp_path / "live"
    live.mkdir()
    inputs = [tmp_path / f"{number}.txt" for number in range(6)]
    for number, path in enumerate(inputs):
        path.write_text("" if number % 2 else f"text {number}")
    moments: list[Path] = []

    def keep() -> None:
        moments.append(tmp_path / f"moment{len(moments)}")
        shutil.copytree(live, moments[-1])

    given = ("-i", *inputs, "--format", "text", "--on-error", "record", "--chunk", "1")
    _tag(*given, "-o", live / "o", tagger=_Watched(keep))
    expected = (live / "o").read_bytes()
    assert expected.count(b"\n") == len(inputs)
    assert len(moments) == len(inputs)
    for moment in moments:
        _tag(*given, "-o", moment / "o", "--resume")
        assert (moment / "o").read_bytes() == expected


def _other_letter(path: Path) -> None:
    """As many bytes as before."""
    raw = path.read_bytes()
    path.write_bytes(raw[:2] + bytes([raw[2] ^ 1]) + raw[3:])


def test_an_input_that_is_done_must_be_what_it_was(tmp_path: Path) -> None:
    live = tmp_path / "live"
    live.mkdir()
    inputs = _inputs("txt", tmp_path)
    output = _halfway(tmp_path, inputs, live / "o")
    _other_letter(inputs[0])
    with pytest.raises(UsageError, match=r"a\.txt: it changed since it was tagged"):
        _tag("-i", *inputs, "-o", output, "--resume")
    _other_letter(inputs[0])
    _tag("-i", *inputs, "-o", output, "--resume")
    assert output.read_bytes() == (live / "o").read_bytes()


def test_nothing_is_appended_to_what_somebody_changed(tmp_path: Path) -> None:
    live = tmp_path / "live"
    live.mkdir()
    inputs = _inputs("txt", tmp_path)
    output = _halfway(tmp_path, inputs, live / "o")
    _other_letter(output.with_name("o.partial"))
    with pytest.raises(StorageError, match=r"its first [\d,]+ bytes are not those that were written; start anew"):
        _tag("-i", *inputs, "-o", output, "--resume")


_FULL = """
import resource, sys
from pathlib import Path
from runtime.errors import StorageError
from runtime.tag.__main__ import main
from tests.runtime.tag.stand_in import opener
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
try:
    main(sys.argv[2:], begin_tagger=opener(Path(sys.argv[1])), save_seconds=0.0)
except StorageError as error:
    print(error)
"""


def test_a_full_disk_does_not_ask_for_a_new_start(tmp_path: Path) -> None:
    (tmp_path / "i").write_text("".join(f"Maria flew to Oslo number {n}\n" for n in range(1200)))
    arguments = ["-i", str(tmp_path / "i"), "-o", str(tmp_path / "o")]
    line = [sys.executable, "-c", _FULL, str(tmp_path), *arguments]
    told = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert told.count("\n") == 1
    assert "no space left (File too large); free some space, and run the same command again with --resume" in told
    assert main([*arguments, "--resume"], begin_tagger=opener(tmp_path)) == 0
    texts = [json.loads(line)["text"] for line in (tmp_path / "o").read_text().splitlines()]
    assert texts == (tmp_path / "i").read_text().splitlines()
