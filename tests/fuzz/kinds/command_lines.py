"""Command lines of options that exist, with values that may not: every command's parser.

Right is a request, or the help that was asked for; everything else is one line.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import runtime.serve.options
import runtime.tag.options
from runtime.command_line import Parser
from tests.fuzz.kind import Case

_VALUES = (
    *("0", "1", "-1", "5", "1e9", "1_000", "nan", "inf", "x", "", " ", "a\0b", "auto", "jsonl", "conll", "cpu", "int8"),
    *("PER=0.5", "PER=2", "PER=", "=1", "word", "none", "sentences", "context", "/no/such/folder", "9" * 400, "\udcff"),
    *("-", "--", "--help", "@file", "127.0.0.1", "99999", "\u0661", "--output=x", "--limited-evidence", "openvino"),
)


def open_case(folder: Path) -> Case:
    """See the module."""
    commands: list[tuple[Callable[[Sequence[str]], Any], list[str]]] = [
        (runtime.tag.options.parse, _options(runtime.tag.options.parser())),
        (runtime.serve.options.parse, _options(runtime.serve.options.parser())),
    ]

    def case(chance: random.Random) -> None:
        parse, options = chance.choice(commands)
        given = ["--bundle", str(folder)] if chance.random() < 0.8 else []
        for _ in range(chance.randrange(0, 5)):
            given.append(chance.choice(options))
            given += chance.choices(_VALUES, k=chance.choice((0, 1, 1, 1, 2)))
        try:
            parse(given)
        except SystemExit as end:
            if end.code:
                raise

    return case


def _options(parser: Parser) -> list[str]:
    return [option for action in parser._actions for option in action.option_strings]
