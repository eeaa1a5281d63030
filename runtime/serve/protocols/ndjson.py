"""A stream of texts in, a stream of answers out: one JSON value a line, in order, in bounded memory.

Lines share the queue with all other requests. A broken line is answered by {"error": ..., "line": N} in its place, and
the stream goes on. A client should read while it writes: with as many bytes of answers waiting for it as a body may
have, its lines are not read any more; and where it takes none for as long as a request may last, the stream ends.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

import msgspec

from runtime.batch.windowing import Long, Policy
from runtime.decode.options import AGGREGATIONS, threshold_of
from runtime.errors import TextError, UsageError
from runtime.serve.batching.reading import Reading, reading_of
from runtime.serve.http.body import HALF_A_PAIR, is_of_half_a_pair, parts_of
from runtime.serve.http.exchange import Exchange
from runtime.serve.http.refused import RefusedError, bad_request
from runtime.serve.http.replies import StreamReply, encoded
from runtime.serve.service import Service

NDJSON = "application/x-ndjson"
QUERY: Mapping[str, Any] = {
    "aggregation": {"enum": list(AGGREGATIONS)},
    "constrained": {"enum": ["true", "false"]},
    "threshold": {"type": "array", "items": {"type": "string", "pattern": "^[A-Za-z]+=(0|1|0\\.[0-9]{1,6})$"}},
    "ignore": {"type": "array", "items": {"type": "string"}},
    "read": {"enum": list(get_args(Policy))},
    "context": {"type": "string", "pattern": "^(auto|[1-9][0-9]{0,5})$"},
    "long": {"enum": list(get_args(Long))},
    "stride": {"type": "string", "pattern": "^(auto|[0-9]{1,6})$"},
}
# Lines that are asked about at once, and groups of them that may be unanswered.
_LINES, _GROUPS = 256, 4
_RETRY = 0.05


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of that number, parsed: a text or words, or what is wrong with it."""

    number: int
    question: Any = None
    words: bool = False
    error: str = ""


def stream_reply(service: Service, exchange: Exchange) -> StreamReply:
    """The reply that answers the request's lines while they come.

    Raises:
        RefusedError: a parameter of the query is not understood.
    """
    if exchange.request.scope["http_version"] == "1.0":
        raise bad_request("a stream of answers has no length, which HTTP/1.0 cannot say; ask by HTTP/1.1")
    reading = reading_of(**options_of_query(exchange))
    try:
        service.stages.check(reading)
    except UsageError as error:
        raise bad_request(str(error)) from None
    parts = _answers(service, exchange, reading)
    return StreamReply(parts, media_type=NDJSON, timer=service.timer, seconds=service.limits.deadline)


async def _answers(service: Service, exchange: Exchange, reading: Reading) -> AsyncGenerator[bytes, None]:
    """Answers in order, each as soon as it is there and those before it are given, while more lines are read."""
    exchange.reads_on = True
    held = _Held(service.limits.body)
    asked: asyncio.Queue[asyncio.Task[bytes] | None] = asyncio.Queue()
    reader = asyncio.create_task(_read(service, exchange, reading, asked, held))
    try:
        while (answered := await asked.get()) is not None:
            answers = await answered
            yield answers
            held.give(len(answers))
        await reader
    except GeneratorExit:  # nobody took the rest
        exchange.outcome = "client_gone"
        raise
    except RefusedError as refused:  # the reply has begun, so that its status cannot say it any more
        exchange.outcome = refused.outcome
        yield encoded({"error": refused.message, "id": exchange.id}) + b"\n"
    finally:
        reader.cancel()
        while not asked.empty():
            if task := asked.get_nowait():
                task.cancel()


class _Held:
    """Bytes of answers that nobody has taken yet: a client that sends all before it reads can go on up to a limit."""

    def __init__(self, most: int) -> None:
        self._most, self._bytes = most, 0
        self._room = asyncio.Event()
        self._room.set()
        self.unanswered = asyncio.Semaphore(_GROUPS)

    async def room(self) -> None:
        """Wait until more may be asked."""
        await self._room.wait()
        await self.unanswered.acquire()

    def take(self, size: int) -> None:
        """A group is answered."""
        self.unanswered.release()
        self._change(size)

    def give(self, size: int) -> None:
        """The client has taken its answers."""
        self._change(-size)

    def _change(self, size: int) -> None:
        self._bytes += size
        (self._room.set if self._bytes <= self._most else self._room.clear)()


async def _read(
    service: Service,
    exchange: Exchange,
    reading: Reading,
    asked: asyncio.Queue[asyncio.Task[bytes] | None],
    held: _Held,
) -> None:
    """Ask about groups of lines as they come; the end is told by nothing."""

    async def answered(group: list[_Line]) -> bytes:
        size = 0
        try:
            answers = await _answered(service, exchange, reading, group)
            size = len(answers)
            return answers
        finally:
            held.take(size)

    try:
        async for group in _groups(service, exchange):
            await held.room()
            asked.put_nowait(asyncio.create_task(answered(group)))
    finally:
        asked.put_nowait(None)


async def _groups(service: Service, exchange: Exchange) -> AsyncIterator[list[_Line]]:
    """Lines of the body in groups: all that one part of it brings, at most _LINES."""
    rest, number = b"", 0
    limits = service.limits
    async for part in parts_of(exchange, most=0, seconds=limits.deadline, timer=service.timer):
        *lines, rest = (rest + part).split(b"\n")
        if len(rest) > limits.body:
            raise bad_request(f"a line has more than {limits.body:,} bytes")
        for start in range(0, len(lines), _LINES):
            numbered = enumerate(lines[start : start + _LINES], number + start + 1)
            if group := [_line(place, raw) for place, raw in numbered if raw.strip()]:
                yield group
        number += len(lines)
    if rest.strip():
        yield [_line(number + 1, rest)]


async def _answered(service: Service, exchange: Exchange, reading: Reading, group: list[_Line]) -> bytes:
    """The group's answers as lines."""
    answers: dict[int, Any] = {place: {"error": line.error} for place, line in enumerate(group) if line.error}
    for words in (False, True):
        places = [place for place, line in enumerate(group) if line.words == words and not line.error]
        if places:
            asked = replace(reading, kind="labels" if words else "entities")
            found = await _patiently(service, exchange, [group[place].question for place in places], asked)
            answers |= {place: _said(answer, words=words) for place, answer in zip(places, found)}
    for place, answer in answers.items():
        if "error" in answer:
            answer["line"] = group[place].number
    return b"".join(encoded(answers[place]) + b"\n" for place in range(len(group)))


async def _patiently(service: Service, exchange: Exchange, questions: list[Any], reading: Reading) -> list[Any]:
    """As Service.answer, but what is overloaded is asked again: a stream waits, that is its back-pressure."""
    while True:
        # Each group has the time that a request of its own would have.
        exchange.deadline = time.monotonic() + service.limits.deadline
        try:
            return await service.answer(exchange, questions, reading)
        except RefusedError as refused:
            if refused.status != 429:
                raise
            await asyncio.sleep(_RETRY)


def _line(number: int, raw: bytes) -> _Line:
    try:
        value = msgspec.json.decode(raw)
    except RecursionError:
        return _Line(number, error="nested too deeply")
    except ValueError as error:
        return _Line(number, error=HALF_A_PAIR if is_of_half_a_pair(error, raw) else f"not JSON ({error})")
    if isinstance(value, dict):
        given = [value[key] for key in ("text", "words") if value.get(key) is not None]
        value = given[0] if len(given) == 1 else None
    if isinstance(value, str):
        return _Line(number, value)
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return _Line(number, value, words=True)
    return _Line(number, error='neither a JSON string, nor {"text": "..."}, nor {"words": ["..."]}')


def _said(answer: Any, *, words: bool) -> dict[str, Any]:
    if isinstance(answer, TextError):
        return {"error": f"{answer.problem}; {answer.fix}"}
    return {"labels" if words else "entities": answer}


def options_of_query(exchange: Exchange) -> dict[str, Any]:
    """Options that the query asks for, under the names and as the values that the body of /tag may have.

    Raises:
        RefusedError: there is no such option, or no such value.
    """
    query = exchange.request.query_params
    if unknown := [name for name in query if name not in QUERY]:
        raise bad_request(f"unknown parameter {unknown[0][:80]!r}; there are {', '.join(QUERY)}")
    given: dict[str, Any] = {name: _value(name, query[name]) for name in query if name not in ("threshold", "ignore")}
    given["thresholds"] = dict(_threshold(each) for each in query.getlist("threshold"))
    return given | {"ignore": query.getlist("ignore")}


def _value(name: str, text: str) -> Any:
    """A parameter's value, as QUERY says what it may be."""
    rule = QUERY[name]
    if text not in rule.get("enum", [text]) or not re.fullmatch(rule.get("pattern", ".*"), text, re.ASCII):
        known = ", ".join(rule["enum"]) if "enum" in rule else "a whole number or auto"
        raise bad_request(f"{name} {text[:40]!r}: give {known}")
    if name == "constrained":
        return text == "true"
    return int(text) if text.isdecimal() else text


def _threshold(value: str) -> tuple[str, float]:
    try:
        return threshold_of(value)
    except ValueError:
        raise bad_request(f"threshold {value[:80]!r} is not LABEL=SCORE with a score of 0 to 1") from None
