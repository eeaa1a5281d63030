"""Measure how fast the candidates of a bundle are on this machine, with many texts and with one at a time.

What serves is measured: batches and backend, on random tokens in windows that are as long as sentences of news (about
20 tokens, now and then 100; a log-normal fit to CoNLL-2003). The speed does not depend on which tokens these are. All
candidates get the same windows and take turns, round by round, so that other work of the machine slows all of them
down; each one's median counts. The candidates of a large model, which would not fit into memory together, are measured
one after the other. Where the checkpoint is at hand, it is measured too, in PyTorch, on sentences sorted by length and
padded.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.tune.one_text import DEVIATION, MEAN, one_text_speed
from runtime.backends.base import Backend, BackendOptions, Compiling
from runtime.backends.registry import open_candidate
from runtime.batch.batches import SpecialTokens
from runtime.batch.ragged import starts_from_counts
from runtime.batch.windows import windows_of
from runtime.bundle.store import Bundle, Candidate, Device, Manifest, OneTextSpeed, Speed
from runtime.logits import token_logits
from runtime.screen.display import detail
from runtime.selection import PYTORCH, choose, describe, refusal_of, runnable
from runtime.system.cpu import cpu_info
from runtime.system.gpu import gpu

ROUNDS = 5
# Tokens of one measurement, half as many for a large model. Fewer would be too few sentences to sort by length,
# and all their rows would be padded to the longest.
_TOKENS = 2048
# A GPU is hardly busy with so few.
_TOKENS_ON_GPU = 32_768
# A large model, whose measurements take seconds, gets as many rounds as fit into that time, but at least two.
_SECONDS = 20.0
# Bytes of graphs and weights of all backends that may be open at once.
_TOGETHER = 2 * 2**30
# Special tokens around a window.
_SPECIAL_TOKENS = SpecialTokens((0,), (0,))

Clock = Callable[[], float]


def tuned(bundle: Bundle, *, threads: int, checkpoint: Path, clock: Clock = time.perf_counter) -> tuple[Speed, ...]:
    """The speed of every candidate that is certified and runs on this machine, and of the checkpoint.

    Args:
        bundle: certified.
        threads: CPUs to use.
        checkpoint: the folder of the bundle's checkpoint; where there is none, it is not measured.
        clock: seconds from any moment on.

    Raises:
        BundleError: it is another checkpoint.
    """
    chosen = [candidate for candidate in runnable(bundle) if not refusal_of(bundle, candidate)]
    if not chosen:
        return ()
    if checkpoint.is_dir():
        chosen.append(PYTORCH)
    open_one = partial(_open, bundle=bundle, threads=threads, checkpoint=checkpoint)
    seconds: dict[Candidate, float] = {}
    for group, tokens in _groups(chosen, bundle.manifest):
        lengths = sentences(tokens, longest=bundle.manifest.max_length - len(_SPECIAL_TOKENS))
        seconds |= zip(group, seconds_a_token(group, open_one, lengths, bundle.manifest, clock=clock))
    single = {
        one: one_text_speed(bundle, one, threads=threads, clock=clock)
        for one in chosen
        if one.backend != PYTORCH.backend
    }
    return tuple(
        Speed(one, round(1 / seconds[one], 1), machine(one.device, threads), single.get(one, OneTextSpeed()))
        for one in chosen
    )


def tell_speeds(bundle: Bundle) -> None:
    """Tell, as details, all speeds, the fastest first, with what each one's certificate says, and what "auto" takes."""
    changed = {one.candidate: one.measured["changed_labels"] for one in bundle.manifest.certificates}
    words = {one.candidate: one.measured["words"] for one in bundle.manifest.certificates}
    slowest = bundle.speed(PYTORCH)
    for speed in sorted(bundle.manifest.speeds, key=lambda speed: -speed.tokens_per_second):
        one, single = speed.candidate, speed.one_text
        told = f"{changed[one]} of {words[one]:,} labels changed" if one in changed else "the reference"
        times = f"{speed.tokens_per_second / slowest:5.1f} x PyTorch" if slowest else ""
        alone = f"{single.p50_ms:7.2f} ms a text" if single.p50_ms else ""
        detail(f"{one!s:<52}{speed.tokens_per_second:>8,.0f} tokens a second {times}  {told}{alone}")
    detail(f"auto takes {describe(bundle, choose(bundle))}")
    if any(speed.one_text.p50_ms for speed in bundle.manifest.speeds):
        chosen = choose(bundle, goal="latency")
        single = bundle.one_text(chosen)
        rows = f", rows of {', '.join(map(str, single.lengths))}" if single.lengths else ""
        detail(f"one text at a time: {chosen}, {single.p50_ms:.2f} ms, {single.threads} threads{rows}")


def machine(device: Device, threads: int) -> str:
    """What a speed was measured on, for people: the CPU and how much of it, or the GPU."""
    here = gpu() if device == "cuda" else None
    return here.name if here else f"{cpu()}, {threads} threads"


def cpu() -> str:
    """The CPU's name as the system tells it."""
    return cpu_info().get("model name", platform.processor() or platform.machine())


def sentences(tokens: int, *, longest: int) -> NDArray[np.int64]:
    """Lengths of windows, special tokens not included, of about that many tokens in all."""
    chance = np.random.default_rng(0)
    drawn = np.exp(chance.normal(MEAN, DEVIATION, tokens)).astype(np.int64)
    lengths = np.clip(drawn, 1, longest)
    return lengths[: int(np.searchsorted(np.cumsum(lengths), tokens)) + 1]


def _groups(chosen: Sequence[Candidate], manifest: Manifest) -> list[tuple[list[Candidate], int]]:
    """Candidates that are open together and take turns, and the tokens of a measurement."""
    weights = sum(digest.bytes for digest in manifest.files.values())
    is_small = weights * len(chosen) <= _TOGETHER
    groups = [[one for one in chosen if one.device == device] for device in ("cpu", "cuda")]
    if not is_small:
        groups = [[one] for group in groups for one in group]
    on_cpu = _TOKENS if is_small else _TOKENS // 2
    return [(group, on_cpu if group[0].device == "cpu" else _TOKENS_ON_GPU) for group in groups if group]


def _open(candidate: Candidate, *, bundle: Bundle, threads: int, checkpoint: Path) -> Backend:
    options = BackendOptions(threads=threads, checkpoint=checkpoint)
    return open_candidate(candidate, bundle, options)


def seconds_a_token(
    candidates: Sequence[Candidate],
    open_one: Callable[[Candidate], Backend],
    lengths: NDArray[np.int64],
    manifest: Manifest,
    *,
    clock: Clock = time.perf_counter,
) -> list[float]:
    """Median seconds a token of each candidate; all are open at once and take turns.

    A backend that compiles while it runs first does so for all its batches: whoever opens it later finds that done.

    Args:
        candidates: to measure.
        open_one: opens the backend of one.
        lengths: of the windows, special tokens not included.
        manifest: of the bundle.
        clock: seconds from any moment on.
    """
    with ExitStack() as stack:
        tasks = []
        for candidate in candidates:
            backend = open_one(candidate)
            stack.callback(backend.close)
            if isinstance(backend, Compiling):
                detail(f"{candidate}: compiled for {backend.compile_all()} batches")
            tasks.append(_task(backend, lengths, manifest))
        return [each / int((lengths + len(_SPECIAL_TOKENS)).sum()) for each in _rounds(tasks, clock)]


def _task(backend: Backend, lengths: NDArray[np.int64], manifest: Manifest) -> Callable[[], None]:
    """Runs random tokens in windows of those lengths."""
    starts = starts_from_counts(lengths)
    ids = np.random.default_rng(0).integers(0, manifest.vocabulary, int(starts[-1]))
    windows = windows_of(starts, capacity=manifest.max_length - len(_SPECIAL_TOKENS), stride=0)

    def task() -> None:
        token_logits(backend, ids, windows, _SPECIAL_TOKENS, labels=len(manifest.labels))

    return task


def _rounds(tasks: Sequence[Callable[[], None]], clock: Clock) -> list[float]:
    """Median seconds of each task."""

    def timed(task: Callable[[], None]) -> float:
        begun = clock()
        task()
        return clock() - begun

    # Memory is asked for and kernels are compiled in the first round, which does not count.
    rough = sum(map(timed, tasks))
    rounds = [list(map(timed, tasks)) for _ in range(max(2, min(ROUNDS, int(_SECONDS / rough))))]
    return [statistics.median(times) for times in zip(*rounds)]
