"""Threads that begin work before its result is needed.

    Ahead       one function call on a thread of its own
    in_order    one function for many inputs on several threads, results in the order of the inputs

The module does not know what the work is.
"""

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
    """A function call that runs on a thread of its own, from the construction on.

    Args:
        function: takes nothing; its result is what `result` returns.
        to_its_end: keep the process alive until the function has returned, as one must that is in a library's code.
    """

    def __init__(self, function: Callable[[], Result], *, to_its_end: bool = False) -> None:
        self._function = function
        # Lists, so that None can be a result.
        self._results: list[Result] = []
        self._errors: list[BaseException] = []
        self._ended = threading.Event()
        # A daemon thread does not keep the process alive: a command that fails first ends at once.
        threading.Thread(target=self._run, daemon=not to_its_end).start()

    def result(self) -> Result:
        """The function's result; waits for it. An exception of the function is raised here."""
        # Not Thread.join: with Python 3.11, Ctrl-C there ends the process without the thread's end (bpo-45274).
        self._ended.wait()
        if self._errors:
            raise self._errors[0]
        return self._results[0]

    def _run(self) -> None:
        try:
            self._results.append(self._function())
        except BaseException as error:  # of any kind: the caller of result() must see it, and a thread has no caller
            self._errors.append(error)
        finally:
            self._ended.set()


Given = TypeVar("Given")
Answer = TypeVar("Answer")


def in_order(function: Callable[[Given], Answer], given: Iterable[Given], *, workers: int) -> Iterator[Answer]:
    """The function's results for all inputs, in the order of the inputs, computed on several threads.

    The first exception of the function ends the iteration, after the results of the inputs before it.

    Args:
        function: called on several threads at once.
        given: the inputs. Only the calling thread reads them, at most three for each worker ahead of the results.
        workers: number of threads. With 1 no thread is started, and an input is read when its result is asked for.
    """
    source = iter(given)
    # A single input needs no threads, and starting them costs more than a short text does.
    first = list(islice(source, 2)) if workers > 1 else []
    if len(first) < 2:
        yield from map(function, chain(first, source))
        return
    from concurrent.futures import ThreadPoolExecutor  # not at the top: a single text does not need its import

    pending: deque[Future[Answer]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for each in chain(first, source):
                pending.append(pool.submit(function, each))
                # Bounded: an input without end must not fill the memory with results that nobody has asked for.
                if len(pending) > 2 * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            # Whoever stops reading early must not wait for calls that have not begun.
            for future in pending:
                future.cancel()
