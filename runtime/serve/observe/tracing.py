"""Traces by OpenTelemetry: a span for each request, in the trace of the client that says which. An extra of its own."""

from __future__ import annotations

import time
from typing import Any, Protocol

from runtime.errors import UsageError
from runtime.serve.http.exchange import Exchange


class Traces(Protocol):
    """Told of each request that has ended."""

    def request(self, exchange: Exchange, status: int, seconds: float) -> None: ...
    def close(self) -> None: ...


class _NoTraces:
    def request(self, exchange: Exchange, status: int, seconds: float) -> None:
        """Nobody asked."""

    def close(self) -> None:
        """Nothing to send."""


NO_TRACES: Traces = _NoTraces()


class Otlp:
    """Spans sent to a collector by OTLP over HTTP, in the background.

    Args:
        endpoint: such as "http://127.0.0.1:4318/v1/traces".

    Raises:
        UsageError: the extra is not installed.
    """

    def __init__(self, endpoint: str) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.propagate import extract
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ModuleNotFoundError as error:
            problem = f"the library {error.name!r} is not installed"
            raise UsageError("traces", problem, "pip install 'nerve-ner[otel]'") from error
        self._extract: Any = extract
        self._provider: Any = TracerProvider(resource=Resource.create({"service.name": "nerve"}))
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
        self._tracer: Any = self._provider.get_tracer("runtime.serve")

    def request(self, exchange: Exchange, status: int, seconds: float) -> None:
        """A span of the request, its stages as attributes."""
        end = time.time_ns()
        span = self._tracer.start_span(
            exchange.route, context=self._extract(dict(exchange.headers)), start_time=end - int(seconds * 1e9)
        )
        times = exchange.times
        stages = {
            f"ner.{name}_ms": 1000 * getattr(times, name) for name in ("queue", "tokenize", "inference", "decode")
        }
        span.set_attributes(
            {
                "http.response.status_code": status,
                "ner.request_id": exchange.id,
                "ner.outcome": exchange.outcome,
                "ner.texts": exchange.texts,
                "ner.tokens": exchange.tokens,
                **stages,
            }
        )
        span.end(end_time=end)

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()
