"""Timer: calls functions when their time comes, to a fiftieth of a second, with one timer of the event loop for all.

A server sets several time limits for each request, and nearly none is ever reached. A timer of the event loop costs
some microseconds each, and asyncio.timeout five times as much; an entry here costs next to nothing.
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

    def __init__(self) -> None:
        self._entries: dict[int, tuple[float, Callable[[], object]]] = {}
        self._numbers = itertools.count()
        self._looking = False

    def at(self, when: float, function: Callable[[], object]) -> int:
        """Call the function at that time.

        Args:
            when: on time.monotonic's clock.
            function: quick, and without errors.

        Returns:
            the entry's number, for `cancel`.
        """
        number = next(self._numbers)
        self._entries[number] = (when, function)
        if not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_later(_STEP, self._look)
        return number

    def cancel(self, number: int) -> None:
        """Forget that entry, if it is still there."""
        self._entries.pop(number, None)

    async def within(self, seconds: float, coming: Awaitable[T]) -> T:
        """What is awaited, if it comes in time.

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

        number = self.at(time.monotonic() + seconds, end)
        try:
            return await coming
        except asyncio.CancelledError:
            # Cancelled by somebody else as well: that one's wish goes first.
            if late and task.uncancel() <= before:
                raise TimeoutError from None
            raise
        finally:
            self.cancel(number)

    def _look(self) -> None:
        now = time.monotonic()
        due = [number for number, (when, _) in self._entries.items() if when <= now]
        for number in due:
            if entry := self._entries.pop(number, None):
                entry[1]()
        self._looking = bool(self._entries)
        if self._looking:
            asyncio.get_running_loop().call_later(_STEP, self._look)
