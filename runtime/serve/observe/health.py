"""Health: whether the server answers as it did when it started. A known sentence is tagged again and compared.

Live is a process that answers HTTP. Ready is one whose backend gives the answer of the start, and that is not draining.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from runtime.text.entity import Entity

SENTENCE = "Angela Merkel met Emmanuel Macron in Paris, the United Nations said on Monday."
# Seconds for which an answer to the question "ready?" is given again, and that the sentence may take.
_FRESH, _MOST_SECONDS = 1.0, 5.0
# How far a score may be from that of the start: far more than a CPU's rounding, far less than a damaged weight's work.
_SCORE = 1e-3

Probe = Callable[[], Awaitable[Sequence[Entity]]]


class Health:
    """See the module.

    Args:
        probe: tags SENTENCE through the queue that requests go through.

    Attributes:
        draining: the process is about to end.
        problem: why the server is not ready; empty where it is.
    """

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._expected: list[Entity] | None = None
        self._asked = float("-inf")
        self._lock: asyncio.Lock | None = None
        self.draining = False
        self.problem = "starting"

    @property
    def ready(self) -> bool:
        """Whether it was ready when it was last looked at."""
        return not self.draining and not self.problem

    async def start(self) -> None:
        """Remember the answer that later ones are held against."""
        self._lock = asyncio.Lock()
        self._expected = list(await self._probe())
        self.problem = ""

    def fail(self, problem: str) -> None:
        """The backend failed: not ready until the sentence is answered as before."""
        self.problem, self._asked = problem, float("-inf")

    async def check(self) -> str:
        """Why the server is not ready; empty where it is."""
        if self.draining:
            return "draining: this server is about to end"
        if self._expected is None or self._lock is None:
            return self.problem
        async with self._lock:
            if time.monotonic() - self._asked > _FRESH:
                self.problem = await self._look(self._expected)
                self._asked = time.monotonic()
        return self.problem

    async def _look(self, expected: Sequence[Entity]) -> str:
        try:
            async with asyncio.timeout(_MOST_SECONDS):
                found = await self._probe()
        except TimeoutError:
            return f"the known sentence was not answered within {_MOST_SECONDS:g} s"
        except Exception as error:
            return f"the known sentence was not answered: {error}"
        return "" if _alike(found, expected) else "the known sentence is not answered as when the server started"


def _alike(found: Sequence[Entity], expected: Sequence[Entity]) -> bool:
    def place(entity: Entity) -> tuple[str, int, int]:
        return entity.label, entity.start, entity.end

    same = [*map(place, found)] == [*map(place, expected)]
    return same and all(abs(a.score - b.score) <= _SCORE for a, b in zip(found, expected))
