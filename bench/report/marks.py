"""Text between two marks of a page, which a command writes anew; and what such commands and their texts share."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from runtime.command_line import Parser
from runtime.errors import StorageError, UsageError
from runtime.system.files import write_atomically

Block = Callable[[Mapping[str, Any], Path], str]
"""Makes the text between the marks of the parsed result, and of its path as the page links to it."""


def add_files(parser: Parser, name: str, *, what: str = "table") -> None:
    """Add the options for the JSON that a command writes, and for writing a result into its page."""
    parser.add_argument("--output", type=Path, default=Path(f"build/{name}.json"), metavar="FILE", help="(%(default)s)")
    parser.add_argument("--write", type=Path, metavar="RESULT", help=f"write that result's {what} into docs, no more")


def source_of(machine: Mapping[str, Any], prog: str, path: Path) -> str:
    """Return the end of a caption: the commit, the command that wrote the text, and a link to the result."""
    return f"commit {machine['commit'][:12]}. Written by `{prog} --write` from [{path.name}]({path.as_posix()})."


def load_of(machine: Mapping[str, Any]) -> str:
    """Return the machine's load average over a minute when the measuring began; "unknown" where it does not say."""
    return f"{machine['load_average'][0]:.1f}" if machine["load_average"] else "unknown"


def only_writes(
    options: Namespace,
    page: Path,
    block: Block,
    marks: tuple[str, str],
    *,
    needs: Sequence[str],
    lacking: str = "nothing to measure",
) -> bool:
    """Write the page where --write asks for no more than that, and tell so; else there has to be something to measure.

    Args:
        options: of add_files, and what is needed.
        page, block, marks: see write_block.
        needs: options without which nothing can be measured, as the command line names them.
        lacking: what is said where one of them is missing.

    Raises:
        UsageError: one of them is missing.
        StorageError: see write_block.
    """
    if options.write:
        write_block(page, options.write, block, marks)
        return True
    if not all(getattr(options, name.lstrip("-").lower()) for name in needs):
        *others, last = needs
        wanted = f"{', '.join(others)} and {last}" if others else last
        raise UsageError("command line", lacking, f"give {wanted}")
    return False


def write_block(page: Path, result: Path, block: Block, marks: tuple[str, str]) -> None:
    """Write a result's tables into a page of docs/, and change nothing else of it.

    Args:
        page: its path from the project's root.
        result: the JSON's path from there.
        block: makes the text of the parsed result and of the path as the page links to it.
        marks: between which it stands.

    Raises:
        StorageError: a file cannot be read or written, or the marks are missing.
    """
    try:
        content, before = json.loads(result.read_text(encoding="utf-8")), page.read_text(encoding="utf-8")
    except OSError as error:
        raise StorageError(str(result), error.strerror or str(error), "give the path of a result") from error
    write_atomically(page, with_block(before, block(content, Path("..") / result), page, marks).encode())


def with_block(text: str, block: str, path: Path, marks: tuple[str, str]) -> str:
    """Return the text with that block between its marks.

    Raises:
        StorageError: the marks are missing, or in the wrong order.
    """
    begin, end = marks
    head, begun, rest = text.partition(begin)
    _, ended, tail = rest.partition(end)
    if not begun or not ended:
        raise StorageError(str(path), "the marks for the table are missing", f"put {begin} and {end} where it belongs")
    return f"{head}{begin}\n{block}{end}{tail}"
