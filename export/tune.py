"""Measure how fast the candidates of a bundle are on this machine, so that the runtime can take the fastest.

    python -m export.tune BUNDLE

Measured is what serves: packing and engine, on random word pieces in windows as long as sentences of news are (about
20 pieces, now and then 100; a log-normal fit to CoNLL-2003). Candidates are measured in turn, round by round, and each
one's median counts: what else the machine does meanwhile hits all of them. The speed does not depend on the pieces.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runtime.backends import Backend, Options, available_threads, open_candidate
from runtime.bundle import Bundle, Candidate, Device, Manifest, Speed, open_bundle, seal
from runtime.card import card
from runtime.choose import choose, describe, runnable
from runtime.cli import Parser, count, run
from runtime.errors import BundleError
from runtime.infer import piece_logits
from runtime.numbers import starts_from_counts
from runtime.pack import Frame
from runtime.windows import windows_of

PROG = "python -m export.tune"
ROUNDS = 5
# Word pieces of one measurement: the first rough one, and as many as take that long but no fewer.
_PIECES, _SECONDS = 256, 0.3
# More pieces than a CPU runs in that time.
_MANY = 16_384
# Mean and deviation of the logarithm of a sentence's word pieces.
_MEAN, _DEVIATION = 2.75, 0.75

Clock = Callable[[], float]


def tuned(bundle: Bundle, *, threads: int, clock: Clock = time.perf_counter) -> tuple[Speed, ...]:
    """The speed of every certified candidate that this machine can run.

    Args:
        bundle: certified.
        threads: processors to use.
        clock: seconds from any moment on.
    """
    certified = {certificate.candidate for certificate in bundle.manifest.certificates if certificate.passed}
    chosen = [candidate for candidate in runnable(bundle) if candidate in certified]
    with ExitStack() as stack:
        backends = {candidate: _open(candidate, bundle, threads) for candidate in chosen}
        for backend in backends.values():
            stack.callback(backend.close)
        seconds = _rounds([_task(backend, bundle.manifest) for backend in backends.values()], clock)
    return tuple(
        Speed(candidate, round(1 / each, 1), machine(candidate.device, threads))
        for candidate, each in zip(chosen, seconds)
    )


def main(arguments: Sequence[str]) -> int:
    """Measure, seal, and say what the runtime will take from now on."""
    options = _parser().parse_args(arguments)
    bundle = open_bundle(options.bundle)
    speeds = tuned(bundle, threads=options.threads)
    if not speeds:
        found = "no certified candidate that this machine can run"
        raise BundleError(str(options.bundle), found, "certify it with `python -m export.certify`")
    tuned_bundle = replace(bundle, manifest=replace(bundle.manifest, speeds=speeds))
    seal(options.bundle, tuned_bundle.manifest)
    show_speeds(tuned_bundle)
    return 0


def show_speeds(bundle: Bundle) -> None:
    """Print all speeds, the fastest first, and what "auto" takes."""
    for speed in sorted(bundle.manifest.speeds, key=lambda speed: -speed.pieces_per_second):
        print(f"  {speed.candidate!s:<56}{speed.pieces_per_second:>12,.0f} word pieces a second")
    print(f"auto takes {describe(bundle, choose(bundle, backend='auto', precision='auto'))}", flush=True)


def machine(device: Device, threads: int) -> str:
    """What a speed was measured on, for people: the processor and how much of it, or the card."""
    here = card() if device == "cuda" else None
    return here.name if here else f"{processor()}, {threads} threads"


def processor() -> str:
    """The processor's name as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def sentences(pieces: int, *, longest: int) -> NDArray[np.int64]:
    """Lengths of windows, special pieces not included, of about that many pieces in all."""
    chance = np.random.default_rng(0)
    drawn = np.exp(chance.normal(_MEAN, _DEVIATION, pieces)).astype(np.int64)
    lengths = np.clip(drawn, 1, longest)
    return lengths[: int(np.searchsorted(np.cumsum(lengths), pieces)) + 1]


def _open(candidate: Candidate, bundle: Bundle, threads: int) -> Backend:
    options = Options(precision=candidate.precision, threads=threads, checkpoint=Path(), certified=True)
    return open_candidate(candidate, bundle, options)


def _task(backend: Backend, manifest: Manifest) -> Callable[[int], int]:
    """Runs about that many word pieces, and tells how many it was."""
    frame = Frame((0,), (0,))

    def task(pieces: int) -> int:
        lengths = sentences(pieces, longest=manifest.max_length - len(frame))
        starts = starts_from_counts(lengths)
        ids = np.random.default_rng(0).integers(0, manifest.vocabulary, int(starts[-1]))
        windows = windows_of(starts, capacity=manifest.max_length - len(frame), stride=0)
        piece_logits(backend, ids, windows, frame, labels=len(manifest.labels))
        return int((lengths + len(frame)).sum())

    return task


def _rounds(tasks: Sequence[Callable[[int], int]], clock: Clock) -> list[float]:
    """Median seconds a word piece of each task."""

    def timed(task: Callable[[int], int], pieces: int) -> float:
        begun = clock()
        done = task(pieces)
        return (clock() - begun) / done

    def sized(task: Callable[[int], int]) -> int:
        task(_PIECES)  # memory is asked for and kernels are compiled here
        size = max(_PIECES, int(_SECONDS / timed(task, _PIECES)))
        if size > _MANY:
            # A card is hardly busy with so few: it meets the shapes of more pieces, and is timed on them.
            task(size)
            size = int(_SECONDS / timed(task, size))
        return size

    sizes = [sized(task) for task in tasks]
    rounds = [[timed(task, size) for task, size in zip(tasks, sizes)] for _ in range(ROUNDS)]
    return [statistics.median(times) for times in zip(*rounds)]


def _parser() -> Parser:
    parser = Parser(prog=PROG, description="Measure the candidates of a bundle on this machine.")
    parser.add_argument("bundle", type=Path, help="folder that export made")
    parser.add_argument("--threads", type=count, default=available_threads(), help="processors to use (%(default)s)")
    return parser


if __name__ == "__main__":
    run(main, PROG)
