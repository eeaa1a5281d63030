"""Connections: what uvicorn leaves open to a client that means no good. A bound on headers, and an end for the silent.

BoundedProtocol    uvicorn's protocol, with a bound on the bytes of a request's head; it tells of what is no request
Joined             a transport that sends a reply's head together with its body
close_silent       ends connections that are without a request, and those that do not take their answer
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterable
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from runtime.serve.departure import DEPARTURE, Departure

# Bytes of a request's line and headers, about: what one read brings is taken whole.
MOST_HEAD = 1 << 16
_TOO_LONG = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: application/json\r\ncontent-length: 47\r\nconnection: close\r\n\r\n"
    b'{"error":"the request\'s headers are too large"}'
)
# Where the application's state, by ASGI's lifespan, has the function that is told of what is no request.
NO_HTTP = "no_http"
# Java's own client asks for HTTP/2 so with each request, unless it is told not to.
_UPGRADE = re.compile(rb"(\r\n)upgrade:", re.IGNORECASE)
# Seconds between two looks at silent connections.
_SWEEP = 1.0


def _nobody() -> None:
    return None


class BoundedProtocol(HttpToolsProtocol):
    """See the module. llhttp, which parses for it, collects a header without end for as long as it comes."""

    _in_head = _in_body = False
    _head = 0

    def connection_made(self, transport: Any) -> None:
        """A client has come."""
        self._departure = Departure()
        super().connection_made(cast(asyncio.Transport, Joined(transport, self.loop)))

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone."""
        super().connection_lost(exc)
        self._departure.happen()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its head is whole."""
        self._in_head, self._in_body = False, True
        cast(dict[str, Any], self.scope)[DEPARTURE] = self._departure
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Its body is whole, too."""
        self._in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """A reply is sent. uvicorn would set a timer now; `close_silent` looks after all connections with one."""
        if self.pipeline or self.transport.is_closing():
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        self.flow.resume_reading()

    def send_400_response(self, msg: str) -> None:
        """What came is no HTTP."""
        self.app_state.get(NO_HTTP, _nobody)()
        super().send_400_response(msg)

    def _unsupported_upgrade_warning(self) -> None:
        """uvicorn would tell the operator to install a library for WebSockets, because a client sent CONNECT."""

    def data_received(self, data: bytes) -> None:
        """Bytes have come. A wish to speak another protocol is passed over: its parser would pass over the body."""
        if not self._in_body and (b"pgrade:" in data or b"PGRADE:" in data):
            head, end, rest = data.partition(b"\r\n\r\n")
            data = _UPGRADE.sub(b"\\1X-Upgrade:", head) + end + rest
        super().data_received(data)
        self._head = self._head + len(data) if self._in_head else 0
        if self._head > MOST_HEAD and not self.transport.is_closing():
            self.app_state.get(NO_HTTP, _nobody)()
            self.transport.write(_TOO_LONG)
            self.transport.close()


class Joined:
    """A transport whose first two writes of a turn of the event loop go as one: a reply's head and its body.

    uvicorn writes them one after the other, and uvloop sends each at once: twice the system calls and packets, and a
    client that wakes up for a head alone.

    Args:
        transport: does the work.
        loop: whose turns they are.
    """

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._held = b""
        # What uvicorn asks for often, without the search.
        self.is_closing = transport.is_closing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """See asyncio.WriteTransport."""
        if self._held:
            held, self._held = self._held, b""
            self._transport.writelines((held, data))
        else:
            self._held = data
            self._loop.call_soon(self._flush)

    def close(self) -> None:
        """See asyncio.BaseTransport: what was written is still sent."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        held, self._held = self._held, b""
        if held and not self.is_closing():  # a client may have gone since
            self._transport.write(held)


async def close_silent(server: uvicorn.Server, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
    """Close connections that have been without a request for so long, as those do that send a header a minute.

    Nothing else does: BoundedProtocol sets no timer after a reply, and uvicorn has none for a first request that never
    ends. It also waits for ever for a client to take what was written; after as long again, what is left is thrown
    away.
    """
    since: dict[tuple[Any, Any], float] = {}
    pause, now, before = min(_SWEEP, seconds / 4), 0.0, clock()
    while True:
        await asyncio.sleep(pause)
        # While the event loop stands still, nothing that a client sends is read: that time counts as two pauses.
        looked = clock()
        now, before = now + min(looked - before, 2 * pause), looked
        # With its last request: a connection that had another one since the last look was not silent.
        connections: Iterable[Any] = server.server_state.connections
        idle = [(each, each.cycle) for each in connections if _is_idle(each)]
        since = {each: since.get(each, now) for each in idle}
        for (each, _), begun in since.items():
            if now - begun >= 2 * seconds:
                each.transport.abort()
            elif now - begun >= seconds:
                each.transport.close()


def _is_idle(connection: Any) -> bool:
    cycle = connection.cycle
    return cycle is None or cycle.response_complete or connection.transport.is_closing()
