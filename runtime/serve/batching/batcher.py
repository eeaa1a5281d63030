"""The threads that answer calls from the shared queue.

A worker takes a batch as soon as a stream of the backend is free: on an idle server nothing waits for company, and
while batches run, the next gathers. A stream that has just ended a batch, while others run theirs, lets the next one
gather for a part of the time that the ended one took: those who were answered come back in it, and fewer, fuller
batches cost less. One worker more may tokenize a full batch ahead, so that a stream never waits for a tokenizer; one
more than that is kept for small calls. Workers never touch the event loop but to say that calls are done.
"""

from __future__ import annotations

import bisect
import heapq
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from runtime.serve.batching.batch_report import BatchReport
from runtime.serve.batching.call import Call, Drop, Piece, Times
from runtime.serve.batching.fair_queue import FairQueue
from runtime.serve.batching.last_first import LastFirst
from runtime.serve.batching.learnt import Learnt
from runtime.serve.batching.reading import Reading
from runtime.serve.batching.stream_gate import NobodyWaitsError

# Share of a batch's time that its stream lets the next one gather. On two busy CPUs a quarter saved 3% of a request's
# CPU time at 16 connections and 7% at 64; a half saved no more there.
_GATHER = 0.25
# With --max-queued-tokens 0: seconds of work that may wait; a batch for each stream may in any case. More would
# not be answered sooner: in an overload it makes everyone wait, and as many are refused.
_QUEUED_SECONDS = 0.025
# Times its own size that may stand before a large call: those who ask for much wait for others who do.
_OWN_SIZES = 2


class Stages(Protocol):
    """What answers a batch; see runtime.serve.batching.stages."""

    @property
    def backend(self) -> Stopwatch: ...
    @property
    def around(self) -> int: ...
    def tokenize(self, reading: Reading, questions: Sequence[Any]) -> Any: ...
    def fitting(self, reading: Reading, tokens: Any, *, slots: int) -> int: ...
    def first(self, tokens: Any, count: int) -> Any: ...
    def run(self, reading: Reading, tokens: Any) -> Any: ...
    def decode(self, reading: Reading, tokens: Any, said: Any) -> list[Any]: ...


class Stopwatch(Protocol):
    """What is needed of a SharedBackend."""

    @property
    def concurrent(self) -> int: ...
    @property
    def seconds(self) -> float: ...
    def begin(self, *, small: bool, wanted: Callable[[], bool]) -> None: ...


class OverloadedError(Exception):
    """The queue is full.

    Attributes:
        seconds: after which it may be worth asking again.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def _nobody(_: Sequence[Call]) -> None:
    return None


def _no_report(_: BatchReport) -> None:
    return None


def _no_fault(_: BaseException) -> None:
    return None


class Batcher:
    """See the module. Threads start with the first call and end with `close`.

    Args:
        stages: answer batches.
        batch: most tokens of a batch; of one of small calls, if `gathered` is 1.
        gathered: batches' tokens to which small calls gather.
        spare: share of that which is taken beyond it, by the estimate; what does not fit is put back.
        most_queued: tokens that may stand before a newcomer; 0: see `room`.
        on_done: called from a worker's thread with calls that are answered or have failed, each call once.
        on_batch: called from a worker's thread after each batch.
        on_fault: called from a worker's thread with what a batch failed of.
        clock: in seconds; of when to gather, and of deadlines.
    """

    def __init__(
        self,
        stages: Stages,
        *,
        batch: int,
        gathered: int = 1,
        spare: float = 0.0,
        most_queued: int = 0,
        on_done: Callable[[Sequence[Call]], None] = _nobody,
        on_batch: Callable[[BatchReport], None] = _no_report,
        on_fault: Callable[[BaseException], None] = _no_fault,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stages, self._batch, self._most_queued = stages, batch, most_queued
        self._on_done = on_done
        self._on_batch, self._on_fault, self._clock = on_batch, on_fault, clock
        self._queue = FairQueue(batch, gathered=gathered, spare=spare)
        self._changed = LastFirst()
        self._streams = stages.backend.concurrent
        self._running = self._running_bulk = 0
        # Tokens of the small calls that were taken while all streams ran, until one is free. Small newcomers pass large
        # calls at the backend's gate, and each other nowhere.
        self._ahead = 0
        self._rested = [0.0] * self._streams  # a heap: when each free stream has let enough gather
        self._timed = 0  # workers that wait for that, while something gathers
        self._closed = False
        self._learnt = Learnt()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(self._streams + 2)]
        for thread in self._threads:
            thread.start()

    @property
    def queued(self) -> int:
        """Tokens that stand before a small newcomer: in the queue, and in a batch that is tokenized ahead."""
        return self._queue.tokens + self._ahead

    @property
    def room(self) -> int:
        """Tokens that may stand before a newcomer: a batch for each stream, or what is answered in 25 ms."""
        return self._most_queued or max(self._streams * self._batch, int(self._learnt.speed * _QUEUED_SECONDS))

    @property
    def dropped(self) -> dict[Drop, int]:
        """Calls that left the queue without a batch, by why."""
        return dict(self._queue.dropped)

    def refusal(self, characters: int = 0) -> OverloadedError | None:
        """Why the queue would take no call of at most so many characters; None where it might, as `offer` decides."""
        if not self.queued:
            return None
        size = int(self._learnt.ratio * characters)
        with self._changed:
            # A body is more than its texts: four times as much at most is a guess that refuses none in vain.
            return self._refusal(size // 4, size)

    def _refusal(self, least: int, size: int) -> OverloadedError | None:
        """Why a call of `size` tokens is not taken, where so much stands before one of `least`."""
        standing = self._queue.standing(least) + self._ahead
        if standing < max(self.room, _OWN_SIZES * size):
            return None
        speed = self._learnt.speed
        return OverloadedError(standing / speed if speed else 1.0)

    def sizes(self, questions: Sequence[Any]) -> list[int]:
        """Tokens of texts as far as they are known before tokenizing: by the characters of those that came before.

        Special tokens are counted, and the token slots that alignment leaves empty: a batch is to fill whole rows.
        """
        return self._learnt.sizes(questions, around=self._stages.around)

    def offer(self, call: Call, *, probe: bool = False) -> None:
        """Into the queue.

        Args:
            call: what is asked.
            probe: it is the server's own and is let in whatever waits.

        Raises:
            OverloadedError: the queue is full.
        """
        if not call.questions:
            self._on_done([call])
            return
        with self._changed:
            refusal = None if probe else self._refusal(call.size, call.size)
            if refusal or self._closed:
                raise refusal or OverloadedError(1.0)
            self._queue.put(call, self._clock())
            self._call_another()

    def close(self, seconds: float = 5.0) -> bool:
        """Take no more, fail what waits, and let batches that run end; whether they did in that time."""
        with self._changed:
            self._closed = True
            waiting = self._queue.drain()
            self._changed.notify_all()
        self._fail(waiting, OverloadedError(1.0))
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while pieces := self._next():
            began = self._clock()
            try:
                started = time.monotonic()
                pieces, tokens = self._tokenized(pieces)
                self._answer(pieces, tokens, started)
            except NobodyWaitsError:  # who dropped these calls has told whoever waited for them
                pass
            except Exception as error:  # whatever it is, it is these calls' answer, and the worker lives on
                self._on_fault(error)
                self._fail([piece.call for piece in pieces], error)
            finally:
                with self._changed:  # this worker looks for the next batch itself, so that no other need wake up
                    now = self._clock()
                    self._running -= 1
                    self._ahead = 0
                    self._running_bulk -= not pieces[0].call.small
                    if self._running < self._streams:
                        heapq.heappush(self._rested, now + _GATHER * (now - began))

    def _next(self) -> list[Piece]:
        """The next batch, waited for; nothing once the batcher is closed."""
        with self._changed:
            while not self._closed:
                now = self._clock()
                if self._queue and self._may_run(now):
                    bulk = self._running_bulk <= self._streams
                    if pieces := self._queue.take(now, bulk=bulk):
                        if self._running < self._streams:
                            heapq.heappop(self._rested)
                        elif pieces[0].call.small:
                            self._ahead = sum(piece.size for piece in pieces)
                        self._running += 1
                        self._running_bulk += not pieces[0].call.small
                        self._call_another()
                        return pieces
                self._rest(now)
            return []

    def _rest(self, now: float) -> None:
        """Wait for something to do; where calls gather before a free stream, no longer than they may."""
        gathers = self._rested[0] - now if self._queue and self._rested else 0.0
        self._timed += gathers > 0
        self._changed.wait(gathers if gathers > 0 else None)
        self._timed -= gathers > 0

    def _call_another(self) -> None:
        """Wake a worker where one may run, or has to wait for what gathers; one that wakes in vain takes the
        interpreter from those that work."""
        if self._queue and (self._may_run(self._clock()) or (self._rested and not self._timed)):
            self._changed.notify()

    @property
    def _has_full_batch(self) -> bool:
        """Whether what waits fills a batch of small calls, or all the room that there is."""
        return self._queue.tokens >= min(self._queue.full, self.room)

    def _may_run(self, now: float) -> bool:
        """Whether a worker may take now: a stream is free and has let enough gather, or a full batch can be tokenized
        ahead."""
        if self._running < self._streams and (not self._running or self._rested[0] <= now or self._has_full_batch):
            return True
        # Small calls pass large ones at the gate of the backend, so that they need not wait for a large one's end.
        passes = self._queue.has_small and self._running_bulk > 0 and self._running - self._running_bulk < self._streams
        return passes or (self._running == self._streams and self._has_full_batch)

    def _tokenized(self, pieces: list[Piece]) -> tuple[list[Piece], Any]:
        """The pieces that fill a batch, and their tokens; of small calls, the others go back to the queue's head."""
        small, reading, taken = pieces[0].call.small, pieces[0].call.reading, pieces
        self._stages.backend.begin(small=small, wanted=lambda: any(not piece.call.dropped for piece in taken))
        tokens = self._stages.tokenize(reading, _questions(pieces))
        if not small or len(pieces) == 1:
            return pieces, tokens
        ends = list(itertools.accumulate(piece.end - piece.first for piece in pieces))
        fitting = self._stages.fitting(reading, tokens, slots=self._queue.full)
        kept = max(1, bisect.bisect_right(ends, fitting))
        if kept == len(pieces):
            return pieces, tokens
        self._put_back(pieces[kept:])
        return pieces[:kept], self._stages.first(tokens, ends[kept - 1])

    def _put_back(self, pieces: Sequence[Piece]) -> None:
        """Small calls for which there was no room, in the order in which they came."""
        with self._changed:
            closed = self._closed
            if not closed:
                self._queue.put_back(pieces)
                self._ahead = max(0, self._ahead - sum(piece.size for piece in pieces))
                self._call_another()
        if closed:
            self._fail([piece.call for piece in pieces], OverloadedError(1.0))

    def _answer(self, pieces: Sequence[Piece], tokens: Any, began: float) -> None:
        reading, clock = pieces[0].call.reading, time.monotonic
        tokenized = clock()
        said = self._stages.run(reading, tokens)
        ran = clock()
        answers = self._stages.decode(reading, tokens, said)
        decoded = clock()
        count, inference = int(tokens.text_start[-1]), self._stages.backend.seconds
        times = Times(ran - tokenized - inference, tokenized - began, inference, decoded - ran)
        self._learnt.learn(_questions(pieces), count, seconds=inference, streams=self._streams)
        self._deliver(pieces, answers, tokens.text_start, times, began)
        room = self._queue.full if pieces[0].call.small else self._batch
        self._on_batch(BatchReport(count, room, len({id(p.call) for p in pieces}), times))

    def _deliver(self, pieces: Sequence[Piece], answers: list[Any], text_start: Any, times: Times, now: float) -> None:
        place, done = 0, []
        for piece in pieces:
            end = place + piece.end - piece.first
            call, of_batch = piece.call, answers[place:end]
            call.times.add(times)
            call.times.queue += now - call.offered if piece.first == 0 else 0.0
            call.tokens += int(text_start[end] - text_start[place])
            if call.answer(piece.first, of_batch):
                done.append(call)
            place = end
        if done:
            self._on_done(done)

    def _fail(self, calls: Sequence[Call], error: BaseException) -> None:
        if failed := [call for call in calls if call.fail(error)]:
            self._on_done(failed)


def _questions(pieces: Sequence[Piece]) -> list[Any]:
    return [question for piece in pieces for question in piece.questions]
