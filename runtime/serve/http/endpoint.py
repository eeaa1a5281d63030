"""Endpoint: a route, what answers it, and what it says of itself in /openapi.json. Protocols are tuples of these."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from runtime.serve.http.guards import Guard

if TYPE_CHECKING:
    from runtime.serve.http.exchange import Exchange
    from runtime.serve.http.replies import Reply
    from runtime.serve.service import Service

Handler = Callable[["Service", "Exchange"], "Awaitable[Reply]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """See the module.

    Attributes:
        method: of HTTP.
        path: with parameters in braces.
        handler: answers it; raises RefusedError.
        summary: one sentence.
        takes: dataclass of the body; none for a route without one.
        gives: JSON schema of the reply, or its media type where that is no JSON.
        guard: see runtime.serve.http.guards.
        more: media types that the body may have beside JSON, and their schemas.
        query: parameters of the query, and their schemas.
        hidden: left out of /openapi.json, as a second name of another route.
    """

    method: Literal["GET", "POST"]
    path: str
    handler: Handler
    summary: str
    takes: type[Any] | None = None
    gives: Mapping[str, Any] | str = field(default_factory=lambda: {"type": "object"})
    guard: Guard = "compute"
    more: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    hidden: bool = False
