"""A campaign: so many cases of every kind, in forked workers, gone on with after an end of any sort.

    FILE.json             how far each kind has come
    FILE.findings.jsonl   each finding with its seed and number, which make it again

A kind has at most one worker at a time, so that what is done of it is one number.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

from tests.fuzz.kind import Kind
from tests.fuzz.worker import Counts, Worker

# Cases of one worker, and its seconds. What a worker had to prepare is made anew for the next.
_CASES, _SECONDS = 5_000, 60.0
# Far beyond the slowest case on a busy machine.
_HANG_SECONDS = 120.0
_LOOK_SECONDS = 0.02


class Campaign:
    """See the module.

    Args:
        kinds: of cases.
        cases: of all kinds together.
        seed: of all chance.
        file: keeps how far it has come.
        hang_seconds: after which a case counts as one that hangs.

    Attributes:
        counts: by kind.
    """

    def __init__(
        self, kinds: Sequence[Kind], *, cases: int, seed: int, file: Path, hang_seconds: float = _HANG_SECONDS
    ) -> None:
        shares = sum(kind.share for kind in kinds)
        self._wanted = {kind.name: max(1, cases * kind.share // shares) for kind in kinds}
        self._kinds, self._seed, self._file, self._hang = {kind.name: kind for kind in kinds}, seed, file, hang_seconds
        self.findings = file.with_suffix(".findings.jsonl")
        self.counts = {kind.name: Counts() for kind in kinds}
        self._workers: dict[str, Worker] = {}
        self._load()

    def run(self, *, jobs: int, seconds: float = float("inf")) -> None:
        """Run what is left, on so many processes, for so many seconds at most."""
        end = time.monotonic() + seconds
        try:
            while (self._start(jobs) if time.monotonic() < end else False) or self._workers:
                time.sleep(_LOOK_SECONDS)
                for worker in [*self._workers.values()]:
                    self._look_at(worker)
        finally:
            for worker in self._workers.values():
                worker.kill()
                worker.ended(block=True)
                worker.clean()

    def _start(self, jobs: int) -> bool:
        """Start workers where there is room; whether anything is left to be done."""
        left = {name: self._wanted[name] - self.counts[name].done for name in self._wanted}
        waiting = [name for name, count in left.items() if count > 0 and name not in self._workers]
        # The kind that is furthest behind, so that a campaign that is cut short has seen something of all.
        waiting.sort(key=lambda name: self.counts[name].done / self._wanted[name])
        for name in waiting[: max(0, jobs - len(self._workers))]:
            self._workers[name] = Worker(
                self._kinds[name],
                seed=self._seed,
                first=self.counts[name].done,
                most=min(_CASES, left[name]),
                seconds=_SECONDS,
                findings=self.findings,
            )
        return any(count > 0 for count in left.values())

    def _look_at(self, worker: Worker) -> None:
        status, hangs = worker.ended(), False
        if status is None and worker.hangs(self._hang):
            worker.kill()
            status, hangs = worker.ended(block=True), True
        if status is None:
            return
        found = worker.counts()
        if hangs or os.WIFSIGNALED(status):
            told = f"no answer in {self._hang:.0f} s" if hangs else signal.Signals(os.WTERMSIG(status)).name
            worker.record(worker.first + found.done, "hang" if hangs else "crash", told)
            found.done, found.hang, found.crash = found.done + 1, int(hangs), int(not hangs)
        elif status:
            raise RuntimeError(f"the kind {worker.kind.name} cannot be prepared; {self.findings} says why")
        self._add(worker.kind.name, found)
        worker.clean()
        del self._workers[worker.kind.name]
        self._save()

    def _add(self, name: str, found: Counts) -> None:
        for each in fields(Counts):
            setattr(self.counts[name], each.name, getattr(self.counts[name], each.name) + getattr(found, each.name))

    def _load(self) -> None:
        if not self._file.is_file():
            return
        told = json.loads(self._file.read_text(encoding="utf-8"))
        if told["seed"] != self._seed:
            raise SystemExit(f"{self._file} is of seed {told['seed']}: give that one, or another file")
        self.counts |= {name: Counts(**each) for name, each in told["kinds"].items() if name in self.counts}

    def _save(self) -> None:
        told = {"seed": self._seed, "kinds": {name: asdict(each) for name, each in self.counts.items()}}
        temporary = self._file.with_suffix(".tmp")
        temporary.write_text(json.dumps(told, indent=1), encoding="utf-8")
        temporary.replace(self._file)


def table(counts: dict[str, Counts]) -> str:
    """A row a kind, and one for all."""
    total = Counts(**{each.name: sum(getattr(one, each.name) for one in counts.values()) for each in fields(Counts)})
    lines = ["| kind | cases | refused | right | crashes | hangs | tracebacks | wrong answers | cases a CPU second |"]
    lines += ["|---|" + "---:|" * 8]
    for name, one in [*counts.items(), ("all", total)]:
        speed = one.done / one.cpu_seconds if one.cpu_seconds else 0.0
        told = (one.done, one.refused, one.right, one.crash, one.hang, one.traceback, one.wrong)
        lines.append(f"| {name} | {' | '.join(f'{number:,}' for number in told)} | {speed:,.0f} |")
    return "\n".join(lines)
