"""The log: lines in order, none of them waited for, and a reader that stands still stops nobody."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

from runtime.serve.observe.log import Log


def test_lines_are_written_in_order_and_the_last_before_the_end(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("w") as stream:
        log = Log(stream)
        for number in range(500):
            log.event("something", number=number)
        log.close()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["number"] for line in lines] == [*range(500)]
    assert all(line["event"] == "something" and line["time"].endswith("+00:00") for line in lines)


def test_a_reader_that_stands_still_stops_nobody() -> None:
    """Whoever waited for it would wait for ever."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream, os.fdopen(reader, "rb"):
        log = Log(stream)
        for _ in range(2000):  # far more than a pipe holds
            log.event("something", why="x" * 100)
        log.close()


def test_a_reader_that_has_ended_ends_nobody() -> None:
    stream = io.StringIO()
    stream.close()
    log = Log(stream)
    log.event("something")
    log.event("something")
    log.close()
