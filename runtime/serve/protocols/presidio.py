"""Presidio's analyzer over HTTP: a drop-in for its own service, with the entity names that it knows.

Which label has which of Presidio's names, About.presidio says; labels that have none are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from starlette.responses import Response

from runtime.serve.http.endpoint import Endpoint
from runtime.serve.http.exchange import Exchange
from runtime.serve.http.replies import json_reply
from runtime.serve.protocols.asking import entities, parsed_body, texts_of
from runtime.serve.service import Service
from runtime.text.entity import Entity

_RECOGNIZER = "NerveRecognizer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Analyze:
    """The body of /analyze; what else Presidio takes, such as ad-hoc recognizers, has no meaning for a model."""

    text: str | list[str]
    language: str = "en"
    entities: list[str] | None = None
    score_threshold: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    return_decision_process: bool | None = None
    allow_list: list[str] | None = None


async def analyze(service: Service, exchange: Exchange) -> Response:
    """Entities under Presidio's names; a list of lists for a list of texts."""
    asked = await parsed_body(service, exchange, Analyze)
    found = await entities(service, exchange, texts_of(asked.text))
    answers = [_chosen(service, asked, each) for each in found]
    return json_reply(answers[0] if isinstance(asked.text, str) else answers)


def _chosen(service: Service, asked: Analyze, found: list[Entity]) -> list[dict[str, Any]]:
    names, least = service.about.presidio, asked.score_threshold or 0.0
    allowed = set(asked.allow_list or ())
    answers: list[dict[str, Any]] = []
    for entity in found:
        name = names.get(entity.label)
        wanted = name is not None and (not asked.entities or name in asked.entities)
        if wanted and entity.score >= least and entity.text not in allowed:
            explained = {"recognizer": _RECOGNIZER, "original_score": entity.score, "score": entity.score}
            answers.append(
                {
                    "entity_type": name,
                    "start": entity.start,
                    "end": entity.end,
                    "score": entity.score,
                    "analysis_explanation": explained if asked.return_decision_process else None,
                }
            )
    return answers


async def supported(service: Service, exchange: Exchange) -> Response:
    """Presidio's names of what this model finds."""
    return json_reply(sorted(set(service.about.presidio.values())))


async def recognizers(service: Service, exchange: Exchange) -> Response:
    """The one recognizer that there is."""
    return json_reply([_RECOGNIZER])


_RESULT = {
    "type": "object",
    "required": ["entity_type", "start", "end", "score"],
    "properties": {
        "entity_type": {"type": "string"},
        "start": {"type": "integer"},
        "end": {"type": "integer"},
        "score": {"type": "number"},
        "analysis_explanation": {"type": ["object", "null"]},
    },
}
_GIVES = {"anyOf": [{"type": "array", "items": _RESULT}, {"type": "array", "items": {"type": "array"}}]}
_NAMES = {"type": "array", "items": {"type": "string"}}

ENDPOINTS = (
    Endpoint(
        method="POST", path="/analyze", handler=analyze, summary="Presidio's analyzer", takes=Analyze, gives=_GIVES
    ),
    Endpoint(
        method="GET",
        path="/supportedentities",
        handler=supported,
        summary="Presidio's names of what is found",
        gives=_NAMES,
        guard="open",
    ),
    Endpoint(
        method="GET",
        path="/recognizers",
        handler=recognizers,
        summary="Presidio: who finds",
        gives=_NAMES,
        guard="open",
    ),
)
