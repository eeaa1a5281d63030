"""python -m bench.serve.client: the client of all servers, in a process of its own. JSON in, JSON out.

It speaks HTTP/1.1 over plain streams, so that it takes as little of the machine as it can; requests are made before.

    closed loop    so many connections, each asks again as soon as it is answered
    open loop      requests come when they come (a Poisson process); latency counts from when one was due
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
import sys
import time
from typing import Any

_MOST_WAITING = 512


class _Connection:
    """A connection that is kept."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        lower = head.lower()
        place = lower.index(b"content-length:") + 15
        length = int(lower[place : lower.index(b"\r\n", place)])
        return int(head[9:12]), await self._reader.readexactly(length)

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


async def _connect(host: str, port: int) -> _Connection:
    return _Connection(*await asyncio.open_connection(host, port))


class _Run:
    """What a run saw: seconds of each request that was answered, refusals, and the first answer to each."""

    def __init__(self, requests: list[bytes]) -> None:
        self.requests = requests
        self.seconds: list[float] = []
        self.refused = 0
        self.bodies: dict[int, bytes] = {}

    async def one(self, connection: _Connection, number: int, due: float) -> None:
        """Ask the request of that number; its latency counts from `due`."""
        place = number % len(self.requests)
        status, body = await connection.ask(self.requests[place])
        if status == 200:
            self.seconds.append(time.perf_counter() - due)
            self.bodies.setdefault(place, body)
        else:
            self.refused += 1


async def _closed(run: _Run, job: dict[str, Any]) -> float:
    """So many connections for so many seconds; how long it took."""
    begun = time.perf_counter()
    until = begun + job["seconds"]
    numbers = iter(range(sys.maxsize))

    async def client() -> None:
        connection = await _connect(job["host"], job["port"])
        while time.perf_counter() < until:
            await run.one(connection, next(numbers), time.perf_counter())
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


def main() -> None:
    """Do the job on standard input."""
    job = json.load(sys.stdin)
    run = _Run([base64.b64decode(request) for request in job["requests"]])
    wall = asyncio.run((_open if job["rate"] else _closed)(run, job))
    bodies = {number: base64.b64encode(body).decode() for number, body in run.bodies.items()}
    json.dump({"seconds": run.seconds, "refused": run.refused, "wall": wall, "bodies": bodies}, sys.stdout)


if __name__ == "__main__":
    main()
