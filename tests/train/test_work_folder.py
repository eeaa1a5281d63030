"""The work folder: what is replaced, what is refused, what can go on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runtime.errors import StorageError, UsageError
from train.work_folder import open_work

RUN = {"epochs": 3, "betas": (0.9, 0.999)}
RECORD = {"recipe": {}, "corpus_sha256": "", "rows": []}


def _checkpoint(work: Path, step: int, state: str = "{}") -> Path:
    folder = work / f"checkpoint-{step}"
    folder.mkdir()
    (folder / "trainer_state.json").write_text(state)
    return folder


def _publish(output: Path, text: str) -> None:
    with open_work(output, RUN, resume=False) as work:
        work.final.mkdir()
        (work.final / "scores.json").write_text(json.dumps({**RECORD, "files": ["scores.json"], "text": text}))
        work.publish()


def _text(output: Path) -> str:
    return str(json.loads((output / "scores.json").read_text())["text"])


def test_the_output_appears_whole_and_replaces_an_older_one(tmp_path: Path) -> None:
    output = tmp_path / "deep" / "model"
    _publish(output, "one")
    _publish(output, "two")
    assert _text(output) == "two"
    assert [path.name for path in output.parent.iterdir()] == ["model"]


def test_the_older_output_stays_whole_until_then(tmp_path: Path) -> None:
    output = tmp_path / "model"
    _publish(output, "one")
    with open_work(output, RUN, resume=False) as work:
        work.final.mkdir()
        (work.final / "config.json").write_text("half")
    assert [path.name for path in output.iterdir()] == ["scores.json"]


def test_what_training_did_not_make_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").write_text("years of work")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="a folder that training did not make"):
        _publish(tmp_path / "thesis", "one")
    with pytest.raises(StorageError, match="a file where a folder should be"):
        _publish(tmp_path / "file", "one")
    (tmp_path / "empty").mkdir()
    _publish(tmp_path / "empty", "one")


@pytest.mark.parametrize("scores", ["{}", '{"scores": [3, 1], "team": "home"}', "[1]", "not JSON"])
def test_a_folder_with_scores_of_somebody_elses_is_not_replaced(tmp_path: Path, scores: str) -> None:
    (tmp_path / "match").mkdir()
    (tmp_path / "match" / "scores.json").write_text(scores)
    with pytest.raises(StorageError, match="a folder that training did not make"):
        _publish(tmp_path / "match", "one")
    assert (tmp_path / "match" / "scores.json").read_text() == scores


def test_a_file_that_somebody_put_beside_a_checkpoint_is_not_removed_with_it(tmp_path: Path) -> None:
    _publish(tmp_path / "model", "one")
    (tmp_path / "model" / "notes").mkdir()
    (tmp_path / "model" / "notes" / "a.md").write_text("years of work")
    with pytest.raises(StorageError, match=r"files that training did not make \(notes/a\.md\)"):
        _publish(tmp_path / "model", "two")
    assert _text(tmp_path / "model") == "one"


def test_what_an_earlier_version_made_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "scores.json").write_text(json.dumps(RECORD))
    (tmp_path / "model" / "config.json").write_text("{}")
    _publish(tmp_path / "model", "two")
    assert _text(tmp_path / "model") == "two"


def test_a_work_folder_that_is_none_is_neither_used_nor_removed(tmp_path: Path) -> None:
    theirs = tmp_path / "model.training"
    (theirs / "final").mkdir(parents=True)
    (theirs / "final" / "thesis.txt").write_text("years of work")
    with pytest.raises(StorageError, match="it is there and is no unfinished run"):
        _publish(tmp_path / "model", "one")
    assert (theirs / "final" / "thesis.txt").read_text() == "years of work"


def test_what_a_run_left_that_was_killed_at_its_beginning_is_used_again(tmp_path: Path) -> None:
    (tmp_path / "model.training").mkdir()
    (tmp_path / "model.training" / "lock").touch()
    (tmp_path / "model.training" / ".run.json.77.tmp").write_text("{")
    _publish(tmp_path / "model", "one")
    assert not (tmp_path / "model.training").exists()


def test_the_last_whole_checkpoint_is_the_one_to_go_on_from(tmp_path: Path) -> None:
    with open_work(tmp_path / "model", RUN, resume=False) as work:
        assert work.last_checkpoint() is None
        first, second = _checkpoint(work.folder, 9), _checkpoint(work.folder, 10)
        cut_off = _checkpoint(work.folder, 11, '{"step": ')
        assert work.last_checkpoint() == second
        work.prune()
        assert not first.exists()
        assert not cut_off.exists()
    with open_work(tmp_path / "model", RUN, resume=True) as work:
        assert work.last_checkpoint() == second


def test_an_unfinished_run_is_neither_lost_nor_taken_up_by_chance(tmp_path: Path) -> None:
    output = tmp_path / "model"
    with open_work(output, RUN, resume=False) as work:
        _checkpoint(work.folder, 9)
    with (
        pytest.raises(UsageError, match="resume it, or start afresh after rm -r"),
        open_work(output, RUN, resume=False),
    ):
        pass
    with pytest.raises(UsageError, match="epochs 4 where 3 was"), open_work(output, {**RUN, "epochs": 4}, resume=True):
        pass


def test_a_run_that_saved_nothing_yet_may_start_again(tmp_path: Path) -> None:
    with open_work(tmp_path / "model", RUN, resume=False):
        pass
    with open_work(tmp_path / "model", {**RUN, "epochs": 4}, resume=False):
        pass


def test_there_must_be_something_to_resume(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match=r"model\.training: no unfinished run to resume"),
        open_work(tmp_path / "model", RUN, resume=True),
    ):
        pass


def test_two_runs_do_not_write_to_one_place(tmp_path: Path) -> None:
    with (
        open_work(tmp_path / "model", RUN, resume=False),
        pytest.raises(StorageError, match="another training is writing there"),
        open_work(tmp_path / "model", RUN, resume=False),
    ):
        pass


def test_a_broken_record_of_the_run_is_said(tmp_path: Path) -> None:
    with open_work(tmp_path / "model", RUN, resume=False) as work:
        _checkpoint(work.folder, 9)
        (work.folder / "run.json").write_text("{")
    with pytest.raises(UsageError, match="not readable"), open_work(tmp_path / "model", RUN, resume=True):
        pass
