"""The body of a request: read up to a limit, unpacked up to the same, and parsed into a type."""

from __future__ import annotations

import asyncio
import math
import re
import time
import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, TypeVar

import msgspec

from runtime.serve.http.exchange import Exchange
from runtime.serve.http.refused import RefusedError, bad_request, client_gone, too_large
from runtime.serve.timer import Timer

T = TypeVar("T")
# What zlib calls each encoding's own header (RFC 9110, section 8.4.1).
_HEADERS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
_CHUNK = 1 << 16
# The first half of a surrogate pair (U+D800 to U+DBFF, RFC 8259, section 7) as an escape, with too little behind it for
# another escape; and the second half.
_FIRST_HALF_AT_END = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}([\s\S]{1,5})\Z")
_SECOND_HALF = re.compile(rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}")
HALF_A_PAIR = "a string holds half of a surrogate pair (such as \\ud800), no character"
# What msgspec says of half a pair in the midst of a body; the last one, where it skips a field that it does not know.
_SAYS_HALF = (
    "unexpected end of escaped utf-16 surrogate pair",
    "invalid utf-16 surrogate pair",
    "unexpected end of hex escape",
)
_DECODERS: dict[Any, msgspec.json.Decoder[Any]] = {}


async def read_body(exchange: Exchange, *, most: int, seconds: float, timer: Timer) -> bytes:
    """The whole body, unpacked where it is gzip or deflate.

    Args:
        exchange: whose.
        most: bytes, packed and unpacked.
        seconds: that may pass between two parts of it; all of it must have come by the request's deadline.
        timer: watches them.

    Raises:
        RefusedError: it is too large (413), comes too slowly (408), or is packed in a way that nobody knows (415).
    """
    if _unpacker(exchange.headers) is None:
        _check_declared(exchange.headers, most)
        part, more = await _next_part(exchange, seconds, timer, exchange.deadline)
        if not more and len(part) <= most:  # nearly all bodies come at once
            return part
        exchange.put_back(part, more=more)
    until = exchange.deadline
    return b"".join([part async for part in parts_of(exchange, most=most, seconds=seconds, timer=timer, until=until)])


async def parts_of(
    exchange: Exchange, *, most: int, seconds: float, timer: Timer, until: float = math.inf
) -> AsyncIterator[bytes]:
    """The same as it comes; `most` is of the whole, and 0 is no limit; `until` is when it must end."""
    unpack = _unpacker(exchange.headers)
    _check_declared(exchange.headers, most)
    raw = size = 0
    more = True
    while more:
        part, more = exchange.taken_back() or await _next_part(exchange, seconds, timer, until)
        raw += len(part)
        if most and raw > most:
            raise _too_large(most)
        async for piece in _unpacked(unpack, part):
            size += len(piece)
            if most and size > most:
                raise _too_large(most)
            yield piece
    if unpack is not None and not unpack.ended:
        raise bad_request(f"the body is cut off: {unpack.name} data without its end")


def parse(body: bytes, kind: type[T]) -> T:
    """The body's JSON as that type.

    Args:
        body: UTF-8.
        kind: a dataclass, or a struct of msgspec's, whose fields have types.

    Raises:
        RefusedError: it is no JSON, or not of that shape; the message says where.
    """
    try:
        decoder = _DECODERS.get(kind) or _DECODERS.setdefault(kind, msgspec.json.Decoder(kind))
        made: T = decoder.decode(body)
        return made
    except RecursionError:
        raise bad_request("the body is nested too deeply") from None
    except ValueError as error:  # what msgspec raises for JSON and types, and Python for UTF-8
        if is_of_half_a_pair(error, body):
            raise bad_request(HALF_A_PAIR) from None
        fields = ", ".join(getattr(kind, "__struct_fields__", ()))
        known = f"; there are {fields}" if "unknown field" in str(error) else ""
        raise bad_request(f"the body is not the JSON that this route takes: {str(error)[:300]}{known}") from None


def is_of_half_a_pair(error: ValueError, body: bytes) -> bool:
    """Whether half of a surrogate pair is what msgspec stopped at.

    Nothing is parsed again: a body of 1 MB that Python's json reads would hold up the event loop for 100 ms.
    """
    if isinstance(error, msgspec.ValidationError):  # it names fields, which are called anything
        return False
    if any(each in str(error) for each in _SAYS_HALF):
        return True
    return "truncated" in str(error) and _ends_after_half_a_pair(body)


def _ends_after_half_a_pair(body: bytes) -> bool:
    """msgspec says "truncated" of a first half with fewer than 6 bytes behind it, whatever they are."""
    found = _FIRST_HALF_AT_END.search(body, max(0, len(body) - 11))
    if found is None:
        return False
    before, rest = body[: found.start()], found[1]
    # After an odd number of backslashes, this one is the second of an escaped pair, and what follows is text.
    escaped = (len(before) - len(before.rstrip(b"\\"))) % 2 == 1
    # A second half that is cut off leaves the question open: then the body is cut off, no more.
    open_end = _SECOND_HALF.fullmatch(rest + rb"\udc00"[len(rest) :]) is not None
    return not escaped and not open_end


def _unpacker(headers: Mapping[str, str]) -> _Packed | None:
    """What unpacks the body; None where it is not packed."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding == "identity":
        return None
    if encoding not in _HEADERS:
        known = "send gzip or deflate, or leave it unpacked"
        raise RefusedError(415, f"content-encoding {encoding[:40]!r} is unknown; {known}")
    return _Packed(encoding)


def _check_declared(headers: Mapping[str, str], most: int) -> None:
    declared = headers.get("content-length", "")
    if most and declared.isdigit() and int(declared) > most:
        raise _too_large(most)


async def _next_part(exchange: Exchange, seconds: float, timer: Timer, until: float) -> tuple[bytes, bool]:
    """The body's next part, and whether more will come."""
    left = until - time.monotonic()
    try:
        message = await timer.within(min(seconds, left), exchange.request.receive())
    except TimeoutError:
        # A client that sends a byte now and then would keep its connection for days.
        slow = f"nothing of the body came for {seconds:g} s" if seconds < left else "its deadline came before its body"
        raise RefusedError(408, slow, headers={"Connection": "close"}) from None
    if message["type"] == "http.disconnect":
        raise client_gone()
    return message.get("body", b""), message.get("more_body", False)


class _Packed:
    """Unpacks data of one member or several, as `cat one.gz other.gz` makes it.

    Args:
        name: of the encoding.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._member = zlib.decompressobj(_HEADERS[name])

    async def unpacked(self, part: bytes) -> AsyncIterator[bytes]:
        """The part in pieces of a bounded size, so that no few bytes become gigabytes.

        Raises:
            RefusedError: it is packed otherwise, or something else follows it (400).
        """
        try:
            while part:
                if self._member.eof:
                    self._member = zlib.decompressobj(_HEADERS[self.name])
                yield self._member.decompress(part, _CHUNK)
                part = self._member.unconsumed_tail or self._member.unused_data
                await asyncio.sleep(0)
        except zlib.error as error:
            raise bad_request(f"the body is not {self.name}, as its content-encoding says ({error})") from None

    @property
    def ended(self) -> bool:
        """Whether the last member is whole."""
        return self._member.eof


async def _unpacked(unpack: _Packed | None, part: bytes) -> AsyncIterator[bytes]:
    if unpack is None:
        yield part
        return
    async for piece in unpack.unpacked(part):
        yield piece


def _too_large(most: int) -> RefusedError:
    return too_large(f"the body has more than {most:,} bytes; send it in parts, or as NDJSON to /tag")
