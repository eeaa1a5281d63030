"""The queue that all requests share, counted in tokens. No threads and no clock of its own.

Small calls and large ones stand in two lines, and batches are taken from each in turn. Small ones go whole and many at
once; large ones (bulk) are cut up, a quantum a batch, and take turns among themselves. So a client that sends 10,000
sentences at once delays the next client's sentence by one quantum and not by 10,000 sentences, and neither line can
starve the other.

What counts against the bound is what stands before a newcomer: small calls whole, and of each large one as much as gets
its turn before the newcomer's last: one quantum before a small newcomer, as much as its own size before a large one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from runtime.serve.batching.call import Call, Drop, Piece

SMALL = 128
"""Tokens up to which a call is small: a long sentence."""
QUANTUM = 64
"""Tokens of a large call's turn while small calls come as well: the shortest row, a few milliseconds on a CPU."""
RECENT = 1.0
"""Seconds for which a small call that came makes it likely that another will."""
# Calls of another reading that are stepped over while a batch is gathered; more would take longer than the batch.
_MOST_ASIDE = 64


class FairQueue:
    """See the module. Its owner holds a lock around every call.

    Args:
        batch: most tokens of a batch of large calls.
        gathered: batches' tokens to which small calls gather. Large ones do not: small ones would wait longer for
            their turn.
        spare: share of a batch of small calls that is taken beyond it, for whoever puts back what is too much.

    Attributes:
        full: most tokens of a batch of small calls.
        tokens: that stand before a small newcomer.
        dropped: calls, by why, that left the queue without a batch.
    """

    def __init__(self, batch: int, *, gathered: int = 1, spare: float = 0.0) -> None:
        self.tokens = 0
        self.dropped: dict[Drop, int] = {}
        self._batch, self.full = batch, gathered * batch
        self._most = self.full + int(spare * self.full)
        self._small: deque[Call] = deque()
        self._bulk: deque[Call] = deque()
        self._bulk_next = False
        self._small_came = float("-inf")

    def __bool__(self) -> bool:
        return bool(self._small or self._bulk)

    @property
    def has_small(self) -> bool:
        """Whether a small call waits."""
        return bool(self._small)

    def standing(self, size: int) -> int:
        """Tokens that stand before a newcomer of that size."""
        if size <= SMALL or not self._bulk:
            return self.tokens
        large = sum(min(call.waiting, size) for call in self._bulk)
        return self.tokens + large - QUANTUM * len(self._bulk)

    def put(self, call: Call, now: float) -> None:
        """At the end of its line."""
        call.small = call.size <= SMALL
        if call.small:
            self._small_came = now
        (self._small if call.small else self._bulk).append(call)
        self.tokens += _standing(call)

    def take(self, now: float, *, bulk: bool = True) -> list[Piece]:
        """Pieces for one batch, all of one reading; none where nothing is left that anyone waits for.

        Args:
            now: what is too late by then is left out.
            bulk: whether large calls may be taken.
        """
        while self._small or (bulk and self._bulk):
            from_bulk = bulk and bool(self._bulk) and (self._bulk_next or not self._small)
            self._bulk_next = not from_bulk
            if pieces := self._take_bulk(now) if from_bulk else self._take_small(now):
                return pieces
        return []

    def put_back(self, pieces: Sequence[Piece]) -> None:
        """Small calls that were just taken, and for which there was no room, at the head of their line."""
        for piece in reversed(pieces):
            call = piece.call
            call.next, call.waiting = piece.first, call.waiting + piece.size
            self._small.appendleft(call)
            self.tokens += _standing(call)

    def drain(self) -> list[Call]:
        """All calls that wait, taken out."""
        calls = [*self._small, *self._bulk]
        self._small.clear()
        self._bulk.clear()
        self.tokens = 0
        return calls

    def _take_small(self, now: float) -> list[Piece]:
        pieces: list[Piece] = []
        aside: list[Call] = []
        size = 0
        while self._small and size < self._most and len(aside) < _MOST_ASIDE:
            call = self._small.popleft()
            if self._is_dropped(call, now):
                self.tokens -= _standing(call)
            elif pieces and call.reading != pieces[0].call.reading:
                aside.append(call)
            else:
                self.tokens -= _standing(call)
                pieces.append(_cut(call, call.size))
                size += call.size
        self._small.extendleft(reversed(aside))
        return pieces

    def _take_bulk(self, now: float) -> list[Piece]:
        """A turn of the large calls: of one, or, where no small call can be near, of as many as fill a batch."""
        fine = now - self._small_came < RECENT
        budget = QUANTUM if fine else self._batch
        pieces: list[Piece] = []
        turns, size = len(self._bulk), 0
        while self._bulk and turns and size < budget:
            turns -= 1
            call = self._bulk.popleft()
            if self._is_dropped(call, now):
                self.tokens -= _standing(call)
                continue
            if not pieces or call.reading == pieces[0].call.reading:
                pieces.append(_cut(call, max(QUANTUM, (budget - size) // (turns + 1))))
                size += pieces[-1].size
            if call.next < len(call.questions):
                self._bulk.append(call)
            else:
                self.tokens -= _standing(call)
            if fine and pieces:
                break
        return pieces

    def _is_dropped(self, call: Call, now: float) -> bool:
        if not call.dropped and now >= call.deadline:
            call.drop("deadline")
        if call.dropped:
            self.dropped[call.dropped] = self.dropped.get(call.dropped, 0) + 1
        return bool(call.dropped)


def _standing(call: Call) -> int:
    """Tokens of the call that stand before a newcomer."""
    return call.size if call.small else QUANTUM


def _cut(call: Call, tokens: int) -> Piece:
    """The call's next questions, about that many tokens, at least one question."""
    first, size = call.next, 0
    while call.next < len(call.questions) and (call.next == first or size + call.sizes[call.next] <= tokens):
        size += call.sizes[call.next]
        call.next += 1
    call.waiting -= size
    return Piece(call, first, call.next, size)
