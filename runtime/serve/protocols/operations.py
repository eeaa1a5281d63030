"""What operators and probes ask: health, metrics, what is served, what the shadow saw, and which routes there are."""

from __future__ import annotations

import time

from starlette.responses import Response

from runtime.serve.http.endpoint import Endpoint
from runtime.serve.http.exchange import Exchange
from runtime.serve.http.refused import RefusedError, not_found
from runtime.serve.http.replies import json_reply
from runtime.serve.observe.metrics import CONTENT_TYPE
from runtime.serve.service import Service


async def live(service: Service, exchange: Exchange) -> Response:
    """The process answers HTTP."""
    return json_reply({"live": True})


async def ready(service: Service, exchange: Exchange) -> Response:
    """The backend gives the answer that it gave at the start, and the process is not about to end."""
    if problem := await service.health.check():
        raise RefusedError(503, problem, outcome="failed")
    return json_reply({"ready": True})


async def metrics(service: Service, exchange: Exchange) -> Response:
    """Prometheus' text."""
    return Response(service.metrics.text(), headers={"Content-Type": CONTENT_TYPE})


async def info(service: Service, exchange: Exchange) -> Response:
    """Bundle, candidate, certificate and limits."""
    return json_reply({**service.about.info, "time": time.time()})


async def shadow(service: Service, exchange: Exchange) -> Response:
    """What the second bundle would have answered otherwise."""
    if service.shadow is None:
        raise not_found("no shadow bundle is served")
    return json_reply(service.shadow.report())


ENDPOINTS = (
    Endpoint(method="GET", path="/health/live", handler=live, summary="Is the process alive?", guard="health"),
    Endpoint(method="GET", path="/health/ready", handler=ready, summary="Does it answer as it should?", guard="health"),
    Endpoint(method="GET", path="/metrics", handler=metrics, summary="Prometheus", guard="metrics", gives="text/plain"),
    Endpoint(method="GET", path="/info", handler=info, summary="Bundle, candidate and certificate", guard="open"),
    Endpoint(method="GET", path="/shadow", handler=shadow, summary="Differences of the shadow bundle"),
)
