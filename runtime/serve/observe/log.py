"""The log: one JSON object a line. Texts are in it only where the operator asked for that."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TextIO

from runtime.serve.http.exchange import Exchange
from runtime.serve.http.replies import encoded

Clock = Callable[[], float]


class Log:
    """See the module.

    Args:
        stream: written to, a line at a time.
        requests: whether each request has its line.
        texts: whether that line holds the texts.
    """

    def __init__(self, stream: TextIO = sys.stderr, *, requests: bool = True, texts: bool = False) -> None:
        self._stream, self._requests, self.texts = stream, requests, texts

    def event(self, event: str, **more: Any) -> None:
        """Something that happened to the server and not to one request."""
        self._write({"event": event, **more})

    def request(self, exchange: Exchange, status: int, seconds: float) -> None:
        """A request that has ended."""
        if not self._requests:
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
            "engine_ms": round(1000 * times.inference, 3),
            "decode_ms": round(1000 * times.decode, 3),
        }
        self._write(line | ({"asked": list(exchange.asked)} if self.texts else {}))

    def _write(self, line: dict[str, Any]) -> None:
        stamp = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")
        self._stream.write(encoded({"time": stamp, **line}).decode() + "\n")
        self._stream.flush()
