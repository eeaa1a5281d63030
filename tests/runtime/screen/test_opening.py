"""Which screen a command gets, and what libraries say in between."""

from __future__ import annotations

import logging
import subprocess
import sys
import warnings

import pytest

from runtime.screen.opening import screen
from tests.conftest import ROOT

SAYS = """
import logging, warnings
from runtime.screen.display import note, stage
from runtime.screen.opening import screen
with screen(verbose={verbose}), stage("load"):
    warnings.warn("old spelling", FutureWarning)
    logging.getLogger("transformers").warning("a word of advice")
"""


def test_a_program_gets_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with screen(verbose=False) as display:
        display.screen.line("text", "good")
        assert not display.screen.colored
    assert capsys.readouterr().out == "text\n"


@pytest.mark.parametrize("verbose", [False, True])
def test_what_libraries_warn_of_is_a_detail(verbose: bool) -> None:
    line = [sys.executable, "-c", SAYS.format(verbose=verbose)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert ("FutureWarning: old spelling" in done.stdout) is verbose
    assert ("transformers: a word of advice" in done.stdout) is verbose


def test_afterwards_warnings_and_logs_go_where_they_went() -> None:
    shown, handlers = warnings.showwarning, list(logging.getLogger().handlers)
    with screen(verbose=False):
        pass
    assert warnings.showwarning is shown
    assert logging.getLogger().handlers == handlers
