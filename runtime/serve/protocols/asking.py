"""What several protocols do alike: read a body, ask for entities, look for the model's name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from runtime.serve.batching.reading import ENTITIES, Reading
from runtime.serve.http.body import parse, read_body
from runtime.serve.http.exchange import Exchange
from runtime.serve.http.refused import not_found
from runtime.serve.service import Service
from runtime.text.entity import Entity

T = TypeVar("T")


async def body_of(service: Service, exchange: Exchange) -> bytes:
    """The request's whole body, within the server's limits."""
    limits = service.limits
    return await read_body(exchange, most=limits.body, seconds=limits.body_seconds, timer=service.timer)


async def parsed_body(service: Service, exchange: Exchange, kind: type[T]) -> T:
    """The body's JSON as that type; fields that it does not know are let pass, unless it forbids them."""
    return parse(await body_of(service, exchange), kind)


async def entities(
    service: Service, exchange: Exchange, texts: Sequence[str], reading: Reading = ENTITIES
) -> list[list[Entity]]:
    """The entities of each text; Service.answer says what it raises."""
    return [list(found) for found in await service.answer(exchange, texts, reading)]


def texts_of(given: str | list[str]) -> list[str]:
    """One text, or many, as a list."""
    return [given] if isinstance(given, str) else given


def check_model(service: Service, exchange: Exchange) -> str:
    """The model's name, which the path must have.

    Raises:
        RefusedError: it has another (404).
    """
    params = exchange.request.path_params
    name = service.about.name
    if params.get("name", name) != name:
        raise not_found(f"no model {params['name'][:80]!r}; this server has {name!r}")
    if params.get("version", "1") != "1":
        raise not_found(f"no version {params['version'][:20]!r} of {name!r}; there is 1")
    return name
