"""A server whose backend is a stand-in that takes a stated time for each token, so that load can be tested anywhere.

python -m tests.runtime.serve.slow_backend PORT_FILE TOKENS_A_SECOND|held ARGUMENTS...
"""

from __future__ import annotations

import itertools
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runtime.backends.fake import Fake
from runtime.batch.batches import Batch
from runtime.encode.tokenizer import Encoder
from runtime.serve.batching.stages import TaggingStages
from runtime.serve.http.app import make_app
from runtime.serve.observe.log import Log
from runtime.serve.options import parse
from runtime.serve.protocols import all_endpoints
from runtime.serve.server import listen, serve
from runtime.serve.service import About, Limits, Service
from tests.lookup import LABELS, lookup_bundle

WORDS = {"Angela": "B-PER", "Merkel": "I-PER", "Paris": "B-LOC", "broken": "O", "nan": "O"}
PARIS, BROKEN, NAN = 6, 7, 8
"""Ids of a place, and of the words that the backend fails on, and answers with NaN."""
HELD, BATCHES, GO = "held", "batches", "go"
"""The word for a backend that ends no batch before it is told to; beside the port file: a file with a byte for each
batch that has begun, and the file that tells it to."""


class Slow(Fake):
    """A Fake that takes its time, and that can be made to fail by a word.

    Args:
        tokens_a_second: of all streams together.
        on_batch: called with each batch, which lasts until it returns.
    """

    def __init__(
        self, tokens_a_second: float, *, streams: int = 2, on_batch: Callable[[], object] = lambda: None
    ) -> None:
        super().__init__(len(LABELS), lambda ids: np.array([0, 0, 0, 0, 3, 4, 1, 0, 0])[ids], streams=streams)
        self._seconds = streams / tokens_a_second
        self.batches: list[NDArray[np.int64]] = []
        self._lock, self._on_batch = threading.Lock(), on_batch

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """See Fake."""
        with self._lock:
            self.batches.append(batch.input_ids)
        self._on_batch()
        if (batch.input_ids == BROKEN).any():
            raise RuntimeError("the device fell off the bus")
        time.sleep(self._seconds * int((batch.segment_ids >= 0).sum()))
        logits = super().logits(batch)
        logits[batch.input_ids == NAN] = np.nan
        return logits


def stages_on(backend: Fake, folder: Path) -> TaggingStages:
    """Stages that know WORDS."""
    bundle = lookup_bundle(folder, WORDS, max_length=512)
    return TaggingStages(Encoder(bundle / "tokenizer.json"), LABELS, backend, max_length=512)


def _held(folder: Path) -> Callable[[], None]:
    """What holds each batch until the file GO is there, but for the first: the server's own, before it is ready."""
    seen = itertools.count()

    def hold() -> None:
        if next(seen) == 0:
            return
        with (folder / BATCHES).open("a") as file:
            file.write(".")
        while not (folder / GO).exists():
            time.sleep(0.005)

    return hold


def main(port_file: str, tokens_a_second: str, *arguments: str) -> None:
    """Serve until a signal; the port is written into the file."""
    asked = parse(arguments)
    held = tokens_a_second == HELD
    backend = Slow(1e6, on_batch=_held(Path(port_file).parent)) if held else Slow(float(tokens_a_second))
    with tempfile.TemporaryDirectory() as folder:
        stages = stages_on(backend, Path(folder) / "bundle")
    service = Service(
        stages,
        About(name="ner"),
        limits=Limits(
            body=asked.max_body_bytes,
            texts=asked.max_texts,
            deadline=asked.deadline,
            body_seconds=min(10.0, asked.idle_seconds),
        ),
        log=Log(requests=asked.request_log),
        batch=asked.batch_tokens,
        most_queued=asked.max_queued_tokens,
    )
    on = listen("127.0.0.1", 0)
    Path(port_file).write_text(str(on.getsockname()[1]))
    serve(
        make_app(service, all_endpoints()),
        service,
        on,
        idle_seconds=asked.idle_seconds,
        drain_notice=0.0,
        drain_seconds=asked.drain_seconds,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
