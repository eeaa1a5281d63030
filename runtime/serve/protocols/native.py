"""Nerve's own protocol: POST /tag, with every decoding option of the command line.

    {"texts": [...]}     -> {"entities": [[{label, text, start, end, score}, ...], ...]}
    {"words": [[...]]}   -> {"labels": [[...], ...]}

A body of media type application/x-ndjson is a stream: a JSON string, or {"text": ...}, or {"words": [...]} a line, and
an answer a line, in order, as they are ready. Lines are read only as fast as answers are taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec

from runtime.batch.windowing import Long, Policy
from runtime.decode.options import Aggregation
from runtime.errors import TextError
from runtime.serve.batching.reading import Reading, reading_of
from runtime.serve.http.body import parse
from runtime.serve.http.endpoint import Endpoint
from runtime.serve.http.exchange import Exchange
from runtime.serve.http.refused import bad_request
from runtime.serve.http.replies import Reply, json_reply
from runtime.serve.protocols.asking import body_of
from runtime.serve.protocols.ndjson import NDJSON, QUERY, options_of_query, stream_reply
from runtime.serve.service import Service

Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]
Context = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Stride = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class TagRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of POST /tag: texts, or words, and how to read them. A misspelt option does not go unseen."""

    texts: list[str] | None = None
    words: list[list[str]] | None = None
    aggregation: Aggregation = "word"
    constrained: bool = False
    thresholds: dict[str, Probability] = msgspec.field(default_factory=dict)
    ignore: list[str] = msgspec.field(default_factory=list)
    read: Policy = "auto"
    context: Context | Literal["auto"] = "auto"
    long: Long = "split"
    stride: Stride | Literal["auto"] = "auto"

    def reading(self) -> Reading:
        """How its texts are read."""
        return reading_of(
            kind="entities" if self.words is None else "labels",
            aggregation=self.aggregation,
            constrained=self.constrained,
            thresholds=self.thresholds,
            ignore=self.ignore,
            read=self.read,
            context=self.context,
            long=self.long,
            stride=self.stride,
        )


async def tag(service: Service, exchange: Exchange) -> Reply:
    """Answer texts or words; or, for NDJSON, a stream of them."""
    if exchange.headers.get("content-type", "").partition(";")[0].strip().lower() == NDJSON:
        return stream_reply(service, exchange)
    asked = await _asked(service, exchange)
    if (asked.texts is None) == (asked.words is None):
        raise bad_request('give either "texts", a list of strings, or "words", a list of lists of strings')
    questions: Sequence[Any] = asked.texts if asked.texts is not None else asked.words or []
    answers = await service.answer(exchange, questions, asked.reading())
    refuse_too_long(answers)
    return json_reply({"labels" if asked.texts is None else "entities": answers})


async def _asked(service: Service, exchange: Exchange) -> TagRequest:
    """What the body asks for; options that it leaves out, the query may give."""
    body = await body_of(service, exchange)
    asked = parse(body, TagRequest)
    if not exchange.request.scope["query_string"]:
        return asked
    given = msgspec.json.decode(body)
    more = {name: value for name, value in options_of_query(exchange).items() if name not in given}
    return msgspec.structs.replace(asked, **more)


def refuse_too_long(answers: Sequence[Any]) -> None:
    """Refuse the whole request for the first text that is too long; only who asked for that gets here.

    Raises:
        RefusedError: 400.
    """
    for number, answer in enumerate(answers, 1):
        if isinstance(answer, TextError):  # which counted the texts of its batch
            raise bad_request(str(TextError(number, answer.problem, answer.fix)))


ENTITY = {
    "type": "object",
    "required": ["label", "text", "start", "end", "score"],
    "properties": {
        "label": {"type": "string"},
        "text": {"type": "string"},
        "start": {"type": "integer"},
        "end": {"type": "integer"},
        "score": {"type": "number"},
    },
}
_GIVES = {
    "type": "object",
    "properties": {
        "entities": {"type": "array", "items": {"type": "array", "items": ENTITY}},
        "labels": {"type": "array", "items": {"type": "array", "items": {"type": "string"}}},
    },
}

ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/tag",
        handler=tag,
        summary="Entities of texts, or labels of words; as NDJSON, a stream of them",
        takes=TagRequest,
        gives=_GIVES,
        more={NDJSON: {"type": "string"}},
        query=QUERY,
    ),
)
