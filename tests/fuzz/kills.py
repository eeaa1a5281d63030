"""python -m tests.fuzz.kills [--kills N] [--seed N] [--subject NAME]: commands that are killed, again and again.

A command runs in a forked process, which gets SIGKILL: half of the time at any instant, half of the time before any of
its operations on files, since it is between those that something can be lost. After each kill what was there before,
or the new, must be whole, and whatever else lies about must be untouched; a further run must end as if none had been
killed. Each subject runs on tiny things of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# Before numpy and torch are loaded: a process that will fork must have no threads.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}

# Events of Python's audit hooks that come before an operation on files.
_ON_FILES = (
    *("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "os.symlink"),
    *("shutil.", "ctypes.dlsym", "fcntl."),
)
_FEW = 5
"""Kills after which a run is let end."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A command that is killed.

    Attributes:
        name: of it.
        run: the whole command, in this process; `again` is whether an earlier run of it was killed.
        whole: raises where what must be whole is not.
        done: raises where what a run that ended has made is not what it should be.
    """

    name: str
    run: Callable[[bool], object]
    whole: Callable[[], None]
    done: Callable[[], None]


@dataclass(slots=True)
class Figures:
    """What came of the kills of one subject."""

    kills: int = 0
    in_time: int = 0
    ended: int = 0
    lost: int = 0
    failed: int = 0


def kill(subject: Subject, kills: int, chance: random.Random, untouched: Path) -> Figures:
    """Kill the subject so many times, with a run that may end after every few.

    Args:
        subject: what to kill.
        kills: how many times.
        chance: of the instants.
        untouched: a folder of which nothing may ever change.
    """
    figures, kept = Figures(), digests(untouched)
    begun = time.monotonic()
    with _counting() as count:
        _expect(subject, _fork(lambda: subject.run(False), count=count))
        seconds, events = time.monotonic() - begun, max(1, int(count.read_text()))
    while figures.kills < kills:
        at = chance.randrange(events) if chance.random() < 0.5 else -1
        process = _start(lambda: subject.run(True), die_at=at)
        if at < 0:
            time.sleep(chance.random() * seconds)
        figures.kills += 1
        figures.in_time += _end(process, wait=at >= 0)
        figures.lost += _broken(subject.whole) or digests(untouched) != kept
        if figures.kills % _FEW == 0:
            figures.ended += 1
            figures.failed += _fork(lambda: subject.run(True)) != 0 or _broken(subject.done)
    return figures


def digests(folder: Path) -> dict[str, str]:
    """The sha256 of every file below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _expect(subject: Subject, status: int) -> None:
    if status:
        raise RuntimeError(f"{subject.name} does not even end when nobody kills it")
    subject.done()


def _broken(look: Callable[[], None]) -> bool:
    try:
        look()
    except BaseException:
        print(traceback.format_exc(), file=sys.stderr, flush=True)
        return True
    return False


@contextmanager
def _counting() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "count"


def _fork(run: Callable[[], object], *, count: Path | None = None) -> int:
    """The exit status of a run that nobody kills."""
    return os.waitstatus_to_exitcode(os.waitpid(_start(run, count=count), 0)[1])


def _start(run: Callable[[], object], *, die_at: int = -1, count: Path | None = None) -> int:
    """The process of a run; it kills itself before the operation with that number, or counts them into a file."""
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        os.setsid()
        sys.stdout = sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115  # the process ends without closing it
        seen = _watch(die_at)
        if run() in (0, None):
            status = 0
        if count:
            count.write_text(str(seen[0]))
    except BaseException:
        status = 1
    finally:
        os._exit(status)


def _watch(die_at: int) -> list[int]:
    seen = [0]

    def hook(event: str, arguments: object) -> None:
        if event.startswith(_ON_FILES):
            seen[0] += 1
            if seen[0] == die_at + 1:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    return seen


def _end(process: int, *, wait: bool) -> bool:
    """End a process and its group; whether that came before its own end."""
    if not wait:
        try:
            os.killpg(process, signal.SIGKILL)
        except ProcessLookupError:
            os.kill(process, signal.SIGKILL)  # it has not made its group yet, or has ended and is not waited for
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -signal.SIGKILL


def main() -> int:
    """Kill all subjects and print the figures; the exit status is 1 if anything was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.kills")
    parser.add_argument("--kills", type=int, default=100, help="of each subject (100)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--subject", default="", help="this one alone: tag, tune, certify or export")
    options = parser.parse_args()
    from tests.fuzz.kill_subjects import SUBJECTS

    print("| killed | kills | before its own end | something lost or damaged | further runs | of them wrong |")
    print("|---|" + "---:|" * 5, flush=True)
    found = 0
    for name in [options.subject] if options.subject else SUBJECTS:
        with tempfile.TemporaryDirectory(prefix="nerve-kills-") as folder:
            untouched = Path(folder) / "untouched"
            untouched.mkdir()
            (untouched / "precious.txt").write_text("a user's\n", encoding="utf-8")
            subject = SUBJECTS[name](Path(folder))
            told = kill(subject, options.kills, random.Random(f"{options.seed} {name}"), untouched)
        found += told.lost + told.failed
        print(f"| {name} | {told.kills} | {told.in_time} | {told.lost} | {told.ended} | {told.failed} |", flush=True)
    print(json.dumps({"seed": options.seed, "kills": options.kills, "findings": found}))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
