"""A transport that sends what is written in one turn of the event loop together; who ends connections."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from runtime.serve.connections import BoundedProtocol, Joined, close_silent


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
    times = [0.0, 0.015, 0.025, 0.035, 0.045]
    with pytest.raises(IndexError):  # it looks until there is no more time
        asyncio.run(close_silent(server, 0.02, clock))
    assert silent.ends == ["closed", "closed", "thrown away"]
    assert asking.ends == asks_long.ends == []
