"""Work that is begun before its result is needed. It knows nothing of what the work is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Ahead(Generic[Result]):
    """A function that runs on a thread of its own from now on.

    The thread does not keep the process: whoever leaves without asking for the result does not wait for it.
    """

    def __init__(self, function: Callable[[], Result]) -> None:
        self._function = function
        self._results: list[Result] = []
        self._errors: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def result(self) -> Result:
        """What the function gave, once it is there; an exception of the function's is raised here."""
        self._thread.join()
        if self._errors:
            raise self._errors[0]
        return self._results[0]

    def _run(self) -> None:
        try:
            self._results.append(self._function())
        except BaseException as error:  # whatever it is, it belongs to the caller of result()
            self._errors.append(error)
