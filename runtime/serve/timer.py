"""Timer: calls functions when their time comes, to a fiftieth of a second, with one timer of the event loop for all.

A server sets several time limits for each request, and nearly none is ever reached. A timer of the event loop costs
some microseconds each, and asyncio.timeout five times as much; an entry here costs next to nothing.

    at        a time, whatever happens until then: a deadline
    within    seconds in which the event loop ran: while it stands still, what a client has sent is not read, and the
              client is not to blame for that
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
# Seconds between two looks.
_STEP = 0.02


class Timer:
    """See the module. All calls come from the thread of the event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # When each is due; whether that is without the time in which the loop stood still; and what is called.
        self._entries: dict[int, tuple[float, bool, Callable[[], object]]] = {}
        self._numbers = itertools.count()
        self._looking = False
        self._next, self._stood = 0.0, 0.0  # when the next look is, and seconds by which looks came too late

    def at(self, when: float, function: Callable[[], object]) -> int:
        """Call the function at that time.

        Args:
            when: on the clock, which is time.monotonic's.
            function: quick, and without errors.

        Returns:
            the entry's number, for `cancel`.
        """
        return self._enter(when, False, function)

    def cancel(self, number: int) -> None:
        """Forget that entry, if it is still there."""
        self._entries.pop(number, None)

    async def within(self, seconds: float, coming: Awaitable[T]) -> T:
        """What is awaited, if it comes in so many seconds in which the event loop ran.

        Raises:
            TimeoutError: it did not.
        """
        task = asyncio.current_task()
        assert task is not None
        late, before = False, task.cancelling()

        def end() -> None:
            nonlocal late
            late = True
            task.cancel()

        number = self._enter(self._clock() - self._stood + seconds, True, end)
        try:
            return await coming
        except asyncio.CancelledError:
            # Cancelled by somebody else as well: that one's wish goes first.
            if late and task.uncancel() <= before:
                raise TimeoutError from None
            raise
        finally:
            self.cancel(number)

    def _enter(self, when: float, of_loop: bool, function: Callable[[], object]) -> int:
        number = next(self._numbers)
        self._entries[number] = (when, of_loop, function)
        if not self._looking:
            self._rest()
        return number

    def _rest(self) -> None:
        """Until the next look."""
        self._looking, self._next = True, self._clock() + _STEP
        asyncio.get_running_loop().call_later(_STEP, self._look)

    def _look(self) -> None:
        now = self._clock()
        if now - self._next > _STEP:
            self._stood += now - self._next
        ran = now - self._stood
        due = [number for number, (when, of_loop, _) in self._entries.items() if when <= (ran if of_loop else now)]
        for number in due:
            if entry := self._entries.pop(number, None):
                entry[2]()
        self._looking = bool(self._entries)
        if self._looking:
            self._rest()
