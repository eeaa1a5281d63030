"""RefusedError: why a request gets no answer, as an exception with its HTTP status, and which outcome that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Outcome = Literal["ok", "bad_request", "unauthorized", "too_large", "overloaded", "deadline", "client_gone", "failed"]
"""How a request ended, as metrics and logs name it."""
OUTCOMES: tuple[Outcome, ...] = (
    "ok",
    "bad_request",
    "unauthorized",
    "too_large",
    "overloaded",
    "deadline",
    "client_gone",
    "failed",
)


class RefusedError(Exception):
    """A request that gets no answer but this.

    Args:
        status: of HTTP.
        message: a sentence for people.
        outcome: see Outcome.
        headers: more headers of the reply.
    """

    def __init__(
        self, status: int, message: str, *, outcome: Outcome = "bad_request", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.outcome = status, message, outcome
        self.headers = dict(headers or {})


def bad_request(message: str) -> RefusedError:
    """The request is not what the protocol says."""
    return RefusedError(400, message)


def not_found(message: str) -> RefusedError:
    """There is no such thing here."""
    return RefusedError(404, message)


def too_large(message: str) -> RefusedError:
    """The request is larger than the server takes."""
    return RefusedError(413, message, outcome="too_large")


def overloaded(seconds: float) -> RefusedError:
    """The queue is full.

    Args:
        seconds: after which it may be worth asking again.
    """
    wait = max(1, round(seconds))
    message = f"the queue is full; ask again in {wait} s"
    return RefusedError(429, message, outcome="overloaded", headers={"Retry-After": str(wait)})


def about_to_end() -> RefusedError:
    """The server ends before it can answer."""
    return RefusedError(503, "this server is about to end; ask another", outcome="overloaded")


def too_late() -> RefusedError:
    """The request's deadline has passed."""
    return RefusedError(504, "the deadline passed before there was an answer", outcome="deadline")


def client_gone() -> RefusedError:
    """Nobody reads the reply; its status is the one that nginx gives such requests in its log."""
    return RefusedError(499, "the client went away", outcome="client_gone")


def unauthorized() -> RefusedError:
    """The key is missing or wrong."""
    message = "this route needs the header `Authorization: Bearer KEY` with the server's key"
    return RefusedError(401, message, outcome="unauthorized", headers={"WWW-Authenticate": "Bearer"})
