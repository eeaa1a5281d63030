"""A transport that sends what is written in one turn of the event loop together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from runtime.serve.connections import Joined


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
