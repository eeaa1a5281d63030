"""Label Studio's machine-learning backend: predictions for tasks, under the names that the project's labels have.

A project's <Labels> names its labels; one that the model finds and the project does not have is left out there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any
from xml.etree import ElementTree

import msgspec
from starlette.responses import Response

from runtime.serve.http.endpoint import Endpoint
from runtime.serve.http.exchange import Exchange
from runtime.serve.http.refused import bad_request
from runtime.serve.http.replies import json_reply
from runtime.serve.protocols.asking import entities, parsed_body
from runtime.serve.service import Service
from runtime.text.entity import Entity

# Characters of a project's configuration: while it is parsed, which takes some 25 ms for so many,
# all other requests wait.
_MOST_CONFIG = 500_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task: its data, by the names that the project gives them."""

    data: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Predict:
    """The body of /predict."""

    tasks: list[Task]
    label_config: Annotated[str, msgspec.Meta(max_length=_MOST_CONFIG)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The body of /setup; nothing of it is needed to predict."""

    project: str | int | None = None
    schema: str | None = None


@dataclass(frozen=True, slots=True)
class _Config:
    """What a project's configuration says: names of its tags, the field of the text, and labels; empty: any."""

    from_name: str = "label"
    to_name: str = "text"
    text_field: str = "text"
    labels: tuple[str, ...] = field(default=())


async def predict(service: Service, exchange: Exchange) -> Response:
    """A prediction for each task."""
    asked = await parsed_body(service, exchange, Predict)
    config = _config(asked.label_config)
    texts = [_text(task, config) for task in asked.tasks]
    found = await entities(service, exchange, texts)
    version = str(service.about.info.get("bundle", {}).get("sha256", ""))[:12]
    results = [_prediction(each, config, version) for each in found]
    return json_reply({"results": results, "model_version": version})


async def setup(service: Service, exchange: Exchange) -> Response:
    """The model's version; there is nothing to set up."""
    await parsed_body(service, exchange, Setup)
    return json_reply({"model_version": str(service.about.info.get("bundle", {}).get("sha256", ""))[:12]})


async def health(service: Service, exchange: Exchange) -> Response:
    """As Label Studio and Presidio ask it: up, or 503."""
    problem = await service.health.check()
    return json_reply({"status": "DOWN" if problem else "UP"}, status=503 if problem else 200)


def _text(task: Task, config: _Config) -> str:
    text = task.data.get(config.text_field)
    if not isinstance(text, str):
        raise bad_request(f"a task's data has no text in field {config.text_field[:80]!r}")
    return text


def _config(xml: str | None) -> _Config:
    if not xml:
        return _Config()
    if "<!DOCTYPE" in xml:  # entities of its own, by which expat lets a text grow to 100 times its size
        raise bad_request("label_config has a document type; leave it out")
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        raise bad_request(f"label_config is not XML ({error})") from None
    labels = root.find(".//Labels")
    text = root.find(".//Text")
    if labels is None or text is None:
        raise bad_request("label_config has no <Labels> and <Text>; only projects for named entities are served")
    return _Config(
        labels.get("name", "label"),
        labels.get("toName", text.get("name", "text")),
        text.get("value", "$text").lstrip("$"),
        tuple(label.get("value", "") for label in labels.iter("Label")),
    )


def _prediction(found: Sequence[Entity], config: _Config, version: str) -> dict[str, Any]:
    kept = [entity for entity in found if not config.labels or entity.label in config.labels]
    result = [
        {
            "from_name": config.from_name,
            "to_name": config.to_name,
            "type": "labels",
            "value": {"start": entity.start, "end": entity.end, "text": entity.text, "labels": [entity.label]},
            "score": entity.score,
        }
        for entity in kept
    ]
    score = min((entity.score for entity in kept), default=1.0)
    return {"result": result, "score": score, "model_version": version}


ENDPOINTS = (
    Endpoint(method="POST", path="/predict", handler=predict, summary="Label Studio: predictions", takes=Predict),
    Endpoint(method="POST", path="/setup", handler=setup, summary="Label Studio: set-up", takes=Setup),
    Endpoint(method="GET", path="/health", handler=health, summary="Label Studio, Presidio: is it up?", guard="health"),
)
