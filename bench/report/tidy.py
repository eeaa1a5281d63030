"""Messages of libraries, made fit for a report: one line, short, and without anybody's folders."""

from __future__ import annotations

import re

_MOST = 200
# Something with a slash that begins like a path: /a/b, ~/a, ./a, ../a.
_PATH = re.compile(r"(?:~|\.{1,2})?(?:/[^\s/'\"`:,;)]+)+/?")


def tidy(message: str) -> str:
    """The message on one line, each path cut down to its last part, at most 200 characters."""
    line = " ".join(_PATH.sub(lambda match: match[0].rstrip("/").rpartition("/")[2], message).split())
    return line if len(line) <= _MOST else line[: _MOST - 3] + "..."
