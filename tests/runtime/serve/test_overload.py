"""Far more than the server can do, and small clients beside large ones; the stand-in sets how much it can do.

What depends on the clock is marked slow; python -m bench serve --overload measures it on a real bundle.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest

from bench.measure.jobs import no_collector
from tests.runtime.serve.running import TIMEOUT
from tests.runtime.serve.stand_in import Slow, Starting
from tests.waiting import wait_until

SENTENCE = "word " * 18
CAPACITY = 2000 / 20  # sentences a second of a stand-in of 2,000 tokens a second: 20 with the special ones


@dataclass
class Seen:
    """Seconds of each answer, and of each refusal."""

    served: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)


def _request(texts: list[str]) -> bytes:
    body = json.dumps({"texts": texts}).encode()
    return b"POST /tag HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def _ask(port: int, request: bytes, seen: Seen) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        begun = time.perf_counter()
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
        status = int(head.split()[1])
        assert status in (200, 429), head
        (seen.served if status == 200 else seen.refused).append(time.perf_counter() - begun)
    finally:
        writer.close()


def _arriving(port: int, rate: float, seconds: float) -> Seen:
    """Sentences that come by a Poisson process."""
    # In a process of tests a collection took this client 0.6 seconds, which it would count as the server's.
    with no_collector():
        return asyncio.run(_arrive(port, rate, seconds))


async def _arrive(port: int, rate: float, seconds: float) -> Seen:
    seen, chance, tasks = Seen(), random.Random(1), []
    end, due = time.perf_counter() + seconds, time.perf_counter()
    while due < end:
        due += chance.expovariate(rate)
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(_ask(port, _request([SENTENCE]), seen)))
    await asyncio.gather(*tasks)
    return seen


@contextmanager
def _bulk(server: Slow) -> Iterator[socket.socket]:
    """A client that waits for an answer to 10,000 sentences while the context lasts."""
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT) as client:
        client.sendall(_request([SENTENCE] * 10_000))
        wait_until(lambda: server.metric("ner_queue_tokens") > 0)  # its turns
        yield client


async def _one_after_another(port: int, count: int) -> Seen:
    seen = Seen()
    for _ in range(count):
        await _ask(port, _request([SENTENCE]), seen)
    return seen


def test_a_large_request_does_not_shut_out_small_ones(slow: Starting) -> None:
    with slow(4000, "--no-request-log", "--deadline", TIMEOUT) as server, _bulk(server) as large:
        seen = asyncio.run(_one_after_another(server.port, 3))
        assert len(seen.served) == 3
        # 10,000 sentences take 50 seconds on this stand-in; these did not stand behind them.
        large.setblocking(False)
        with pytest.raises(BlockingIOError):
            large.recv(1)


@pytest.mark.slow
def test_ten_times_the_rate_keeps_the_rate_and_the_latency_of_what_is_accepted(slow: Starting) -> None:
    with slow(2000, "--no-request-log", "--batch-tokens", "128") as server:
        _arriving(server.port, CAPACITY, 2)
        calm = _arriving(server.port, 0.9 * CAPACITY, 20)
        flood = _arriving(server.port, 10 * CAPACITY, 20)
    assert len(calm.refused) < 0.05 * len(calm.served)
    assert len(flood.served) > 0.9 * 20 * CAPACITY
    assert np.quantile(flood.served, 0.99) < 2 * np.quantile(calm.served, 0.99)


@pytest.mark.slow
def test_refusals_take_less_than_10_milliseconds(slow: Starting) -> None:
    with slow(500, "--no-request-log") as server:
        flood = _arriving(server.port, 250, 20)
    assert len(flood.refused) > len(flood.served)
    assert np.quantile(flood.refused, 0.99) < 0.010


@pytest.mark.slow
def test_a_small_client_beside_a_large_one_waits_three_times_as_long_at_most(slow: Starting) -> None:
    with slow(8000, "--no-request-log", "--deadline", "300") as server:
        asyncio.run(_one_after_another(server.port, 20))
        alone = asyncio.run(_one_after_another(server.port, 300))
        with _bulk(server):
            beside = asyncio.run(_one_after_another(server.port, 300))
    assert len(beside.served) == 300
    assert np.quantile(beside.served, 0.99) < 3 * np.quantile(alone.served, 0.99)
