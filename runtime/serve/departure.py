"""Departure: that a client has gone, told at once to whoever works for it. ASGI would have each request ask for it."""

from __future__ import annotations

from collections.abc import Callable

DEPARTURE = "departure"
"""Where the scope of a request has the Departure of its connection."""


class Departure:
    """See the module; one for each connection. All calls come from the thread of the event loop."""

    def __init__(self) -> None:
        self._told: set[Callable[[], object]] = set()
        self._gone = False

    def tell(self, function: Callable[[], object]) -> None:
        """Call the function when the client goes; at once where it has gone."""
        if self._gone:
            function()
        else:
            self._told.add(function)

    def forget(self, function: Callable[[], object]) -> None:
        """Do not call it any more."""
        self._told.discard(function)

    def happen(self) -> None:
        """The client has gone."""
        self._gone, told = True, self._told
        self._told = set()
        for function in told:
            function()


NOBODY_LEAVES = Departure()
"""That of a request for which no server says when its client goes."""
