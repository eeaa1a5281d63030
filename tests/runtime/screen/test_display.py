"""What is told reaches the screen and the record; without a screen nothing is drawn."""

from __future__ import annotations

import pytest

from runtime.errors import BugError
from runtime.screen.display import detail, doing, note, reached, showing, stage, told, within
from tests.fakes.screen import FakeScreen


def test_a_stage_its_steps_and_its_details() -> None:
    with showing(screen := FakeScreen()) as display:
        with stage("certify", total=2) as certifying:
            certifying.step("one")
            detail("one passed")
            certifying.step("two")
            doing("two, alone")
            certifying.remark = "2 kept"
        detail("after it")
        assert [(each.name, each.remark, each.details) for each in told()] == [("certify", "2 kept", ("one passed",))]
    assert screen.lines == [
        "begin certify 2",
        "progress 0 one",
        "detail one passed",
        "progress 1 two",
        "progress 1 two, alone",
        "end certify 2 kept",
        "detail after it",
    ]
    assert display.told[0].seconds >= 0


def test_what_is_at_work_within_a_step_stands_behind_the_step() -> None:
    within("nobody looks")
    with showing(screen := FakeScreen()), stage("rank", total=2):
        within("before the first step")
        reached(1, "layer 1")
        within("opening")
        reached(2, "layer 2")
    assert screen.lines[1:-1] == [
        "progress 0 before the first step",
        "progress 1 layer 1",
        "progress 1 layer 1: opening",
        "progress 2 layer 2",
    ]


def test_the_record_says_what_a_stage_cost() -> None:
    with showing(FakeScreen()) as display, stage("fit"):
        sum(range(1_000_000))
    (fitted,) = display.told
    assert fitted.cpu_seconds > 0
    assert fitted.peak_bytes > 2**20


def test_a_stage_that_fails_is_drawn_as_failed_and_ends() -> None:
    with showing(screen := FakeScreen()):
        with pytest.raises(KeyError), stage("tune"):
            raise KeyError
        with stage("tune"):
            pass
    assert screen.lines == ["begin tune 0", "failed tune", "begin tune 0", "end tune"]


def test_a_stage_within_a_stage_is_a_bug() -> None:
    with (
        showing(FakeScreen()),
        stage("outer"),
        pytest.raises(BugError, match="inner begins within outer"),
        stage("inner"),
    ):
        pass


def test_a_library_without_a_screen_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with stage("load", total=1) as loading:
        loading.step("weights")
        note("seen by nobody")
        detail("nor this")
        doing("nor that")
    assert told() == ()
    assert capsys.readouterr() == ("", "")
