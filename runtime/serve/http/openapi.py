"""/openapi.json: all routes, from what endpoints say of themselves and from the types that bodies are parsed into."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.responses import Response

import runtime
from runtime.serve.http.endpoint import Endpoint
from runtime.serve.http.exchange import Exchange
from runtime.serve.http.replies import JSON, json_reply
from runtime.serve.service import Service

_REF = "#/components/schemas/{name}"
_ERROR = {
    "type": "object",
    "required": ["error", "id"],
    "properties": {"error": {"type": "string"}, "id": {"type": "string"}},
}
# Which refusals a route may answer with, and in a few words why.
_ANY = {
    "400": "not what the route takes",
    "404": "there is no such model",
    "500": "the server failed",
    "503": "about to end, or not ready",
}
_COMPUTES = {
    "401": "the key is missing or wrong",
    "408": "the body came too slowly",
    "413": "too large",
    "415": "packed in a way that is not known",
    "429": "the queue is full; Retry-After says when to ask again",
    "504": "the deadline passed",
}


def describe_all(endpoints: Sequence[Endpoint], *, name: str) -> dict[str, Any]:
    """The OpenAPI description of these endpoints.

    Args:
        endpoints: of the server.
        name: the model's, which is all that paths may have there.
    """
    shown = [endpoint for endpoint in endpoints if not endpoint.hidden]
    types = list(dict.fromkeys(endpoint.takes for endpoint in shown if endpoint.takes))
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    bodies = dict(zip(types, schemas))
    paths: dict[str, Any] = {}
    for endpoint in shown:
        path = re.sub(r":\w+}", "}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint, path, bodies, name)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Nerve", "version": runtime.__version__, "description": "Named entities over HTTP"},
        "paths": paths,
        "components": {
            "schemas": {**components, "Error": _ERROR},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def openapi_endpoint(endpoints: Sequence[Endpoint]) -> Endpoint:
    """The endpoint that shows the others."""
    described: dict[str, Any] = {}

    async def show(service: Service, exchange: Exchange) -> Response:
        if not described:
            described.update(describe_all([*endpoints, shown], name=service.about.name))
        return json_reply(described)

    shown = Endpoint(method="GET", path="/openapi.json", handler=show, summary="This description", guard="open")
    return shown


def _operation(endpoint: Endpoint, path: str, bodies: Mapping[type[Any], Any], name: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "summary": endpoint.summary,
        "responses": {"200": _reply(endpoint), **_refusals(endpoint)},
        "parameters": _parameters(endpoint, path, name),
    }
    if endpoint.takes:
        content = {JSON: {"schema": bodies[endpoint.takes]}}
        more = {media: {"schema": schema} for media, schema in endpoint.more.items()}
        made["requestBody"] = {"required": True, "content": content | more}
    if endpoint.guard == "compute":
        made["security"] = [{"key": []}, {}]
    return made


def _parameters(endpoint: Endpoint, path: str, name: str) -> list[dict[str, Any]]:
    known = {"name": [name], "version": ["1"]}
    in_path = re.findall(r"{(\w+)}", path)
    return [
        *(
            {"name": each, "in": "path", "required": True, "schema": {"type": "string", "enum": known[each]}}
            for each in in_path
        ),
        *({"name": each, "in": "query", "schema": schema} for each, schema in endpoint.query.items()),
    ]


def _reply(endpoint: Endpoint) -> dict[str, Any]:
    if isinstance(endpoint.gives, str):
        return {"description": "as asked", "content": {endpoint.gives: {"schema": {"type": "string"}}}}
    content = {JSON: {"schema": endpoint.gives}}
    more = {media: {"schema": {"type": "string"}} for media in endpoint.more}
    return {"description": "as asked", "content": content | more}


def _refusals(endpoint: Endpoint) -> dict[str, Any]:
    reasons = _ANY | (_COMPUTES if endpoint.guard == "compute" else {})
    content = {JSON: {"schema": {"$ref": _REF.format(name="Error")}}}
    return {status: {"description": why, "content": content} for status, why in reasons.items()}
