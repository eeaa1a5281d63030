"""How long the rest of a stage will take, by the pace of the steps that it has done."""

from __future__ import annotations

# Beyond it people reckon in minutes.
_SECONDS = 600


class Pace:
    """The pace of one stage.

    Args:
        total: steps that it has; 0 where nobody knows.
        now: seconds from any moment on, at its begin.
    """

    def __init__(self, total: int, now: float) -> None:
        self._total, self._begun = total, now
        # Steps that were done when the first was told of: a run that goes on did not do them here.
        self._before = -1

    def left(self, done: int, now: float) -> str:
        """What a person is told, such as "about 90 s left", where so many steps are done; "" if nothing can be said."""
        if self._before < 0:
            self._before = done
        if not self._total or done <= self._before or done > self._total:
            return ""
        seconds = (now - self._begun) / (done - self._before) * (self._total - done)
        return f"about {seconds:.0f} s left" if seconds < _SECONDS else f"about {seconds / 60:.0f} min left"
