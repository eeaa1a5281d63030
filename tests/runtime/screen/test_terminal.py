"""The terminal: a bar while a stage is open, a line when it has ended, colors, and no markup out of a text."""

from __future__ import annotations

import io

import pytest

from runtime.screen.display import Table, Told

pytest.importorskip("rich")

from rich.console import Console

from runtime.screen.terminal import Terminal


def drawn(*, width: int = 120, verbose: bool = False) -> tuple[Terminal, io.StringIO]:
    """A terminal that writes into memory, whose clock moves on by ten minutes each time it is looked at."""
    out, now = io.StringIO(), iter(range(0, 60_000, 600))
    console = Console(file=out, force_terminal=True, width=width, color_system="standard", highlight=False)
    return Terminal(console, verbose=verbose, clock=lambda: float(next(now))), out


def test_a_bar_moves_and_a_line_takes_its_place() -> None:
    terminal, out = drawn()
    terminal.begin("certify", 4)
    terminal.progress(3, "packed-int8.onnx [on] openvino")
    terminal.end(Told("certify", 61.23, "3 of [4] kept", ()), failed=False)
    shown = out.getvalue()
    assert "packed-int8.onnx [on] openvino" in shown
    assert "3/4" in shown
    last = shown.splitlines()[-1]
    assert "✓" in last
    assert "61.2 s" in last
    # Square brackets of a text are not Rich's markup.
    assert "3 of [4] kept" in last


def test_the_time_that_is_left_stands_before_what_is_at_work() -> None:
    terminal, out = drawn()
    terminal.begin("rank", 4)
    terminal.progress(0, "layer 0")
    terminal.progress(1, "layer 1")
    terminal.end(Told("rank", 1200, "", ()), failed=False)
    assert "about 60 min left, layer 1" in out.getvalue()


def test_a_stage_that_failed_is_marked() -> None:
    terminal, out = drawn()
    terminal.begin("tune", 0)
    terminal.end(Told("tune", 1.0, "", ()), failed=True)
    assert "✗" in out.getvalue().splitlines()[-1]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_table_folds_its_last_column_alone(width: int) -> None:
    terminal, out = drawn(width=width)
    rows = (("fp32", "onnxruntime", "kept"), ("bf16", "openvino", "left out: too many labels changed " * 4))
    terminal.table(Table(("in", "backend", "kept,\nor why not"), rows, ("good", "faint")))
    shown = out.getvalue()
    assert "onnxruntime" in shown
    assert "\x1b[32m" in shown


def test_a_long_line_stays_one_so_that_a_command_in_it_can_be_copied() -> None:
    terminal, out = drawn(width=60)
    line = (
        "profile night is dropped; again: python -m export.tune build/bundle --goal latency --p99 5ms --profile night"
    )
    terminal.line(line, "plain")
    assert out.getvalue() == f"{line}\n"


def test_a_line_keeps_its_own_colors() -> None:
    terminal, out = drawn()
    terminal.line("\x1b[1;32mParis\x1b[22m LOC\x1b[0m [x]", "plain")
    assert "\x1b[1;32mParis" in out.getvalue()
    assert "[x]" in out.getvalue()
