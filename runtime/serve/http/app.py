"""The ASGI application: every endpoint behind the same guard, in the same order.

key -> queue full? -> deadline -> handler -> reply with an id, sent -> log line and metrics. A handler raises
RefusedError for what the client can mend; anything else that it raises is logged with the request's id and answered by
500.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runtime.serve.connections import NO_HTTP
from runtime.serve.http.access import check_key
from runtime.serve.http.endpoint import Endpoint
from runtime.serve.http.exchange import Exchange, begin, set_deadline
from runtime.serve.http.guards import Guard
from runtime.serve.http.refused import RefusedError, about_to_end
from runtime.serve.http.replies import Reply, StreamReply, refusal_reply
from runtime.serve.observe.metrics import ELSEWHERE
from runtime.serve.observe.tracing import NO_TRACES, Traces
from runtime.serve.service import Service

R = TypeVar("R", Response, StreamReply, Reply)
_NOT_HERE = {404: "there is no such route; GET /openapi.json lists them", 405: "this route has another method"}


def make_app(
    service: Service,
    endpoints: Sequence[Endpoint],
    *,
    key: str = "",
    keyed: Sequence[Guard] = ("compute",),
    traces: Traces = NO_TRACES,
) -> App:
    """The application.

    Args:
        service: answers.
        endpoints: all routes.
        key: that routes of `keyed` kinds ask for; empty: none does.
        keyed: see Endpoint.guard.
        traces: told of each request.
    """
    guarded = [_Guarded(service, one, key if one.guard in keyed else "", traces) for one in endpoints]
    by_path: dict[str, dict[str, _Guarded]] = {}
    for one in guarded:
        by_path.setdefault(one.endpoint.path, {})[one.endpoint.method] = one
    routes = [_route(path, methods) for path, methods in by_path.items()]

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, object]]:
        await service.start()
        yield {NO_HTTP: service.metrics.no_http}

    elsewhere = _Elsewhere(service, {route.endpoint: route.path for route in routes})
    starlette = Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: elsewhere.reply})
    starlette.router.redirect_slashes = False  # see _without_slash
    return App(starlette, {(one.endpoint.method, one.endpoint.path): one for one in guarded})


class App:
    """The application as ASGI sees it: what a route's path is word for word is answered without a search.

    Args:
        starlette: answers all else: paths with parameters, HEAD, wrong methods, what is nowhere.
        guarded: endpoints by method and path.
    """

    def __init__(self, starlette: Starlette, guarded: Mapping[tuple[str, str], _Guarded]) -> None:
        self._starlette, self._guarded = starlette, guarded

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """See ASGI."""
        one = self._guarded.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if one is None:
            await self._starlette(_without_slash(scope), receive, send)
        else:
            await (await one.call(Request(scope, receive)))(scope, receive, send)


def _without_slash(scope: Any) -> Any:
    """The same request without a slash at its path's end, which clients add to a base address.

    starlette would answer by a redirect to what the Host header names, without an id, and uncounted.
    """
    path = scope.get("path", "")
    return {**scope, "path": path[:-1]} if len(path) > 1 and path.endswith("/") else scope


def _route(path: str, methods: Mapping[str, _Guarded]) -> Route:
    """One route for all methods of a path, so that a wrong method is told the right ones. HEAD is a GET."""

    async def call(request: Request) -> Reply:
        return await methods["GET" if request.method == "HEAD" else request.method].call(request)

    return Route(path, call, methods=[*methods])


class _Elsewhere:
    """What a request gets that no endpoint takes: of a path that there is not, or of another method.

    Args:
        service: counts it.
        paths: of routes, by what starlette calls for them.
    """

    def __init__(self, service: Service, paths: Mapping[Any, str]) -> None:
        self._service, self._paths = service, paths

    async def reply(self, request: Request, error: Exception) -> Response:
        """A refusal as all others are, counted under its route; paths that clients make up have one name together."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        refused = RefusedError(
            status, _NOT_HERE.get(status, "the server failed"), headers=getattr(error, "headers", None)
        )
        exchange = begin(request, self._paths.get(request.scope.get("endpoint"), ELSEWHERE), deadline=0.0)
        exchange.outcome = refused.outcome
        self._service.metrics.request(exchange, time.monotonic() - exchange.began)
        return _with_id(refusal_reply(refused, exchange.id), exchange)


class _Guarded:
    """An endpoint and what stands before and after its handler; see the module."""

    def __init__(self, service: Service, endpoint: Endpoint, key: str, traces: Traces) -> None:
        self.endpoint = endpoint
        self._service, self._key, self._traces = service, key, traces

    async def call(self, request: Request) -> Reply:
        """The reply to a request."""
        exchange = begin(request, self.endpoint.path, deadline=self._service.limits.deadline)
        self._service.running += 1
        reply = _with_id(await self._reply(exchange), exchange)
        if isinstance(reply, StreamReply):  # its work is still to come
            reply.parts = _then(reply.parts, lambda: self._end(exchange, 200))
        else:
            reply.background = _After(partial(self._end, exchange, reply.status_code))
        return reply

    async def _reply(self, exchange: Exchange) -> Reply:
        try:
            if self._key:
                check_key(self._key, exchange.headers)
            if self.endpoint.method == "POST":
                self._service.refuse_early(exchange)
                set_deadline(exchange)
            return await self.endpoint.handler(self._service, exchange)
        except RefusedError as refused:
            exchange.outcome = refused.outcome
            return refusal_reply(refused, exchange.id)
        except asyncio.CancelledError:  # uvicorn waits for what was accepted no longer
            exchange.outcome = "overloaded"
            return refusal_reply(about_to_end(), exchange.id)
        except Exception:
            exchange.outcome = "failed"
            self._service.log.event("request failed", id=exchange.id, trace=traceback.format_exc())
            return refusal_reply(RefusedError(500, "the server failed; its log has this id"), exchange.id)

    def _end(self, exchange: Exchange, status: int) -> None:
        seconds = time.monotonic() - exchange.began
        self._service.running -= 1
        self._service.metrics.request(exchange, seconds)
        self._traces.request(exchange, status, seconds)
        if self.endpoint.guard == "compute":
            self._service.log.request(exchange, status, seconds)


def _with_id(reply: R, exchange: Exchange) -> R:
    reply.raw_headers.append((b"x-request-id", exchange.id.encode()))
    return reply


class _After(BackgroundTask):
    """What starlette does when the reply has been sent, so that nobody waits for it."""

    def __init__(self, end: Callable[[], None]) -> None:
        self._end = end

    async def __call__(self) -> None:
        """See BackgroundTask, which would take a thread for it."""
        self._end()


async def _then(parts: AsyncGenerator[bytes, None], end: Callable[[], None]) -> AsyncGenerator[bytes, None]:
    """The parts, and then the end, also where nobody takes them all."""
    try:
        async for part in parts:
            yield part
    finally:
        await parts.aclose()
        end()
