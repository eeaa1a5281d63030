"""Exchange: one request and all that becomes known of it on its way: for its handler, its log line and its metrics."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from runtime.serve.batching.call import Times
from runtime.serve.http.refused import Outcome, bad_request

_ID_HEADER, _TIMEOUT_HEADER = "x-request-id", "x-request-timeout-ms"
_LONGEST_ID = 128
# Of milliseconds that are read: thirty years. Clients that set no limit send the largest number that they have.
_DIGITS = 12
# An id need not be hard to guess: this process's own beginning, and a number.
_BEGINNING, _NUMBERS = secrets.token_hex(4), itertools.count(1)


@dataclass(slots=True)
class Exchange:
    """See the module.

    Attributes:
        request: as starlette gives it.
        headers: of the request, by names in lower case; of several with one name, the first.
        id: the client's own, or one that was made up; every reply carries it.
        route: the route's path, with its parameters' names.
        began: when it came, on time.monotonic's clock.
        deadline: when an answer comes too late, on that clock.
        texts, tokens: that were asked about.
        entities: that were found, by label.
        times: seconds in each stage.
        outcome: how it ended.
        asked: the texts themselves, for a log that may hold them.
        reads_on: the body is still being read, and who reads it learns of the client's end.
    """

    request: Request
    headers: Mapping[str, str]
    id: str
    route: str
    began: float
    deadline: float
    texts: int = 0
    tokens: int = 0
    entities: dict[str, int] = field(default_factory=dict)
    times: Times = field(default_factory=Times)
    outcome: Outcome = "ok"
    asked: Sequence[Any] = ()
    reads_on: bool = False
    _back: tuple[bytes, bool] | None = None

    def put_back(self, part: bytes, *, more: bool) -> None:
        """A part of the body that was read already, for whoever reads next; and whether more will come."""
        self._back = part, more

    def taken_back(self) -> tuple[bytes, bool] | None:
        """What was put back, once."""
        back, self._back = self._back, None
        return back


def begin(request: Request, route: str, *, deadline: float) -> Exchange:
    """The exchange of a request that has just come.

    Args:
        request: the request.
        route: its route.
        deadline: seconds that an answer may take, unless the client asks for less.
    """
    now = time.monotonic()
    # Once for all, since starlette's own headers are searched, and decoded, at each look.
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(request.scope["headers"])}
    given = headers.get(_ID_HEADER, "")
    ours = given if given and len(given) <= _LONGEST_ID and given.isascii() and given.isprintable() else ""
    made = ours or f"{_BEGINNING}{next(_NUMBERS) & 0xFFFFFFFF:08x}"
    return Exchange(request, headers, made, route, now, now + deadline)


def set_deadline(exchange: Exchange) -> None:
    """Take the client's own deadline, if it gives a nearer one.

    Raises:
        RefusedError: what it gives is no number of milliseconds.
    """
    given = exchange.headers.get(_TIMEOUT_HEADER)
    if given is None:
        return
    if not (given.isascii() and given.isdigit()):
        raise bad_request(f"{_TIMEOUT_HEADER}: {given[:40]!r} is not a whole number of milliseconds")
    exchange.deadline = min(exchange.deadline, exchange.began + int(given.lstrip("0")[:_DIGITS] or "0") / 1000)
