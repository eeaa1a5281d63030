"""Service: what a protocol is given to answer with. It joins stages, queue, health, metrics, log and shadow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from runtime.errors import NerveError, UsageError
from runtime.serve.batching.batcher import Batcher, OverloadedError
from runtime.serve.batching.call import Call
from runtime.serve.batching.reading import ENTITIES, Reading
from runtime.serve.batching.stages import TaggingStages
from runtime.serve.bell import Bell
from runtime.serve.departure import DEPARTURE, NOBODY_LEAVES
from runtime.serve.http.exchange import Exchange
from runtime.serve.http.refused import (
    RefusedError,
    about_to_end,
    bad_request,
    client_gone,
    overloaded,
    too_large,
    too_late,
)
from runtime.serve.observe.health import SENTENCE, Health
from runtime.serve.observe.log import Log
from runtime.serve.observe.metrics import Metrics
from runtime.serve.observe.shadow import Shadow
from runtime.serve.timer import Timer
from runtime.text.entity import Entity
from runtime.text.label_names import OUTSIDE

_PROBE_SECONDS = 30.0
# Kinds of reading that answer a text by spans: of entities, or of all that the pipeline finds groups of.
_OF_TEXTS = ("entities", "groups")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may ask.

    Attributes:
        body: bytes, packed and unpacked.
        texts: texts.
        characters: code points of one text.
        deadline: seconds.
        body_seconds: between two parts of a body.
    """

    body: int = 8 << 20
    texts: int = 20_000
    characters: int = 1_000_000
    deadline: float = 30.0
    body_seconds: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is served, as /info and other protocols' metadata say it.

    Attributes:
        name: the model's, in paths.
        info: all there is to say, as JSON.
        presidio: Presidio's names of entity types; a type that is not among them is left out there.
    """

    name: str
    info: Mapping[str, Any] = field(default_factory=dict)
    presidio: Mapping[str, str] = field(default_factory=dict)


class Service:
    """See the module. Made in the thread whose event loop it will serve; `start` comes first, `stop` last.

    Args:
        stages: answers batches.
        about: what is served.
        limits: of one request.
        log: where lines go.
        batch: most tokens of a batch; 0: the backend's.
        most_queued: tokens that may stand in the queue; see Batcher.
        shadow: a second bundle, asked after the answer was sent.
    """

    def __init__(
        self,
        stages: TaggingStages,
        about: About,
        *,
        limits: Limits | None = None,
        log: Log | None = None,
        batch: int = 0,
        most_queued: int = 0,
        shadow: Shadow | None = None,
    ) -> None:
        self.stages, self.about, self.limits = stages, about, limits or Limits()
        self.log = log or Log()
        self.shadow = shadow
        self.timer = Timer()
        self.health = Health(self._probe)
        self.metrics = Metrics(queued=lambda: float(self.batcher.queued), ready=lambda: float(self.health.ready))
        self.batcher = Batcher(
            stages,
            batch=batch or stages.backend.full,
            gathered=stages.backend.gathered,
            spare=stages.backend.spare,
            most_queued=most_queued,
            on_done=self._on_done,
            on_batch=self.metrics.batch,
            on_fault=self._on_fault,
        )
        self._bell: Bell[Sequence[Call]] | None = None
        self.running = 0

    async def start(self) -> None:
        """Take the known sentence's answer; from then on the server is ready."""
        self._bell = Bell(_wake)
        if self.shadow:
            self.shadow.start(self.metrics, busy=lambda: self.batcher.queued > 0)
        await self.health.start()

    def stop(self) -> bool:
        """End the threads; whether they ended."""
        shadow_ended = self.shadow.close() if self.shadow else True
        ended = self.batcher.close()
        if ended:
            self.stages.close()
            if self._bell:
                self._bell.close()
        return ended and shadow_ended

    def refuse_early(self, exchange: Exchange) -> None:
        """Refuse while the queue is full, before a body is read: that costs next to nothing.

        Raises:
            RefusedError: 429.
        """
        declared = exchange.headers.get("content-length", "")
        # What is longer is refused for that, and what is packed may unpack to as much.
        known = declared.isascii() and declared.isdigit() and "content-encoding" not in exchange.headers
        if refusal := self.batcher.refusal(min(int(declared[:18]), self.limits.body) if known else self.limits.body):
            raise overloaded(refusal.seconds)

    async def answer(self, exchange: Exchange, questions: Sequence[Any], reading: Reading = ENTITIES) -> list[Any]:
        """An answer to each question, in order: what Reading.kind says, or a TextError for a text that is too long.

        Raises:
            RefusedError: too much is asked (413), the queue is full (429), the deadline passed (504), the client went
                away, or this model has no such labels (400).
        """
        self._check(questions, reading)
        sizes = self.batcher.sizes(questions)
        call = Call(questions, sizes, reading, deadline=exchange.deadline, waiter=self._waiter())
        exchange.texts += len(questions)
        exchange.asked = questions if self.log.texts else ()
        answers = await self._answered(call, exchange)
        self._count(exchange, call, answers)
        if self.shadow and reading.kind in _OF_TEXTS:
            self.shadow.offer(questions, answers, reading, call.times.inference)
        return answers

    def _check(self, questions: Sequence[Any], reading: Reading) -> None:
        if len(questions) > self.limits.texts:
            raise too_large(f"{len(questions):,} texts in one request, at most {self.limits.texts:,}")
        most = self.limits.characters
        if any(_length(question) > most for question in questions):
            raise too_large(f"a text of more than {most:,} characters; split it, or use python -m runtime.tag")
        try:
            self.stages.check(reading)
        except UsageError as error:
            raise bad_request(str(error)) from None

    async def _answered(self, call: Call, exchange: Exchange) -> list[Any]:
        """The call's answers, unless its deadline passes or its client goes first."""
        departure = NOBODY_LEAVES if exchange.reads_on else exchange.request.scope.get(DEPARTURE, NOBODY_LEAVES)
        gone = partial(_end, call, "client_gone")
        late = self.timer.at(exchange.deadline, partial(_end, call, "deadline"))
        departure.tell(gone)
        try:
            self.batcher.offer(call)  # last of all: the worker that it wakes needs the interpreter
            await call.waiter
        except OverloadedError as full:
            raise overloaded(full.seconds) from None
        except asyncio.CancelledError:
            call.drop("client_gone")
            raise
        finally:
            self.timer.cancel(late)
            departure.forget(gone)
        if call.error:
            raise self._failure(call.error)
        if call.left:
            raise too_late() if call.dropped == "deadline" else client_gone()
        return call.answers

    def _failure(self, error: BaseException) -> BaseException:
        if isinstance(error, OverloadedError):
            return about_to_end()
        return RefusedError(500, "the backend failed; the server's log has this id", outcome="failed")

    def _count(self, exchange: Exchange, call: Call, answers: Sequence[Any]) -> None:
        exchange.tokens += call.tokens
        exchange.times.add(call.times)
        if call.reading.kind not in _OF_TEXTS or call.reading.aggregation == "none":
            return  # tokens are no entities
        found = exchange.entities
        for answer in answers:
            for entity in answer if isinstance(answer, list) else ():
                if entity.label != OUTSIDE:
                    found[entity.label] = found.get(entity.label, 0) + 1

    def _waiter(self) -> asyncio.Future[None]:
        return asyncio.get_running_loop().create_future()

    def _on_done(self, calls: Sequence[Call]) -> None:
        if self._bell:
            self._bell.ring(calls)

    def _on_fault(self, error: BaseException) -> None:
        self.metrics.fault()
        problem = str(error) if isinstance(error, NerveError) else repr(error)
        if self.health.problem != problem:  # once, and not with every request that meets it
            self.log.event("backend failed", problem=problem)
        self.health.fail(problem)

    async def _probe(self) -> list[Entity]:
        now = time.monotonic()
        questions = [SENTENCE]
        call = Call(
            questions, self.batcher.sizes(questions), ENTITIES, deadline=now + _PROBE_SECONDS, waiter=self._waiter()
        )
        self.batcher.offer(call, probe=True)
        await call.waiter
        if call.error:
            raise call.error
        return list(call.answers[0] or ())


def _length(question: str | Sequence[str]) -> int:
    """Code points of a text; of words, as if a blank followed each."""
    return len(question) if isinstance(question, str) else len(question) + sum(map(len, question))


def _wake(calls: Sequence[Call]) -> None:
    for call in calls:
        if not call.waiter.done():
            call.waiter.set_result(None)


def _end(call: Call, why: Any) -> None:
    """Nobody waits for the call any more."""
    call.drop(why)
    _wake([call])
