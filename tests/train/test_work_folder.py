"""The work folder: what is replaced, what is refused, what can go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.errors import StorageError, UsageError
from train.work_folder import open_work

RUN = {"epochs": 3, "betas": (0.9, 0.999)}


def _checkpoint(work: Path, step: int, state: str = "{}") -> Path:
    folder = work / f"checkpoint-{step}"
    folder.mkdir()
    (folder / "trainer_state.json").write_text(state)
    return folder


def _publish(output: Path, text: str) -> None:
    with open_work(output, RUN, resume=False) as work:
        work.final.mkdir()
        (work.final / "scores.json").write_text(text)
        work.publish()


def test_the_output_appears_whole_and_replaces_an_older_one(tmp_path: Path) -> None:
    output = tmp_path / "deep" / "model"
    _publish(output, "one")
    _publish(output, "two")
    assert (output / "scores.json").read_text() == "two"
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
