"""Messages of libraries, shortened for a report: one line, and no path, since a path says whose machine it is."""

from __future__ import annotations

import re

_MOST = 200
# What looks like a path: /a/b, ~/a, ./a, ../a.
_PATH = re.compile(r"(?:~|\.{1,2})?(?:/[^\s/'\"`:,;)]+)+/?")


def tidy(message: str) -> str:
    """Return the message on one line of at most 200 characters, each path reduced to its last part."""
    line = " ".join(_PATH.sub(lambda match: match[0].rstrip("/").rpartition("/")[2], message).split())
    return line if len(line) <= _MOST else line[: _MOST - 3] + "..."
