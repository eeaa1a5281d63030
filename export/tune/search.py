"""The search for a profile: successive halving over candidates, threads, streams, batches and row lengths.

Every set-up has a short trial; the better half has one twice as long, and so on, until three are left (Jamieson and
Talwalkar 2016, "Non-stochastic best arm identification"). Long trials are spent on those that may win. What was
measured is kept in a journal, so that a search that was interrupted goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from export.tune.trial import Trial, TrialRequest
from export.tune.wish import Wish, accuracy
from runtime.backends.registry import certified_rows
from runtime.batch.batches import ON_CPU
from runtime.bundle.profile import RunProfile
from runtime.bundle.schema import SchemaError, read
from runtime.bundle.store import Bundle, Candidate
from runtime.errors import BackendError, StorageError
from runtime.screen.display import detail, stage
from runtime.selection import refusal_of, runnable
from runtime.system.files import read_regular

# Seconds of the first trials, and how many set-ups have the longest ones.
FIRST_SECONDS, FINALISTS = 0.6, 3
# Batches that are tried besides the usual ones, in token slots.
_SLOTS = (256, 1024)
# A journal begins so, and is smaller: a line is a set-up.
_BEGINS, _LARGEST = b'{"key": ', 1 << 26

Measure = Callable[[TrialRequest], Trial]


@dataclass(frozen=True, slots=True)
class Tried:
    """A set-up and its longest trial."""

    profile: RunProfile
    trial: Trial
    seconds: float


def set_ups(bundle: Bundle, wish: Wish, *, name: str, threads: int, machine: str) -> list[RunProfile]:
    """All set-ups to try: candidates that are certified, run here, and are as accurate as is wanted.

    The fastest by the manifest come first: on a slow or busy machine the time may end before all had their trial.
    """
    able = [one for one in runnable(bundle) if not refusal_of(bundle, one) and one.device == "cpu"]
    able.sort(key=lambda one: _expected(bundle, one, wish))
    found: list[RunProfile] = []
    for candidate in able:
        for count in sorted({1, threads}):
            for streams in sorted({1, count}):
                one = RunProfile(name, candidate, wish.goal, count, streams, ON_CPU.slots, (), machine, wish.figures())
                found.append(one)
                if streams == 1 and (wish.goal == "latency" or wish.rate):
                    rows = certified_rows(bundle.certificate(candidate))
                    found += [replace(one, lengths=rows)] if rows else []
                if wish.goal == "throughput" and count == threads:
                    found += [replace(one, slots=slots) for slots in _SLOTS]
    return [one for one in found if _is_accurate(bundle, one, wish)]


def search(
    bundle: Bundle,
    wish: Wish,
    profiles: Sequence[RunProfile],
    texts: Sequence[str],
    *,
    measure: Measure,
    journal: Journal,
    seconds: float,
    clock: Callable[[], float],
) -> list[Tried]:
    """The set-ups with their longest trials, the best one first.

    Args:
        bundle: that is opened.
        wish: see Wish.
        profiles: to try.
        texts: that are asked.
        measure: runs a trial.
        journal: keeps what was measured.
        seconds: after which no trial begins any more.
        clock: seconds from any moment on.
    """
    begun, length, left = clock(), FIRST_SECONDS, list(profiles)
    best: dict[str, Tried] = {}  # by what is said of a set-up
    while left:
        with stage("try", total=len(left)) as shown:
            for profile in left:
                shown.step(f"{said(profile)}, {length:g} s")
                if best and clock() - begun > seconds:
                    break
                request = TrialRequest(str(bundle.path), profile, tuple(texts), wish.rate, length)
                trial = journal.known(request) or _measured(request, measure)
                if trial is not None:
                    journal.keep(request, trial)
                    best[said(profile)] = Tried(profile, trial, length)
        # Longer trials count before shorter ones; a set-up that was not measured again falls behind.
        order = sorted(best.values(), key=lambda one: (-one.seconds, wish.rank(one.profile, one.trial)))
        if len(left) <= FINALISTS or clock() - begun > seconds:
            return order
        left = [one.profile for one in order[: max(FINALISTS, (len(left) + 1) // 2)]]
        length *= 2
    return []


class Journal:
    """What was measured, a line each, in a file beside the bundle.

    Args:
        path: of the file; it need not be there.
        bundle: what is measured: another bundle's lines count for nothing.

    Raises:
        StorageError: somebody else's file is there, which would be written to, and removed.
    """

    def __init__(self, path: Path, bundle: Bundle) -> None:
        self._path = path
        _check_ours(path)
        self._digest = hashlib.sha256(repr(sorted(bundle.manifest.files.items())).encode()).hexdigest()
        self._kept = dict(self._lines())

    def known(self, request: TrialRequest) -> Trial | None:
        """The trial, if it was measured before."""
        return self._kept.get(self._key(request))

    def keep(self, request: TrialRequest, trial: Trial) -> None:
        """Write a trial down."""
        key = self._key(request)
        if key not in self._kept:
            self._kept[key] = trial
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, "trial": asdict(trial)}) + "\n")

    def end(self) -> None:
        """Remove the file: the search is done."""
        self._path.unlink(missing_ok=True)

    def _key(self, request: TrialRequest) -> str:
        return hashlib.sha256(f"{self._digest} {request!r}".encode()).hexdigest()

    def _lines(self) -> Iterator[tuple[str, Trial]]:
        lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.is_file() else []
        for line in lines:
            try:
                value = json.loads(line)
                yield value["key"], read(Trial, value["trial"])
            except (ValueError, KeyError, TypeError, SchemaError):
                continue  # the line at which the search was interrupted


def _check_ours(path: Path) -> None:
    if not os.path.lexists(path):
        return
    try:
        head = read_regular(path, most=_LARGEST)[: len(_BEGINS)]
        # A process that was killed while it began one has left nothing, or a part of the first line.
        is_ours = head == _BEGINS[: len(head)] and not path.is_symlink()
    except OSError:
        is_ours = False
    if not is_ours:
        problem = "it is there and is no unfinished tuning, which gets that name"
        raise StorageError(str(path), problem, "move it elsewhere")


def _measured(request: TrialRequest, measure: Measure) -> Trial | None:
    """The trial; None where it failed, which is said and ends nothing."""
    try:
        return measure(request)
    except (BackendError, TimeoutError) as error:
        detail(f"left out: {error}")
        return None


def said(profile: RunProfile) -> str:
    """A set-up for people."""
    rows = f", rows of {'/'.join(map(str, profile.lengths))}" if profile.lengths else ""
    calls = f"{profile.streams} x {profile.threads // profile.streams} threads"
    return f"{name_of(profile)}, {calls}, {profile.slots} slots{rows}"


def name_of(profile: RunProfile) -> str:
    """Its candidate for people, in a few words."""
    candidate = profile.candidate
    return f"{Path(candidate.file).stem} on {candidate.backend} in {candidate.precision}"


def _expected(bundle: Bundle, candidate: Candidate, wish: Wish) -> float:
    """What the manifest says of its speed; less is faster, and what was not measured is last."""
    return (bundle.one_text(candidate).p50_ms or math.inf) if wish.goal == "latency" else -bundle.speed(candidate)


def _is_accurate(bundle: Bundle, profile: RunProfile, wish: Wish) -> bool:
    f1 = accuracy(bundle, profile)["f1"]
    return not wish.f1 or (f1 is not None and f1 >= wish.f1)
