"""python -m bench.measure.worker: the process that one system runs in. Jobs come in as pickles, answers go out as pickles.

Its parent is bench.measure.process, and nobody else: what it reads is trusted. Whatever libraries print goes to standard
error, so that it cannot get between the answers.
"""

from __future__ import annotations

import os
import pickle
import sys

from bench.measure.jobs import Session
from bench.report.tidy import tidy
from bench.systems.base import Failure


def main() -> None:
    """Answer jobs until the parent goes away. The one argument is how many CPUs to use."""
    limit_cpus(int(sys.argv[1]))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    session = Session()
    while True:
        try:
            job, arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            reply = (True, job(session, *arguments))
        except Failure as failure:
            reply = (False, str(failure))
        except Exception as error:  # anything that a peer's library may raise is that peer's row, not our end
            reply = (False, f"{type(error).__name__}: {tidy(str(error))}")
        pickle.dump(reply, answers)
        answers.flush()


def limit_cpus(count: int) -> None:
    """Confine this process to so many CPUs: thread pools that no option reaches are then bounded too."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


if __name__ == "__main__":
    main()
