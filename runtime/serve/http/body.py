"""The body of a request: read up to a limit, unpacked up to the same, and parsed into a dataclass."""

from __future__ import annotations

import asyncio
import dataclasses
import zlib
from collections.abc import AsyncIterator, Collection
from typing import TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request

from runtime.serve.http.refused import RefusedError, bad_request, client_gone, too_large

T = TypeVar("T")
# What zlib calls gzip's own header.
_GZIP = 16 + zlib.MAX_WBITS
_CHUNK = 1 << 16


async def read_body(request: Request, *, most: int, seconds: float) -> bytes:
    """The whole body, unpacked where it is gzip.

    Args:
        request: whose.
        most: bytes, packed and unpacked.
        seconds: that may pass between two parts of it.

    Raises:
        RefusedError: it is too large (413), comes too slowly (408), or is packed in a way that nobody knows (415).
    """
    parts = [part async for part in parts_of(request, most=most, seconds=seconds)]
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def parts_of(request: Request, *, most: int, seconds: float) -> AsyncIterator[bytes]:
    """The same as it comes; `most` is of the whole, and 0 is no limit."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip"):
        raise RefusedError(415, f"content-encoding {encoding[:40]!r} is unknown; send gzip, or leave it unpacked")
    declared = request.headers.get("content-length", "")
    if most and declared.isdigit() and int(declared) > most:
        raise _too_large(most)
    unpack = zlib.decompressobj(_GZIP) if encoding != "identity" else None
    raw = size = 0
    async for part in _received(request, seconds):
        raw += len(part)
        if most and raw > most:
            raise _too_large(most)
        async for piece in _unpacked(unpack, part):
            size += len(piece)
            if most and size > most:
                raise _too_large(most)
            yield piece
    if unpack is not None and not unpack.eof:
        raise bad_request("the body is cut off: gzip data without its end")


def parse(body: bytes, kind: type[T], *, known_only: bool = False) -> T:
    """The body's JSON as that dataclass.

    Args:
        body: UTF-8.
        kind: a dataclass whose fields have types.
        known_only: refuse fields that it does not have, so that a misspelt option does not go unseen.

    Raises:
        RefusedError: it is no JSON, or not of that shape; the message says where.
    """
    try:
        if not known_only:
            decoded: T = msgspec.json.decode(body, type=kind)
            return decoded
        value = msgspec.json.decode(body)
        if isinstance(value, dict):
            _refuse_unknown(value, [field.name for field in dataclasses.fields(kind)])  # type: ignore[arg-type]
        made: T = msgspec.convert(value, kind)
        return made
    except RecursionError:
        raise bad_request("the body is nested too deeply") from None
    except ValueError as error:  # what msgspec raises for JSON and types, and Python for UTF-8
        raise bad_request(f"the body is not the JSON that this route takes: {error}") from None


def _refuse_unknown(given: Collection[str], known: Collection[str]) -> None:
    if unknown := [name for name in given if name not in known]:
        raise bad_request(f"unknown field {str(unknown[0])[:80]!r}; this route takes {', '.join(known)}")


async def _received(request: Request, seconds: float) -> AsyncIterator[bytes]:
    """Parts of the body; each must come in time."""
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(seconds):
                part = await anext(stream, None)
        except TimeoutError:
            raise RefusedError(
                408, f"nothing of the body came for {seconds:g} s", headers={"Connection": "close"}
            ) from None
        except ClientDisconnect:
            raise client_gone() from None
        if part is None:
            return
        if part:
            yield part


async def _unpacked(unpack: zlib._Decompress | None, part: bytes) -> AsyncIterator[bytes]:
    """The part in pieces of a bounded size, so that no few bytes become gigabytes."""
    if unpack is None:
        yield part
        return
    try:
        while part and not unpack.eof:
            yield unpack.decompress(part, _CHUNK)
            part = unpack.unconsumed_tail
            await asyncio.sleep(0)
    except zlib.error as error:
        raise bad_request(f"the body is not gzip, as its content-encoding says ({error})") from None


def _too_large(most: int) -> RefusedError:
    return too_large(f"the body has more than {most:,} bytes; send it in parts, or as NDJSON to /tag")
