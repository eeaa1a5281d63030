"""Replies: values as JSON, refusals as JSON, and an id on each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from runtime.serve.http.refused import RefusedError
from runtime.serve.timer import Timer

JSON = "application/json"
_JSON_TYPE = (b"content-type", JSON.encode())
_NONE: Mapping[str, str] = {}
_ENCODER = msgspec.json.Encoder()


def encoded(value: Any) -> bytes:
    """The value as JSON; dataclasses as objects."""
    raw: bytes = _ENCODER.encode(value)
    return raw


class JsonReply(Response):
    """A reply of JSON; starlette's own, made with less ado.

    Args:
        body: JSON.
        status: of HTTP.
        headers: more of them.
    """

    def __init__(self, body: bytes, *, status: int, headers: Mapping[str, str]) -> None:
        self.body, self.status_code, self.background = body, status, None
        more = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        self.raw_headers = [_JSON_TYPE, (b"content-length", b"%d" % len(body)), *more]


def json_reply(value: Any, *, status: int = 200, headers: Mapping[str, str] = _NONE) -> Response:
    """A reply of JSON."""
    return JsonReply(encoded(value), status=status, headers=headers)


class StreamReply:
    """A reply whose body is made while the request's is still read.

    starlette's own StreamingResponse listens for the client's end by reading the request's body, and throws away what
    it reads.

    Args:
        parts: of the body.
        media_type: of the body.
        timer: watches whether they are taken.
        seconds: for which the client may take nothing.
    """

    status_code = 200

    def __init__(self, parts: AsyncGenerator[bytes, None], *, media_type: str, timer: Timer, seconds: float) -> None:
        self.parts = parts
        self._timer, self._seconds = timer, seconds
        self.raw_headers = [(b"content-type", media_type.encode())]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """See ASGI."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async for part in self.parts:
                message = {"type": "http.response.body", "body": part, "more_body": True}
                await self._timer.within(self._seconds, send(message))
        except (TimeoutError, asyncio.CancelledError):  # the client takes nothing, or the server ends
            return  # uvicorn closes the connection of a reply without its end
        finally:  # also where nobody takes the rest: the parts' own end is what the request's end hangs on
            await self.parts.aclose()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


Reply = Response | StreamReply


def refusal_reply(refused: RefusedError, request_id: str) -> Response:
    """What all protocols say of an error: a sentence, and the id by which the server's log finds it."""
    return json_reply({"error": refused.message, "id": request_id}, status=refused.status, headers=refused.headers)
