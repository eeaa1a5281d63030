"""Bodies of HTTP requests with values or bytes changed, sent to every route that takes one, in process.

Right is a reply of the server's own: an answer that equals what each text gets alone, or a refusal of the 400s as JSON.
A reply of 500, or no reply, is a finding.
"""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import numpy as np

from runtime.backends.fake import Fake
from runtime.errors import NerveError
from runtime.serve.http.app import make_app
from runtime.serve.observe.log import Log
from runtime.serve.protocols import all_endpoints
from runtime.serve.service import About, Limits, Service
from tests.fuzz.change import JUNK, changed_bytes, changed_json
from tests.fuzz.kind import Case, check
from tests.lookup import LABELS
from tests.runtime.serve.slow_backend import stages_on

_TEXTS = ["Angela Merkel in Paris", "nobody", "Paris"]
BODIES: tuple[tuple[str, Any], ...] = (
    ("/tag", {"texts": _TEXTS}),
    ("/tag", {"texts": _TEXTS, "aggregation": "simple", "thresholds": {"PER": 0.5}, "ignore": ["LOC"], "stride": 2}),
    ("/tag", {"words": [["Angela", "Merkel"], ["x"]], "constrained": True, "read": "context", "context": 20}),
    ("/", {"inputs": _TEXTS, "parameters": {"aggregation_strategy": "first", "ignore_labels": ["O"]}}),
    ("/", {"inputs": "Paris"}),
    ("/v1/models/ner:predict", {"instances": _TEXTS}),
    ("/v2/models/ner/infer", {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [3], "data": _TEXTS}]}),
    ("/analyze", {"text": "Angela Merkel in Paris", "language": "en", "entities": ["PERSON"], "score_threshold": 0.1}),
    ("/pooling", {"model": "ner", "input": _TEXTS, "task": "token_classify"}),
    ("/predict", {"tasks": [{"id": 1, "data": {"text": "Paris"}}], "label_config": "<View/>", "project": "1"}),
    ("/v1/extract", {"text": "Angela Merkel in Paris", "labels": ["PER"], "threshold": 0.2}),
)
_SMALL = 500


class _Reply:
    """What the application sent."""

    def __init__(self) -> None:
        self.status = 0
        self.body = b""

    async def take(self, message: Any) -> None:
        self.status = message.get("status", self.status)
        self.body += message.get("body", b"")


def open_case(folder: Path) -> Case:
    """See the module."""
    loop = asyncio.new_event_loop()
    stages = stages_on(Fake(len(LABELS), lambda ids: np.array([0, 0, 0, 0, 3, 4, 1, 0, 0])[ids]), folder / "bundle")
    limits = Limits(body=20_000, texts=50, characters=2_000, deadline=20.0, body_seconds=2.0)
    service = Service(stages, About(name="ner", presidio={"PER": "PERSON"}), limits=limits, log=Log(requests=False))
    app = make_app(service, all_endpoints())
    loop.run_until_complete(service.start())

    def case(chance: random.Random) -> None:
        path, value = chance.choice(BODIES)
        changed = changed_json(value, chance) if chance.random() < 0.8 else value
        raw = json.dumps(changed).encode()
        ndjson = path == "/tag" and chance.random() < 0.15
        if ndjson:
            raw = b"".join(
                json.dumps(each).encode() + b"\n" for each in (*_TEXTS, {"text": "Paris"}, chance.choice(JUNK))
            )
        if chance.random() < 0.3:
            raw = changed_bytes(raw, chance)
        reply = loop.run_until_complete(asyncio.wait_for(_ask(app, path, raw, ndjson, chance), 60))
        _check(path, raw, reply, ndjson=ndjson)

    return case


async def _ask(app: Any, path: str, raw: bytes, ndjson: bool, chance: random.Random) -> _Reply:
    """One request, its body in one or two parts."""
    kind = b"application/x-ndjson" if ndjson else chance.choice((b"application/json",) * 9 + (b"text/plain", b"\xff"))
    headers = [(b"host", b"here"), (b"content-type", kind), (b"content-length", str(len(raw)).encode())]
    if chance.random() < 0.05:
        headers.append(
            chance.choice(((b"content-encoding", b"gzip"), (b"accept", b"\xff"), (b"content-encoding", b"br")))
        )
    cut = chance.randrange(len(raw) + 1)
    parts = [
        {"type": "http.request", "body": raw[:cut], "more_body": True},
        {"type": "http.request", "body": raw[cut:]},
    ]
    gone = asyncio.Event()

    async def receive() -> Any:
        if parts:
            return parts.pop(0)
        await gone.wait()
        return {"type": "http.disconnect"}

    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http"}
    about = {"path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": headers}
    reply = _Reply()
    await app({**scope, **about, "client": ("::1", 1), "server": ("::1", 2)}, receive, reply.take)
    gone.set()
    return reply


def _check(path: str, raw: bytes, reply: _Reply, *, ndjson: bool) -> None:
    check(reply.status == 200 or 400 <= reply.status < 500, f"status {reply.status} of {path}", raw, reply.body)
    if reply.status != 200:
        check(bool(json.loads(reply.body)) and len(reply.body) < 5_000, "refused otherwise than as JSON", reply.body)
        raise NerveError("request", f"status {reply.status}", "as it must be")
    lines = [json.loads(line) for line in (reply.body.split(b"\n") if ndjson else [reply.body]) if line]
    if path == "/tag" and not ndjson:
        asked, told = json.loads(raw), lines[0]
        questions, answers = asked.get("texts") or asked.get("words") or [], told.get("entities", told.get("labels"))
        check(len(answers) == len(questions), "number of answers", raw, told)
        for text, found in zip(questions, answers):
            _check_answer(text, found, plain=asked.keys() <= {"texts", "words"})


def _check_answer(text: Any, found: Any, *, plain: bool) -> None:
    if isinstance(text, list):
        check(len(found) == len(text), "labels", text, found)
        return
    for each in found:
        check(text[each["start"] : each["end"]] == each["text"], "other characters", text, each)
    if plain:
        people = [each["text"] for each in found]
        expected = {"Angela Merkel in Paris": ["Angela Merkel", "Paris"], "nobody": [], "Paris": ["Paris"]}
        check(people == expected.get(text, people), "entities", text, found)
