"""The search for a profile: successive halving over candidates, threads, streams, batches and row lengths.

Every set-up has a short trial; the better half has one twice as long, and so on, until three are left (Jamieson and
Talwalkar 2016, "Non-stochastic best arm identification"). Long trials are spent on those that may win. What was
measured is kept in a journal, so that a search that was interrupted goes on where it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from export.tune.journal import Journal
from export.tune.trial import Trial, TrialRequest
from export.tune.wish import Wish, accuracy
from runtime.backends.registry import certified_rows
from runtime.batch.batches import ON_CPU
from runtime.bundle.profile import RunProfile
from runtime.bundle.store import Bundle, Candidate
from runtime.errors import BackendError, BundleError
from runtime.screen.display import detail, stage
from runtime.selection import refusal_of, runnable

# Seconds of the first trials, and how many set-ups have the longest ones.
FIRST_SECONDS, FINALISTS = 0.6, 3
# Batches that are tried besides the usual ones, in token slots.
_SLOTS = (256, 1024)

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

    Raises:
        BundleError: there are none.
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
    return _accurate(found, bundle, wish)


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to.

    Attributes:
        tried: the set-ups with their longest trials, the best one first.
        untried: number of set-ups that had none when time was up.
        is_whole: all that might have won had their longest trials.
        failure: why the last one that failed did; empty: none failed.
    """

    tried: Sequence[Tried]
    untried: int
    is_whole: bool
    failure: str


class Search:
    """A search for a profile; see the module.

    Args:
        bundle: that is opened.
        wish: see Wish.
        texts: that are asked.
        measure: runs a trial.
        journal: keeps what was measured.
        seconds: after which no trial begins any more.
        clock: seconds from any moment on.
    """

    def __init__(
        self,
        bundle: Bundle,
        wish: Wish,
        texts: Sequence[str],
        *,
        measure: Measure,
        journal: Journal,
        seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._path, self._wish, self._texts = str(bundle.path), wish, tuple(texts)
        self._measure, self._journal, self._clock = measure, journal, clock
        self._end = clock() + seconds
        self._best: dict[str, Tried] = {}  # by what is said of a set-up
        self._failed: dict[str, str] = {}
        self._is_cut = False

    def among(self, profiles: Sequence[RunProfile]) -> Found:
        """Try these set-ups, those first that stand first."""
        length, left, order = FIRST_SECONDS, list(profiles), list[Tried]()
        while left and not self._is_cut:
            self._round(left, length)
            order = self._order()
            if len(left) > FINALISTS:
                left = [one.profile for one in order[: max(FINALISTS, (len(left) + 1) // 2)]]
                length *= 2
            else:
                left = [one.profile for one in self._promising(order, length)]
        untried = len(profiles) - len(self._best) - len(self._failed)
        return Found(order, untried, not self._is_cut, next(reversed(self._failed.values()), ""))

    def _round(self, left: Sequence[RunProfile], length: float) -> None:
        with stage("try", total=len(left)) as shown:
            for profile in left:
                shown.step(f"{said(profile)}, {length:g} s")
                self._is_cut = self._clock() > self._end and bool(self._best or self._failed)
                if self._is_cut:
                    return
                self._try(profile, length)

    def _try(self, profile: RunProfile, length: float) -> None:
        name, is_first = said(profile), length == FIRST_SECONDS
        request = TrialRequest(self._path, profile, self._texts, self._wish.rate, length, is_first)
        try:
            trial = self._journal.known(request) or self._measure(request)
        except (BackendError, TimeoutError) as error:
            detail(f"left out: {error}")
            self._failed[name] = str(error)
            self._best.pop(name, None)
            return
        self._journal.keep(request, trial)
        before = self._best.get(name)
        # The first trial compiles, which later ones need not, and takes memory for that.
        memory = max(trial.memory_bytes, before.trial.memory_bytes if before else 0)
        self._best[name] = Tried(profile, replace(trial, memory_bytes=memory), length)

    def _order(self) -> list[Tried]:
        """Those first that keep the bounds; of these, longer trials count before shorter ones."""
        wish = self._wish
        return sorted(
            self._best.values(),
            key=lambda one: (not wish.fulfilled(one.trial), -one.seconds, wish.rank(one.profile, one.trial)),
        )

    def _promising(self, order: Sequence[Tried], length: float) -> list[Tried]:
        """Those to try for as long as the finalists, none of which has kept the bounds so long; else nothing."""
        kept = [one for one in order if self._wish.fulfilled(one.trial)]
        return [] if any(one.seconds == length for one in kept) else kept[:FINALISTS]


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


def _accurate(profiles: Sequence[RunProfile], bundle: Bundle, wish: Wish) -> list[RunProfile]:
    """Those whose certificate has the F1 that is wished."""
    known = [accuracy(bundle, one)["f1"] or 0.0 for one in profiles]
    if not known:
        problem = "no certified candidate for a CPU runs here"
        raise BundleError(str(bundle.path), problem, "certify it with `python -m export.certify`")
    if wish.f1 > max(known):
        problem = f"no candidate that runs here has F1 of {wish.f1:g} (the best has {max(known):.4f})"
        raise BundleError(str(bundle.path), problem, "wish for less, or train a better checkpoint")
    return [one for one, f1 in zip(profiles, known, strict=True) if f1 >= wish.f1]
