"""Hugging Face's token-classification task: what InferenceClient and @huggingface/inference send to an endpoint.

Answers are those of transformers' pipeline by the strategy asked for ("simple" where none is), see
runtime.decode.hf_pipeline for what that means; `word` is the text's own characters. A list of inputs gets a list of
lists.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec
from starlette.responses import Response

from runtime.decode.options import Strategy
from runtime.serve.batching.reading import reading_of
from runtime.serve.http.endpoint import Endpoint
from runtime.serve.http.exchange import Exchange
from runtime.serve.http.replies import json_reply
from runtime.serve.protocols.asking import check_model, entities, parsed_body, texts_of
from runtime.serve.service import Service
from runtime.text.entity import Entity
from runtime.text.label_names import OUTSIDE


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """How the pipeline is asked to read; anything else that it knows has no meaning here."""

    aggregation_strategy: Strategy | None = None
    ignore_labels: list[str] | None = None
    stride: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenClassification:
    """The body: a text or a list of texts, and parameters."""

    inputs: str | list[str]
    parameters: Parameters | None = field(default=None)


async def classify(service: Service, exchange: Exchange) -> Response:
    """Entities as the pipeline gives them."""
    check_model(service, exchange)
    asked = await parsed_body(service, exchange, TokenClassification)
    parameters = asked.parameters or Parameters()
    strategy = parameters.aggregation_strategy or "simple"
    ignored = frozenset([OUTSIDE] if parameters.ignore_labels is None else parameters.ignore_labels)
    stride: int | Literal["auto"] = "auto" if parameters.stride is None else parameters.stride
    reading = reading_of(kind="groups", aggregation=strategy, stride=stride)
    found = await entities(service, exchange, texts_of(asked.inputs), reading)
    name = "entity" if strategy == "none" else "entity_group"
    answers = [[_as_pipeline(entity, name) for entity in each if entity.label not in ignored] for each in found]
    return json_reply(answers[0] if isinstance(asked.inputs, str) else answers)


def _as_pipeline(entity: Entity, name: str) -> dict[str, Any]:
    return {
        name: entity.label,
        "score": entity.score,
        "word": entity.text,
        "start": entity.start,
        "end": entity.end,
    }


_ANSWER = {
    "type": "object",
    "required": ["score", "word", "start", "end"],
    "properties": {
        "entity_group": {"type": "string"},
        "entity": {"type": "string"},
        "score": {"type": "number"},
        "word": {"type": "string"},
        "start": {"type": "integer"},
        "end": {"type": "integer"},
    },
}
_GIVES = {
    "anyOf": [
        {"type": "array", "items": _ANSWER},
        {"type": "array", "items": {"type": "array", "items": _ANSWER}},
    ]
}
_WHAT: Literal["Hugging Face's token classification"] = "Hugging Face's token classification"

ENDPOINTS = (
    Endpoint(method="POST", path="/", handler=classify, summary=_WHAT, takes=TokenClassification, gives=_GIVES),
    Endpoint(
        method="POST", path="/models/{name}", handler=classify, summary=_WHAT, takes=TokenClassification, gives=_GIVES
    ),
)
