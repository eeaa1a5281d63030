"""Metrics, as Prometheus reads them. All names of the server's metrics stand here."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from runtime.serve.batching.batch_report import BatchReport
from runtime.serve.http.exchange import Exchange

# The route of what no route takes, so that clients make up no names of metrics.
ELSEWHERE = "elsewhere"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# From half a millisecond: a sentence on an idle server takes one or two.
_SECONDS = (
    0.0005,
    0.001,
    0.002,
    0.003,
    0.005,
    0.0075,
    0.01,
    0.02,
    0.03,
    0.05,
    0.1,
    0.2,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
)
_TOKENS = (8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)
_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


class Metrics:
    """See the module. A registry of its own, so that several servers in one process do not share figures.

    Args:
        queued: tells how many tokens stand in the queue.
        ready: tells whether the server is ready.
    """

    def __init__(self, *, queued: Callable[[], float], ready: Callable[[], float]) -> None:
        self._registry = CollectorRegistry()
        self._reports: deque[BatchReport] = deque()
        self._requests = self._counter("ner_requests", "Requests by route and outcome", ("route", "outcome"))
        self._request = self._histogram("ner_request_duration_seconds", "From request to reply", _SECONDS, ("route",))
        # To find a label's child takes longer than to count; there are few of them.
        self._count, self._duration = cache(self._requests.labels), cache(self._request.labels)
        self._stages = {
            stage: self._histogram(f"ner_{stage}_duration_seconds", f"A batch's time in stage {stage}", _SECONDS)
            for stage in ("tokenize", "inference", "decode")
        }
        self._queue_time = self._histogram("ner_queue_duration_seconds", "A request's time in the queue", _SECONDS)
        self._batch_tokens = self._histogram("ner_batch_tokens", "Tokens of a batch", _TOKENS)
        self._fill = self._histogram("ner_batch_fill_ratio", "Share of a full batch that a batch is", _SHARES)
        self._texts = self._counter("ner_texts", "Texts answered")
        self._tokens = self._counter("ner_tokens", "Tokens answered")
        self._entities = self._counter("ner_entities", "Entities found; a change of their shares is drift", ("label",))
        self._found = cache(self._entities.labels)
        self._faults = self._counter("ner_backend_faults", "Batches that the backend failed")
        self._gauge("ner_queue_tokens", "Tokens that stand before a newcomer", queued)
        self._gauge("ner_ready", "1 while the server is ready", ready)
        self._info = Gauge(
            "ner_bundle_info",
            "What is served; always 1",
            ("bundle", "checkpoint", "file", "backend", "precision", "device"),
            registry=self._registry,
        )
        self.shadow_compared = self._counter("ner_shadow_texts", "Texts that the shadow answered as well")
        self.shadow_labels = self._counter("ner_shadow_words", "Words compared with the shadow's")
        self.shadow_changed = self._counter("ner_shadow_changed_labels", "Words whose label the shadow changes")
        self.shadow_seconds = self._histogram("ner_shadow_duration_seconds", "The shadow's time for a text", _SECONDS)
        self.shadow_skipped = self._counter("ner_shadow_skipped", "Texts of its share that the shadow had no time for")

    def serves(self, *, bundle: str, checkpoint: str, file: str, backend: str, precision: str, device: str) -> None:
        """Say what is served."""
        self._info.labels(bundle, checkpoint, file, backend, precision, device).set(1)

    def batch(self, report: BatchReport) -> None:
        """A batch was answered; it is counted with the next request that has its reply, for a worker has no time."""
        self._reports.append(report)

    def _count_batches(self) -> None:
        while self._reports:
            self._count_batch(self._reports.popleft())

    def _count_batch(self, report: BatchReport) -> None:
        self._batch_tokens.observe(report.tokens)
        self._fill.observe(min(1.0, report.tokens / report.room))
        for stage, histogram in self._stages.items():
            histogram.observe(getattr(report.times, stage))

    def fault(self) -> None:
        """A batch failed."""
        self._faults.inc()

    def request(self, exchange: Exchange, seconds: float) -> None:
        """A request has ended."""
        self._count_batches()
        self._count(exchange.route, exchange.outcome).inc()
        self._duration(exchange.route).observe(seconds)
        if exchange.texts and exchange.outcome == "ok":
            self._queue_time.observe(max(0.0, exchange.times.queue))
            self._texts.inc(exchange.texts)
            self._tokens.inc(exchange.tokens)
        for label, count in exchange.entities.items():
            self._found(label).inc(count)

    def no_http(self) -> None:
        """Something was refused that is no request: no HTTP, or a head without end."""
        self._count(ELSEWHERE, "bad_request").inc()

    def text(self) -> bytes:
        """All of them, in Prometheus' text format."""
        self._count_batches()
        raw: bytes = generate_latest(self._registry)
        return raw

    def _counter(self, name: str, what: str, labels: tuple[str, ...] = ()) -> Counter:
        return Counter(name, what, labels, registry=self._registry)

    def _histogram(self, name: str, what: str, buckets: tuple[float, ...], labels: tuple[str, ...] = ()) -> Histogram:
        return Histogram(name, what, labels, buckets=buckets, registry=self._registry)

    def _gauge(self, name: str, what: str, value: Callable[[], float]) -> None:
        Gauge(name, what, registry=self._registry).set_function(value)
