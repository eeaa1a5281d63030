"""KServe's first protocol: {"instances": [text, ...]} -> {"predictions": [entities, ...]}.

GET /v1/models also has the fields that clients of OpenAI's list of models read.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from runtime.serve.http.endpoint import Endpoint
from runtime.serve.http.exchange import Exchange
from runtime.serve.http.replies import json_reply
from runtime.serve.protocols.asking import check_model, entities, parsed_body
from runtime.serve.protocols.native import ENTITY
from runtime.serve.service import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Predict:
    """The body of :predict."""

    instances: list[str]


async def models(service: Service, exchange: Exchange) -> Response:
    """The one model that there is."""
    name = service.about.name
    return json_reply({"models": [name], "object": "list", "data": [{"id": name, "object": "model"}]})


async def model(service: Service, exchange: Exchange) -> Response:
    """Whether it is ready."""
    name = check_model(service, exchange)
    return json_reply({"name": name, "ready": not await service.health.check()})


async def predict(service: Service, exchange: Exchange) -> Response:
    """Entities of each instance."""
    check_model(service, exchange)
    asked = await parsed_body(service, exchange, Predict)
    return json_reply({"predictions": await entities(service, exchange, asked.instances)})


_GIVES = {
    "type": "object",
    "required": ["predictions"],
    "properties": {"predictions": {"type": "array", "items": {"type": "array", "items": ENTITY}}},
}

ENDPOINTS = (
    # Before the path that it ends like, so that the router names the right methods.
    Endpoint(
        method="POST",
        path="/v1/models/{name}:predict",
        handler=predict,
        summary="KServe's first protocol",
        takes=Predict,
        gives=_GIVES,
    ),
    Endpoint(method="GET", path="/v1/models", handler=models, summary="Names of the models", guard="open"),
    Endpoint(method="GET", path="/v1/models/{name}", handler=model, summary="KServe: is it ready?", guard="health"),
)
