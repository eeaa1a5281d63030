"""python -m bench.serve.client: the client of all servers, in a process of its own. JSON in, JSON out.

It speaks HTTP/1.1 by a protocol of a few lines, so that it takes as little of the machine as it can; requests are made
before. "cpu_seconds" is what it took all the same.

    closed loop    so many connections, each asks again as soon as it is answered
                   for so many seconds; 0: until every request was answered once
    open loop      requests come when they come (a Poisson process); latency counts from when one was due
"""

from __future__ import annotations

import asyncio
import base64
import json
import math
import random
import sys
import time
from typing import Any

_MOST_WAITING = 512


class _Connection(asyncio.Protocol):
    """A connection that is kept. It has a place for one answer at a time."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._came, self._size, self._status = b"", 0, 0
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._came = self._came + data if self._came else data
        if not self._size:
            head = self._came.find(b"\r\n\r\n")
            if head < 0:
                return
            place = self._came.lower().index(b"content-length:") + 15
            self._status = int(self._came[9:12])
            self._size = head + 4 + int(self._came[place : self._came.index(b"\r\n", place)])
        if len(self._came) >= self._size and self._answer:
            answer, self._answer = self._answer, None
            body = self._came[self._came.index(b"\r\n\r\n") + 4 :]
            self._came, self._size = b"", 0
            answer.set_result((self._status, body))

    def connection_lost(self, error: Exception | None) -> None:
        """See asyncio.Protocol."""
        if self._answer and not self._answer.done():
            self._answer.set_exception(error or ConnectionResetError("the server hung up"))

    def ask(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        """Status and body of the answer, to come."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def close(self) -> None:
        """Hang up."""
        self._transport.close()


async def _connect(host: str, port: int) -> _Connection:
    return (await asyncio.get_running_loop().create_connection(_Connection, host, port))[1]


class _Run:
    """What a run saw: seconds of each request that was answered, and refused, and the first answer to each."""

    def __init__(self, requests: list[bytes]) -> None:
        self.requests = requests
        self.seconds: list[float] = []
        self.refused: list[float] = []
        self.bodies: dict[int, bytes] = {}

    async def one(self, connection: _Connection, number: int, due: float) -> None:
        """Ask the request of that number; its latency counts from `due`."""
        place = number % len(self.requests)
        status, body = await connection.ask(self.requests[place])
        (self.seconds if status == 200 else self.refused).append(time.perf_counter() - due)
        if status == 200:
            self.bodies.setdefault(place, body)


async def _closed(run: _Run, job: dict[str, Any]) -> float:
    """So many connections for so many seconds, or until all was asked once; how long it took."""
    begun = time.perf_counter()
    seconds, every = (job["seconds"], sys.maxsize) if job["seconds"] else (math.inf, len(run.requests))
    until, numbers = begun + seconds, iter(range(every))

    async def client() -> None:
        connection = await _connect(job["host"], job["port"])
        for number in numbers:
            await run.one(connection, number, time.perf_counter())
            if time.perf_counter() >= until:
                break
        connection.close()

    await asyncio.gather(*(client() for _ in range(job["connections"])))
    return time.perf_counter() - begun


async def _open(run: _Run, job: dict[str, Any]) -> float:
    """Requests by a Poisson process; connections are kept and as many as are needed, up to a limit."""
    chance = random.Random(job["seed"])
    free: list[_Connection] = [await _connect(job["host"], job["port"]) for _ in range(64)]
    room = asyncio.Semaphore(_MOST_WAITING)
    tasks: set[asyncio.Task[None]] = set()
    begun = time.perf_counter()
    due, number = begun + chance.expovariate(job["rate"]), 0

    async def ask(number: int, due: float) -> None:
        async with room:
            connection = free.pop() if free else await _connect(job["host"], job["port"])
            await run.one(connection, number, due)
            free.append(connection)

    while due < begun + job["seconds"]:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        task = asyncio.create_task(ask(number, due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        due, number = due + chance.expovariate(job["rate"]), number + 1
    await asyncio.gather(*tasks)
    for connection in free:
        connection.close()
    return time.perf_counter() - begun


def _loop() -> asyncio.AbstractEventLoop:
    """uvloop's, which takes half the time of asyncio's own, where the extra serve is installed."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def main() -> None:
    """Do the job on standard input."""
    job = json.load(sys.stdin)
    run = _Run([base64.b64decode(request) for request in job["requests"]])
    begun = time.process_time()
    with asyncio.Runner(loop_factory=_loop) as runner:
        wall = runner.run((_open if job["rate"] else _closed)(run, job))
    cpu = time.process_time() - begun
    bodies = {number: base64.b64encode(body).decode() for number, body in run.bodies.items()}
    seen = {"seconds": run.seconds, "refused": run.refused, "wall": wall, "bodies": bodies}
    json.dump({**seen, "cpu_seconds": cpu}, sys.stdout)


if __name__ == "__main__":
    main()
