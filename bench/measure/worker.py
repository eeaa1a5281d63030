"""python -m bench.measure.worker: the process that one system runs in. It reads jobs and writes answers as pickles.

Only bench.measure.process starts it, so the pickles can be trusted. What libraries print goes to standard error, so
that it cannot mix with the answers.
"""

from __future__ import annotations

import os
import pickle
import sys

from bench.measure.jobs import Session
from bench.report.tidy import tidy
from bench.systems.base import Failure


def main() -> None:
    """Answer jobs until the parent closes the pipe. The only argument is the number of CPUs to use."""
    limit_cpus(int(sys.argv[1]))
    # C libraries write to descriptor 1 directly, past sys.stdout. So it is turned to standard error for all.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    session = Session()
    while True:
        try:
            job, arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            # The job is a function of a module, which is imported here when the pickle is read.
            reply = (True, job(session, *arguments))
        except Failure as failure:
            reply = (False, str(failure))
        except Exception as error:  # whatever a library raises belongs into its row, and ends nothing else
            reply = (False, f"{type(error).__name__}: {tidy(str(error))}")
        pickle.dump(reply, answers)
        answers.flush()


def limit_cpus(count: int) -> None:
    """Bind this process to so many CPUs. This also limits thread pools that have no option for it."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


if __name__ == "__main__":
    main()
