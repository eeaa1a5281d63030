"""Work that is begun before its result is needed. It knows nothing of what the work is."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

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


Given = TypeVar("Given")


Answer = TypeVar("Answer")


def in_order(function: Callable[[Given], Answer], given: Iterable[Given], *, workers: int) -> Iterator[Answer]:
    """function(each) for each, in order, on that many threads; the first error ends it, after the answers before.

    Args:
        function: called on several threads at once.
        given: read from the calling thread alone, up to three for each worker ahead of what was asked for.
        workers: threads. 1 needs none: each is then read only when it is asked for.
    """
    source = iter(given)
    first = list(islice(source, 2)) if workers > 1 else []
    if len(first) < 2:
        yield from map(function, chain(first, source))
        return
    from concurrent.futures import ThreadPoolExecutor  # not at the top: a single text is answered without it

    pending: deque[Future[Answer]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for each in chain(first, source):
                pending.append(pool.submit(function, each))
                if len(pending) > 2 * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
