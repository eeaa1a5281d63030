"""The bell by which threads wake the event loop: nothing that they give is lost, or told twice, or out of order."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import uvloop

from runtime.serve.bell import Bell
from tests.waiting import PATIENCE

_THREADS, _EACH = 4, 2_000


async def _heard() -> list[tuple[int, int]]:
    heard, all_heard = list[tuple[int, int]](), asyncio.Event()

    def hear(given: tuple[int, int]) -> None:
        assert threading.current_thread() is threading.main_thread()
        heard.append(given)
        if len(heard) == _THREADS * _EACH:
            all_heard.set()

    bell = Bell(hear)

    def give(thread: int) -> None:
        for number in range(_EACH):
            bell.ring((thread, number))

    with ThreadPoolExecutor(_THREADS) as pool:
        for thread in range(_THREADS):
            pool.submit(give, thread)
        await asyncio.wait_for(all_heard.wait(), PATIENCE)
    return heard


def test_all_that_threads_give_is_heard_in_the_order_of_each() -> None:
    for loop_factory in (asyncio.new_event_loop, uvloop.new_event_loop):
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            heard = runner.run(_heard())
        assert len(set(heard)) == len(heard) == _THREADS * _EACH
        for thread in range(_THREADS):
            assert [number for given, number in heard if given == thread] == list(range(_EACH))


def test_each_is_heard_before_the_next_is_given() -> None:
    async def run() -> None:
        heard: asyncio.Queue[int] = asyncio.Queue()
        bell = Bell(heard.put_nowait)
        for number in range(100):
            await asyncio.to_thread(bell.ring, number)
            assert await asyncio.wait_for(heard.get(), PATIENCE) == number

    asyncio.run(run())
