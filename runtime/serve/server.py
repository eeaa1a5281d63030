"""The process: a socket, uvicorn on it, signals, and the end.

SIGTERM or SIGINT: readiness fails at once; a moment later, when balancers have seen that, no new connection is taken;
what was accepted is answered, up to a limit; the exit status is 0. A second signal ends the process at once.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from typing import Any

import uvicorn

from runtime.errors import UsageError
from runtime.serve.connections import BoundedProtocol, close_silent
from runtime.serve.observe.log import Log
from runtime.serve.service import Service

# Objects made since the last search for garbage, after which there is another; Python's own is 700.
_GARBAGE = 10_000
_SWITCH = 0.001
_CLOSE = (b"connection", b"close")


def listen(host: str, port: int) -> socket.socket:
    """A socket on that address.

    Raises:
        UsageError: it is taken, or is no address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named, for asyncio asks for it before it turns Nagle's algorithm off, which holds small replies
    # back for 40 ms.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except (OSError, OverflowError, UnicodeError) as error:  # no such port, and no such name, are no OSError
        made.close()
        problem = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"address {host}:{port}", problem, "choose another host or port; port 0 is any") from error
    return made


def serve(
    app: Any, service: Service, on: socket.socket, *, idle_seconds: float, drain_notice: float, drain_seconds: float
) -> None:
    """Serve until a signal; see the module.

    Args:
        app: the ASGI application.
        service: what it answers with.
        on: listened on.
        idle_seconds: after which a connection without a request is closed, a half-sent request included.
        drain_notice: seconds for which the server is not ready and still takes requests.
        drain_seconds: for what was accepted.
    """
    _log_warnings(service.log)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        timeout_graceful_shutdown=max(1, round(drain_seconds)),
    )
    server = uvicorn.Server(config)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_run(server, service, on, idle_seconds=idle_seconds, drain_notice=drain_notice))
    ended = service.stop()
    service.log.event("ended")
    service.log.close()
    if not ended:  # a thread is in the middle of a batch; nobody waits for it, and the interpreter would
        sys.stderr.flush()
        os._exit(0)


async def _run(
    server: uvicorn.Server, service: Service, on: socket.socket, *, idle_seconds: float, drain_notice: float
) -> None:
    serving = asyncio.create_task(server.serve(sockets=[on]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    if serving.done():
        await serving
        raise UsageError("server", "it could not start; the log above says why", "mend that and start it again")
    # After uvicorn's own handlers, which know nothing of readiness.
    drain = _Drain(server, service, drain_notice)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, drain.signal)
    _settle()
    _announce(service.log, on)
    sweeper = asyncio.create_task(close_silent(server, idle_seconds))
    await serving
    sweeper.cancel()


class _IntoLog(logging.Handler):
    """What uvicorn warns of, such as a request that is no HTTP, as lines of the server's own log."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        self._log.event("http", message=self.format(record))


def _log_warnings(log: Log) -> None:
    logger = logging.getLogger("uvicorn")
    logger.propagate = False
    logger.handlers[:] = [_IntoLog(log)]


class _Drain:
    """What signals do."""

    def __init__(self, server: uvicorn.Server, service: Service, notice: float) -> None:
        self._server, self._service, self._notice = server, service, notice

    def signal(self) -> None:
        """The first begins to drain; the next one ends all."""
        if self._service.health.draining:
            self._service.log.event("second signal: ended at once")
            self._service.log.close()
            os._exit(1)
        self._service.health.draining = True
        self._service.log.event("draining", requests=self._service.running)
        # A client that keeps its connection is told to ask elsewhere next: here its request could come too late.
        for headers in (self._server.config.encoded_headers, self._server.server_state.default_headers):
            headers.append(_CLOSE)
        asyncio.get_running_loop().call_later(self._notice, self._stop)

    def _stop(self) -> None:
        self._server.should_exit = True


def _settle() -> None:
    """Leave what is there for good out of Python's search for garbage: it took a fifth of the event loop's time.

    A request leaves no garbage that needs the search, but for exceptions, so that it can wait for more of it.
    """
    # The event loop, which refuses and answers, waits that long at most for a worker's Python.
    sys.setswitchinterval(_SWITCH)
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GARBAGE, *gc.get_threshold()[1:])


def _announce(log: Log, on: socket.socket) -> None:
    """Say where the server listens: to people and programs on standard output, and in the log."""
    host, port = on.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    print(f"http://{shown}:{port}", flush=True)
    log.event("ready", host=host, port=port)
