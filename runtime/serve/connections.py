"""Connections: what uvicorn leaves open to a client that means no good. A bound on headers, and an end for the silent.

BoundedProtocol    uvicorn's protocol, with a bound on the bytes of a request's head
close_silent       ends connections that are without a request, and those that do not take their answer
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Bytes of a request's line and headers, about: what one read brings is taken whole.
MOST_HEAD = 1 << 16
_TOO_LONG = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: application/json\r\ncontent-length: 47\r\nconnection: close\r\n\r\n"
    b'{"error":"the request\'s headers are too large"}'
)
# Seconds between two looks at silent connections.
_SWEEP = 1.0


class BoundedProtocol(HttpToolsProtocol):
    """See the module. llhttp, which parses for it, collects a header without end for as long as it comes."""

    _in_head = False
    _head = 0

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its head is whole."""
        self._in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        super().data_received(data)
        self._head = self._head + len(data) if self._in_head else 0
        if self._head > MOST_HEAD and not self.transport.is_closing():
            self.transport.write(_TOO_LONG)
            self.transport.close()


async def close_silent(server: uvicorn.Server, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
    """Close connections that have been without a request for so long, as those do that send a header a minute.

    uvicorn closes connections that are silent after a request; one whose first request never ends it keeps for ever. It
    also waits for ever for a client to take what was written; after as long again, what is left is thrown away.
    """
    since: dict[Any, float] = {}
    while True:
        await asyncio.sleep(min(_SWEEP, seconds / 4))
        now = clock()
        idle = [each for each in server.server_state.connections if _is_idle(each)]
        since = {each: since.get(each, now) for each in idle}
        for each, begun in since.items():
            if now - begun >= 2 * seconds:
                each.transport.abort()
            elif now - begun >= seconds:
                each.transport.close()


def _is_idle(connection: Any) -> bool:
    cycle = getattr(connection, "cycle", None)
    return cycle is None or cycle.response_complete or connection.transport.is_closing()
