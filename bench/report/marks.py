"""Text between two marks of a page, which a command writes anew. Pure."""

from __future__ import annotations

from pathlib import Path

from runtime.errors import StorageError


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
