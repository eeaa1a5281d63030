"""vLLM's /pooling with task token_classify: the probability of each label for each token.

Tokens are those of the checkpoint's tokenizer for the whole text, special tokens included: theirs are not computed and
say "O" with 1, so that a client's own tokens and these rows stand side by side.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Literal

from starlette.responses import Response

from runtime.serve.batching.reading import reading_of
from runtime.serve.batching.stages import TokenProbabilities
from runtime.serve.http.endpoint import Endpoint
from runtime.serve.http.exchange import Exchange
from runtime.serve.http.refused import not_found
from runtime.serve.http.replies import json_reply
from runtime.serve.protocols.asking import parsed_body, texts_of
from runtime.serve.service import Service
from runtime.text.label_schemes import OUTSIDE

_READING = reading_of(kind="probabilities", aggregation="none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooling:
    """The body of /pooling."""

    input: str | list[str]
    model: str | None = None
    task: Literal["token_classify"] = "token_classify"
    encoding_format: Literal["float"] = "float"


async def pool(service: Service, exchange: Exchange) -> Response:
    """Probabilities of each text's tokens."""
    asked = await parsed_body(service, exchange, Pooling)
    name = service.about.name
    if asked.model not in (None, name):
        raise not_found(f"no model {str(asked.model)[:80]!r}; this server has {name!r}")
    answers = await service.answer(exchange, texts_of(asked.input), _READING)
    before, after = service.stages.special_tokens
    outside = [1.0 if label == OUTSIDE else 0.0 for label in service.stages.labels.labels]
    rows = [[outside] * before + _rows(answer) + [outside] * after for answer in answers]
    data = [{"index": number, "object": "pooling", "data": each} for number, each in enumerate(rows)]
    tokens = sum(map(len, rows))
    usage = {"prompt_tokens": tokens, "total_tokens": tokens, "completion_tokens": 0}
    head = {"id": f"pool-{exchange.id}", "object": "list", "created": int(time.time()), "model": name}
    return json_reply({**head, "data": data, "usage": usage})


def _rows(answer: TokenProbabilities) -> list[Any]:
    rows: list[Any] = answer.values.tolist()
    return rows


ENDPOINTS = (
    Endpoint(method="POST", path="/pooling", handler=pool, summary="vLLM's token classification", takes=Pooling),
)
