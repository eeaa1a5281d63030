"""A process of its own for each system, seen from the parent: send a job, get its answer, or learn that it died.

Systems do not share a process, because a library leaves threads, allocators and settings behind that would change the
figures of the next system, and because a system that crashes must not end the others.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Protocol, TypeVar

from bench.measure.jobs import Session
from bench.report.tidy import tidy
from bench.systems.base import Failure

Answer = TypeVar("Answer")


class JobRunner(Protocol):
    """Runs jobs for one system, one after the other."""

    def call(self, job: Callable[..., Answer], *arguments: object, timeout: float = ...) -> Answer:
        """Return the answer of job(session, *arguments).

        Raises:
            Failure: the job failed, its process died, or it took longer than `timeout` seconds.
        """
        ...

    def close(self) -> None:
        """End the process."""
        ...


# Seconds. The longest job of a working system is far shorter, so a job that takes longer has hung.
TIMEOUT = 900.0


class Worker:
    """The process of one system.

    Args:
        threads: how many CPUs it may use.
    """

    def __init__(self, threads: int) -> None:
        # A file and not a pipe: a library that prints a lot would block on a full pipe that nobody reads.
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.measure.worker", str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=os.environ | environment(threads),
            # A group of its own: what a job starts ends with it.
            start_new_session=True,
        )

    def call(self, job: Callable[..., Answer], *arguments: object, timeout: float = TIMEOUT) -> Answer:
        """See JobRunner."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        expired = threading.Event()
        # The parent waits in a blocking read, so that only another thread can end a job that hangs.
        timer = threading.Timer(timeout, self._expire, [expired])
        timer.start()
        try:
            pickle.dump((job, arguments), self._process.stdin)
            self._process.stdin.flush()
            done, answer = pickle.load(self._process.stdout)
        # The pipe ends when the process dies; why it died is in its exit status and on its standard error.
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            raise Failure(f"took longer than {timeout:g} s" if expired.is_set() else self._how_it_ended()) from error
        finally:
            timer.cancel()
        # The job raised; the process lives on and can take the next job.
        if not done:
            raise Failure(str(answer))
        result: Answer = answer
        return result

    def close(self) -> None:
        """See JobRunner. A process that does not end within 10 seconds is killed."""
        # The worker ends when its input does.
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._kill()
        self._stderr.close()

    def _expire(self, expired: threading.Event) -> None:
        expired.set()
        self._kill()

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _how_it_ended(self) -> str:
        status = self._process.wait()
        # A negative status is the number of the signal that ended the process.
        how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        self._stderr.seek(0)
        lines = self._stderr.read().decode("utf-8", "replace").strip().splitlines()
        return f"crashed: {how}" + (f" ({tidy(lines[-1])})" if lines else "")


class Local:
    """A JobRunner without a process, for fakes in tests. Only a Failure is an answer; any other exception is a bug."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def call(self, job: Callable[..., Answer], *arguments: object, timeout: float = TIMEOUT) -> Answer:
        """See JobRunner."""
        return job(self._session, *arguments)

    def close(self) -> None:
        """See JobRunner."""
        self._session.close()


class Deadline:
    """A JobRunner whose jobs end when the time of the whole benchmark is over.

    Args:
        runner: does the jobs.
        end: by the clock.
        clock: in seconds.
    """

    def __init__(self, runner: JobRunner, end: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._runner, self._end, self._clock = runner, end, clock

    def call(self, job: Callable[..., Answer], *arguments: object, timeout: float = TIMEOUT) -> Answer:
        """See JobRunner."""
        left = self._end - self._clock()
        if left <= 0:
            raise Failure("the time was over")
        return self._runner.call(job, *arguments, timeout=min(timeout, left))

    def close(self) -> None:
        """See JobRunner."""
        self._runner.close()


def environment(threads: int) -> dict[str, str]:
    """Return the variables of every system's process: as many threads as the benchmark allows, and no network."""
    # Libraries read these when they are imported; inside the process it would be too late.
    pools = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
    return {
        **dict.fromkeys(pools, str(threads)),
        "TOKENIZERS_PARALLELISM": "true",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "TRANSFORMERS_VERBOSITY": "error",
        "OPENVINO_TELEMETRY": "0",
        "DO_NOT_TRACK": "1",
    }
