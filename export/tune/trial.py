"""One trial: a bundle is opened as a profile says, and answers for some seconds. In a process of its own.

So one trial's threads and memory are not another's, and the largest memory that the process held is the trial's own.
The request comes on standard input and the answer goes to standard output, both as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from subprocess import TimeoutExpired, run
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from export.tune.open_loop import open_loop, poisson
from runtime.bundle.profile import RunProfile
from runtime.bundle.schema import read
from runtime.errors import BackendError
from runtime.system.memory import peak_bytes
from runtime.tagger import Tagger

# Texts that wait are answered together, as a server takes them from its queue.
_TOGETHER = 64
# A queue grows where the last tenth of the texts waited for longer than this share of the load.
_GROWING = 0.5
_SEED = 11
# Times as long as texts come, after which the rest of a queue is not answered any more: nothing is won by waiting.
_HOPELESS = 3.0
# Seconds that opening and measuring may take beyond what was asked for; an opening that takes longer is of no use.
_PATIENCE = 120.0

Tag = Callable[[Sequence[str]], object]


@dataclass(frozen=True, slots=True)
class Trial:
    """What was measured.

    Attributes:
        p50_ms, p99_ms: milliseconds from due to answered under load; of calls of one text without one.
        texts_per_second: answered, at full speed where no load was asked for.
        texts: number of texts that the times are of; 0: of none.
        memory_bytes: the largest that the process held.
        saturated: texts came faster than they were answered.
    """

    p50_ms: float
    p99_ms: float
    texts_per_second: float
    texts: int
    memory_bytes: int
    saturated: bool


@dataclass(frozen=True, slots=True)
class TrialRequest:
    """What is to be measured.

    Attributes:
        bundle: its folder.
        profile: how it is opened.
        texts: what is asked.
        rate: texts a second that come by chance (Poisson); 0: one after the other, or as many as can be.
        seconds: about how long.
        is_first: no library finds what it compiled before, so that the memory is that of a first start.
    """

    bundle: str
    profile: RunProfile
    texts: tuple[str, ...]
    rate: float
    seconds: float
    is_first: bool = False


def measured_apart(request: TrialRequest) -> Trial:
    """Run a trial in a process of its own.

    Raises:
        BackendError: it failed; the last line that it wrote says why.
    """
    try:
        done = run(
            [sys.executable, "-m", "export.tune.trial"],
            input=json.dumps(asdict(request)).encode(),
            capture_output=True,
            check=False,
            timeout=request.seconds + _PATIENCE,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
        )
    except TimeoutExpired as error:
        problem = f"its trial did not end within {error.timeout:.0f} s"
        raise BackendError(str(request.profile.candidate), problem, "give shorter texts") from None
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2][:200]
        raise BackendError(str(request.profile.candidate), f"its trial failed ({last})", "try another backend")
    trial: Trial = read(Trial, json.loads(done.stdout))
    return trial


def measured(request: TrialRequest, tag: Tag, *, clock: Callable[[], float], sleep: Callable[[float], None]) -> Trial:
    """Measure an opened tagger; see TrialRequest."""
    texts, begun = list(request.texts), clock()
    tag(texts[:_TOGETHER])
    for text in texts[:_TOGETHER]:
        if clock() - begun > request.seconds:
            break
        tag([text])
    if request.rate:
        return _under_load(request, tag, clock, sleep)
    if request.profile.goal == "latency":
        return _one_by_one(request, tag, clock)
    begun, done = clock(), 0
    while clock() - begun < request.seconds or not done:
        tag(texts)
        done += len(texts)
    rate = done / (clock() - begun)
    return Trial(0.0, 0.0, rate, 0, peak_bytes(), saturated=False)


def _under_load(request: TrialRequest, tag: Tag, clock: Callable[[], float], sleep: Callable[[float], None]) -> Trial:
    due = poisson(request.rate, request.seconds, seed=_SEED) or [0.0]
    longest = _HOPELESS * request.seconds
    waits = open_loop(tag, request.texts, due, batch=_TOGETHER, clock=clock, sleep=sleep, longest=longest)
    answered = len(waits)
    rate = answered / (due[answered - 1] + waits[-1])
    # Those that got no answer have waited so long at least.
    waits += [longest - moment for moment in due[answered:]]
    late = float(np.median(waits[-max(1, len(waits) // 10) :])) > _GROWING * request.seconds
    return _trial(waits, rate, late)


def _one_by_one(request: TrialRequest, tag: Tag, clock: Callable[[], float]) -> Trial:
    taken: list[float] = []
    begun = before = clock()
    while not taken or before - begun < request.seconds:
        tag([request.texts[len(taken) % len(request.texts)]])
        after = clock()
        taken.append(after - before)
        before = after
    return _trial(taken, len(taken) / (before - begun), saturated=False)


def _trial(seconds: Sequence[float], rate: float, saturated: bool) -> Trial:
    p50, p99 = np.quantile(seconds, [0.5, 0.99], method="inverted_cdf").tolist()
    return Trial(1000 * p50, 1000 * p99, rate, len(seconds), peak_bytes(), saturated)


def main() -> None:
    """Do what standard input asks for."""
    given: dict[str, Any] = json.loads(sys.stdin.buffer.read())
    request: TrialRequest = read(TrialRequest, given)
    answers, sys.stdout = sys.stdout, sys.stderr  # a library that prints must not write into the answer
    profile = request.profile
    # This process makes the folder, and not the search: who kills that one leaves no folder behind.
    with TemporaryDirectory(prefix="nerve-tuning-") as empty:
        if request.is_first:
            os.environ["NERVE_CACHE"] = empty
        with Tagger.open(request.bundle, profile=profile, threads=profile.threads) as tagger:
            trial = measured(request, tagger.tag, clock=time.perf_counter, sleep=time.sleep)
    answers.write(json.dumps(asdict(trial)))


if __name__ == "__main__":
    main()
