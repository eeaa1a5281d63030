"""How far a build is: shown at a terminal, and Ctrl-C ends it without an exception inside TensorRT."""

from __future__ import annotations

import io

from export.engines.build_progress import Phases, monitor
from tests.fakes.cuda import FakeCuda
from tests.fakes.tensorrt_builder import FakeBuilding


class Impatient(io.StringIO):
    """A terminal at which somebody presses Ctrl-C when the first line is written."""

    pressed = False

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not self.pressed:
            self.pressed = True
            raise KeyboardInterrupt
        return super().write(text)


def test_a_terminal_sees_how_far_it_is() -> None:
    ticks = iter([0.0, 1.0, 1.1, 3.0])
    terminal = Impatient()
    terminal.pressed = True
    phases = Phases(file=terminal, clock=lambda: next(ticks))
    phases.start("Building", 4)
    phases.start("Timing", 100)
    assert phases.step("Timing", 4)
    assert phases.step("Timing", 5)
    phases.finish("Timing")
    assert phases.step("Building", 0)
    lines = terminal.getvalue().split("\r\x1b[K")
    assert lines == ["", "building 1 s: Building 0/4, Timing 5/100", "building 3 s: Building 1/4"]


def test_ctrl_c_becomes_a_no_to_tensorrt() -> None:
    ticks = iter(range(100))
    phases = Phases(file=Impatient(), clock=lambda: float(next(ticks)))
    told = monitor(FakeBuilding(FakeCuda(), lambda given: given["input_ids"].astype("float32")), phases)
    told.phase_start("Building", None, 4)
    assert not told.step_complete("Building", 0)
    assert phases.stopped
    assert not told.step_complete("Building", 1)
    told.phase_finish("Building")


class Pressed(str):
    """The name of a phase at which somebody presses Ctrl-C."""

    def __hash__(self) -> int:
        raise KeyboardInterrupt


def test_ctrl_c_at_the_beginning_or_end_of_a_phase_reaches_tensorrt_as_a_no() -> None:
    for method, arguments in (("phase_start", (None, 4)), ("phase_finish", ())):
        phases = Phases(file=io.StringIO())
        phases.start("another", 1)
        told = monitor(FakeBuilding(FakeCuda(), lambda given: given["input_ids"].astype("float32")), phases)
        getattr(told, method)(Pressed("Building"), *arguments)
        assert phases.stopped
        assert not told.step_complete("Building", 0)


def test_no_terminal_gets_nothing() -> None:
    file = io.StringIO()
    ticks = iter(range(100))
    phases = Phases(file=file, clock=lambda: float(next(ticks)))
    phases.start("Building", 1)
    assert phases.step("Building", 0)
    phases.clear()
    assert file.getvalue() == ""
