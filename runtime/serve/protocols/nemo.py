"""NeMo Guardrails' GLiNER endpoint: {"text", "labels", "threshold"} -> entities, and the text with them marked.

GLiNER is told its labels in words. Those that this model has are found: by its own names ("PER"), by Presidio's
("PERSON"), or by either in another case ("person"); no other can be. Answers use the client's own words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
from starlette.responses import Response

from runtime.serve.http.endpoint import Endpoint
from runtime.serve.http.exchange import Exchange
from runtime.serve.http.replies import json_reply
from runtime.serve.protocols.asking import entities, parsed_body
from runtime.serve.service import Service
from runtime.text.entity import Entity


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """The body; how GLiNER cuts long texts (chunk_length, overlap) is the server's own matter here."""

    text: str
    labels: list[str] = field(default_factory=list)
    threshold: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0


async def extract(service: Service, exchange: Exchange) -> Response:
    """Entities of the text under the labels asked for; under the model's own where none is."""
    asked = await parsed_body(service, exchange, Extract)
    (found,) = await entities(service, exchange, [asked.text])
    named = _named(service, asked.labels)
    kept = [(entity, named[entity.label]) for entity in found if entity.label in named]
    kept = [(entity, label) for entity, label in kept if entity.score >= asked.threshold]
    answers = [
        {
            "value": entity.text,
            "suggested_label": label,
            "start_position": entity.start,
            "end_position": entity.end,
            "score": entity.score,
        }
        for entity, label in kept
    ]
    return json_reply({"entities": answers, "total_entities": len(answers), "tagged_text": _marked(asked.text, kept)})


def _named(service: Service, labels: Sequence[str]) -> dict[str, str]:
    """The model's types that are asked for -> the client's word for each."""
    types, presidio = service.stages.labels.types, service.about.presidio
    if not labels:
        return {name: name for name in types}
    words = {label.lower(): label for label in labels}
    named: dict[str, str] = {}
    for name in types:
        for known in (name.lower(), presidio.get(name, "").lower()):
            if known in words:
                named[name] = words[known]
    return named


def _marked(text: str, kept: Sequence[tuple[Entity, str]]) -> str:
    parts: list[str] = []
    done = 0
    for entity, label in kept:
        parts += [text[done : entity.start], f"[{entity.text}]({label})"]
        done = entity.end
    return "".join([*parts, text[done:]])


_GIVES: dict[str, Any] = {
    "type": "object",
    "required": ["entities", "total_entities", "tagged_text"],
    "properties": {
        "entities": {"type": "array", "items": {"type": "object"}},
        "total_entities": {"type": "integer"},
        "tagged_text": {"type": "string"},
    },
}

ENDPOINTS = (
    Endpoint(
        method="POST", path="/v1/extract", handler=extract, summary="NeMo Guardrails", takes=Extract, gives=_GIVES
    ),
)
