"""Plain lines: nothing but text, none longer than 120 characters."""

from __future__ import annotations

import io

from runtime.screen.display import Table, Told
from runtime.screen.plain import WIDTH, Plain


def drawn(*, verbose: bool = False) -> tuple[Plain, io.StringIO]:
    """A screen whose clock moves on by 40 seconds each time it is looked at."""
    out, now = io.StringIO(), iter(range(0, 4000, 40))
    return Plain(out, verbose=verbose, clock=lambda: float(next(now))), out


def test_a_stage_is_one_line() -> None:
    plain, out = drawn()
    plain.begin("certify", 4)
    plain.end(Told("certify", 61.23, "3 of 4 candidates kept", ()), failed=False)
    plain.begin("tune", 0)
    plain.end(Told("tune", 0.1, "", ()), failed=True)
    assert out.getvalue() == "certify         61.2 s  3 of 4 candidates kept\ntune         failed\n"


def test_a_long_stage_says_now_and_then_that_it_still_works() -> None:
    plain, out = drawn()
    plain.begin("train", 100)  # second 0
    plain.progress(0, "epoch 1")  # second 40: too soon
    plain.progress(20, "epoch 1")  # second 80
    plain.progress(30, "epoch 2")  # second 120: too soon
    plain.progress(40, "epoch 2")  # second 160
    assert out.getvalue().splitlines() == [
        "train        20 of 100, epoch 1, about 320 s left",
        "train        40 of 100, epoch 2, about 240 s left",
    ]


def test_steps_of_a_run_before_are_not_taken_for_steps_of_this_one() -> None:
    plain, out = drawn()
    plain.begin("train", 100)
    plain.progress(80, "epoch 3")  # second 40: what an interrupted run had done
    plain.progress(90, "epoch 3")  # second 80
    assert out.getvalue() == "train        90 of 100, epoch 3, about 80 s left\n"


def test_details_are_for_those_who_ask() -> None:
    for verbose, expected in ((False, ""), (True, "  seven\n")):
        plain, out = drawn(verbose=verbose)
        plain.detail("seven")
        assert out.getvalue() == expected


def test_long_lines_are_folded_and_lose_nothing() -> None:
    plain, out = drawn(verbose=True)
    text = " ".join(f"word{number}" for number in range(200))
    plain.line(text, "plain")
    plain.detail(text)
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert " ".join(out.getvalue().split()) == f"{text} {text}"


def test_a_table_has_columns_and_headings_of_two_lines() -> None:
    plain, out = drawn()
    rows = (("fp32", "100%", "kept"), ("bf16", "9%", "left out: " + "much " * 40))
    plain.table(Table(("in", "MACs\nin it", "why"), rows, ("good", "faint"), frozenset({1})))
    lines = out.getvalue().splitlines()
    assert lines[:3] == ["in     MACs  why", "      in it", "fp32   100%  kept"]
    assert max(map(len, lines)) <= WIDTH
