"""Replies: values as JSON, refusals as JSON, and an id on each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from runtime.serve.http.refused import RefusedError

JSON = "application/json"
_ENCODER = msgspec.json.Encoder()


def encoded(value: Any) -> bytes:
    """The value as JSON; dataclasses as objects."""
    raw: bytes = _ENCODER.encode(value)
    return raw


def json_reply(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A reply of JSON."""
    return Response(encoded(value), status_code=status, headers=dict(headers or {}), media_type=JSON)


class StreamReply:
    """A reply whose body is made while the request's is still read.

    starlette's own StreamingResponse listens for the client's end by reading the request's body, and throws away what
    it reads.

    Args:
        parts: of the body.
        media_type: of the body.
    """

    status_code = 200

    def __init__(self, parts: AsyncIterator[bytes], *, media_type: str) -> None:
        self.parts = parts
        self.headers = {"Content-Type": media_type}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """See ASGI."""
        headers = [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        async for part in self.parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


Reply = Response | StreamReply


def refusal_reply(refused: RefusedError, request_id: str) -> Response:
    """What all protocols say of an error: a sentence, and the id by which the server's log finds it."""
    return json_reply({"error": refused.message, "id": request_id}, status=refused.status, headers=refused.headers)
