"""The log: one JSON object a line. Texts are in it only where the operator asked for that.

Lines are written by a thread of their own, some at once: a reader of the log that stands still must not stop the
server, and a write for each request would cost it as much as reading the request does.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections import deque
from datetime import UTC, datetime
from typing import Any, TextIO

from runtime.serve.http.exchange import Exchange
from runtime.serve.http.replies import encoded

# Seconds between two writes, and lines that wait for a reader of the log; what comes beyond them is lost, and counted.
_PAUSE, _MOST_LINES = 0.05, 100_000
# Waits for the last lines, and seconds of each. Several short ones: a process that is stopped meanwhile, and whose time
# passes, loses one of them and not its last lines.
_LAST_WAITS, _LAST_SECONDS = 10, 0.1


class Log:
    """See the module.

    Args:
        stream: written to, a line at a time.
        requests: whether each request has its line; without, those have one that the server failed, for the reply
            says that the log has their id.
        texts: whether that line holds the texts.
    """

    def __init__(self, stream: TextIO = sys.stderr, *, requests: bool = True, texts: bool = False) -> None:
        self._stream, self._requests, self.texts = stream, requests, texts
        self._lines: deque[bytes] = deque()
        self._lost = 0
        self._now, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._keep_writing, daemon=True)

    def event(self, event: str, **more: Any) -> None:
        """Something that happened to the server and not to one request; it is written at once."""
        self._add({"event": event, **more})
        self._now.set()

    def close(self) -> None:
        """Write what is left, if anybody reads."""
        self._ended.set()
        self._now.set()
        for _ in range(_LAST_WAITS):
            if self._thread.is_alive():
                self._thread.join(_LAST_SECONDS)

    def request(self, exchange: Exchange, status: int, seconds: float) -> None:
        """A request that has ended."""
        if not self._requests and status != 500:
            return
        times = exchange.times
        line: dict[str, Any] = {
            "event": "request",
            "id": exchange.id,
            "route": exchange.route,
            "status": status,
            "outcome": exchange.outcome,
            "texts": exchange.texts,
            "tokens": exchange.tokens,
            "ms": round(1000 * seconds, 3),
            "queue_ms": round(1000 * times.queue, 3),
            "tokenize_ms": round(1000 * times.tokenize, 3),
            "inference_ms": round(1000 * times.inference, 3),
            "decode_ms": round(1000 * times.decode, 3),
        }
        self._add(line | ({"asked": list(exchange.asked)} if self.texts else {}))

    def _add(self, line: dict[str, Any]) -> None:
        if self._thread.ident is None:
            self._thread.start()
        stamp = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")
        if len(self._lines) < _MOST_LINES:
            self._lines.append(encoded({"time": stamp, **line}))
        else:
            self._lost += 1

    def _keep_writing(self) -> None:
        while not (ended := self._ended.is_set()) or self._lines:
            if not ended:
                self._now.wait(_PAUSE)
                self._now.clear()
            self._write()

    def _write(self) -> None:
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        lost, self._lost = self._lost, 0
        if lost:
            lines.append(encoded({"event": "lines lost, for nobody reads the log", "lines": lost}))
        if lines:
            with contextlib.suppress(OSError, ValueError):  # its reader has ended, which must not end the server
                self._stream.write(b"\n".join(lines).decode() + "\n")
                self._stream.flush()
