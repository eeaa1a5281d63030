"""A transport that sends what is written in one turn of the event loop together; who ends connections."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from runtime.serve.connections import BoundedProtocol, Joined, close_silent
from runtime.serve.departure import Departure
from tests.runtime.serve.running import TIMEOUT
from tests.runtime.serve.stand_in import Starting


class Sent:
    """A transport that notes what it is given.

    Attributes:
        pieces: as they were sent.
        gone: the client is.
    """

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.gone = False

    def write(self, data: bytes) -> None:
        """See asyncio.WriteTransport."""
        assert not self.gone
        self.pieces.append(data)

    def writelines(self, data: Sequence[bytes]) -> None:
        """See asyncio.WriteTransport."""
        self.write(b"".join(data))

    def is_closing(self) -> bool:
        """See asyncio.BaseTransport."""
        return self.gone

    def close(self) -> None:
        """See asyncio.BaseTransport."""
        self.gone = True

    def get_extra_info(self, name: str) -> str:
        """See asyncio.BaseTransport."""
        return f"the {name}"


async def _turn() -> None:
    await asyncio.sleep(0)


def test_head_and_body_go_together_and_at_once() -> None:
    async def write() -> None:
        joined.write(b"head ")
        joined.write(b"body")
        assert sent.pieces == [b"head body"]
        await _turn()
        joined.write(b"next ")
        joined.write(b"one")

    sent = Sent()
    loop = asyncio.new_event_loop()
    joined = Joined(sent, loop)
    loop.run_until_complete(write())
    loop.close()
    assert sent.pieces == [b"head body", b"next one"]


def test_what_nothing_follows_goes_with_the_next_turn() -> None:
    async def write() -> None:
        joined.write(b"head of a stream")
        assert sent.pieces == []
        await _turn()
        assert sent.pieces == [b"head of a stream"]

    sent = Sent()
    loop = asyncio.new_event_loop()
    joined = Joined(sent, loop)
    loop.run_until_complete(write())
    loop.close()


def test_what_was_written_is_sent_before_the_end_and_nothing_to_a_client_that_has_gone() -> None:
    async def write() -> None:
        joined.write(b"last")
        joined.close()
        assert sent.pieces == [b"last"]
        assert joined.is_closing()
        lost.write(b"nobody reads this")
        other.gone = True
        await _turn()
        assert other.pieces == []

    sent, other = Sent(), Sent()
    loop = asyncio.new_event_loop()
    joined, lost = Joined(sent, loop), Joined(other, loop)
    assert joined.get_extra_info("peername") == "the peername"
    loop.run_until_complete(write())
    loop.close()


def test_a_connection_without_a_request_has_no_timer_of_uvicorns() -> None:
    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    async def ask() -> None:
        loop = asyncio.get_running_loop()
        protocol = BoundedProtocol(config, state, {}, loop)
        server = await loop.create_server(lambda: protocol, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        # The second time, one request waits behind another.
        for asked in (1, 2):
            writer.write(asked * b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            for _ in range(asked):
                await reader.readuntil(b"ok")
            while state.tasks:
                await _turn()
            assert protocol.timeout_keep_alive_task is None
        writer.close()
        await writer.wait_closed()
        server.close()

    state = ServerState()
    config = uvicorn.Config(answer, log_config=None, http=BoundedProtocol, lifespan="off")
    config.load()
    asyncio.run(asyncio.wait_for(ask(), 30))
    assert state.total_requests == 3


@dataclass(frozen=True, eq=False)
class Cycle:
    """A request."""

    response_complete: bool


class Connection:
    """As `close_silent` sees one: between requests, or in one.

    Attributes:
        cycle: of its last request.
        ends: what was done to it.
    """

    def __init__(self) -> None:
        self.transport, self.ends = self, list[str]()
        self.asks()

    def asks(self, *, answered: bool = True) -> None:
        """It has another request."""
        self.cycle = Cycle(answered)

    def is_closing(self) -> bool:
        """See asyncio.BaseTransport."""
        return bool(self.ends)

    def close(self) -> None:
        """See asyncio.BaseTransport."""
        self.ends.append("closed")

    def abort(self) -> None:
        """See asyncio.WriteTransport."""
        self.ends.append("thrown away")


def test_a_connection_that_asks_now_and_then_is_kept_and_a_silent_one_is_not() -> None:
    def clock() -> float:
        asking.asks()
        return times.pop(0)

    silent, asking, asks_long = Connection(), Connection(), Connection()
    asks_long.asks(answered=False)
    server: Any = SimpleNamespace(server_state=SimpleNamespace(connections=[silent, asking, asks_long]))
    times = [0.009 * look for look in range(7)]
    with pytest.raises(IndexError):  # it looks until there is no more time
        asyncio.run(close_silent(server, 0.02, clock))
    assert silent.ends == ["closed", "closed", "thrown away"]
    assert asking.ends == asks_long.ends == []


def test_a_connection_is_not_silent_while_the_event_loop_stands_still() -> None:
    connection, times = Connection(), [0.0, 0.001, 60.0, 60.001]
    server: Any = SimpleNamespace(server_state=SimpleNamespace(connections=[connection]))
    with pytest.raises(IndexError):
        asyncio.run(close_silent(server, 0.02, lambda: times.pop(0)))
    assert connection.ends == []


def test_whoever_works_for_a_client_is_told_at_once_that_it_has_gone() -> None:
    told, departure = list[str](), Departure()
    first, second = partial(told.append, "first"), partial(told.append, "second")
    departure.tell(first)
    departure.tell(second)
    departure.forget(second)
    departure.happen()
    departure.happen()
    assert told == ["first"]
    departure.tell(second)
    assert told == ["first", "second"]


def test_a_client_is_not_to_blame_for_a_server_that_stood_still(slow: Starting) -> None:
    body = b'{"texts": ["Paris"]}'
    with slow(1e6, "--idle-seconds", "1") as server, socket.create_connection(("127.0.0.1", server.port)) as client:
        client.settimeout(TIMEOUT)
        head = b"POST /tag HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
        client.sendall(head)
        assert client.recv(100).startswith(b"HTTP/1.1 100")  # it waits for the body
        server.process.send_signal(signal.SIGSTOP)
        client.sendall(body)
        time.sleep(2.5)  # more than a client may take between two parts
        server.process.send_signal(signal.SIGCONT)
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")
