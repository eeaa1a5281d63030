"""The timer that all requests share: what is due is called, what is cancelled is not, and time limits hold."""

from __future__ import annotations

import asyncio
import time

import pytest

from runtime.serve.timer import Timer


async def _never() -> str:
    await asyncio.sleep(60)
    return "it came"


async def _at_once() -> str:
    return "it came"


def test_what_is_due_is_called_and_what_is_cancelled_is_not() -> None:
    async def run() -> list[str]:
        timer, called = Timer(), []
        now = time.monotonic()
        timer.at(now + 0.05, lambda: called.append("soon"))
        forgotten = timer.at(now + 0.05, lambda: called.append("cancelled"))
        timer.at(now + 60, lambda: called.append("late"))
        timer.cancel(forgotten)
        timer.cancel(forgotten)
        await asyncio.sleep(0.2)
        # It looks again for what comes after a rest.
        timer.at(time.monotonic(), lambda: called.append("again"))
        await asyncio.sleep(0.2)
        return called

    assert asyncio.run(run()) == ["soon", "again"]


def test_what_comes_in_time_is_given_and_what_does_not_is_a_timeout() -> None:
    async def run() -> None:
        timer = Timer()
        assert await timer.within(60, _at_once()) == "it came"
        begun = time.monotonic()
        with pytest.raises(TimeoutError):
            await timer.within(0.05, _never())
        assert 0.05 <= time.monotonic() - begun < 30
        await asyncio.sleep(0)  # the task was not left cancelled

    asyncio.run(run())


def test_whoever_else_cancels_a_task_is_not_told_of_a_timeout() -> None:
    async def run() -> None:
        task = asyncio.create_task(Timer().within(60, _never()))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())


def test_time_in_which_the_event_loop_stood_still_is_not_counted_but_for_deadlines() -> None:
    async def run() -> None:
        now = [100.0]
        timer, come, passed = Timer(lambda: now[0]), asyncio.Event(), asyncio.Event()
        waiting = asyncio.create_task(timer.within(10, come.wait()))
        await asyncio.sleep(0)
        timer.at(110.0, passed.set)
        now[0] += 60
        await passed.wait()  # it has looked since
        assert not waiting.done()
        come.set()
        assert await waiting

    asyncio.run(run())


def test_many_short_stops_are_not_counted_either_and_time_that_passes_is() -> None:
    async def run() -> None:
        now = [100.0]
        timer, looks = Timer(lambda: now[0]), [0]
        waiting = asyncio.create_task(timer.within(10, _never()))
        await asyncio.sleep(0)

        async def look(seconds: float) -> None:
            """Let so much time pass until the next look."""
            looked = asyncio.Event()
            now[0] += seconds
            timer.at(now[0], looked.set)
            await looked.wait()
            looks[0] += 1

        for _ in range(20):
            await look(1.0)
        assert not waiting.done()
        while not waiting.done() and looks[0] < 2000:
            await look(0.03)  # no more than a look may be late by
        with pytest.raises(TimeoutError):
            await waiting

    asyncio.run(run())
