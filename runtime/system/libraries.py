"""Versions of installed libraries, and the number of threads that this process may use. No library is imported."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from math import ceil
from pathlib import Path

from runtime.errors import UsageError
from runtime.system.cgroup import cpu_limit

_INSTALLED = ".dist-info"


def installed_version(library: str, distributions: Sequence[str] = ()) -> str:
    """The version of a library; empty where it is not installed.

    Args:
        library: the name that it is imported by.
        distributions: packages that bring it; the first installed one gives the version. Empty: a package of the
            same name.
    """
    # A loaded library has its version at hand.
    if loaded := getattr(sys.modules.get(library), "__version__", ""):
        return str(loaded).partition("-")[0]
    names = distributions or (library,)
    if found := next(filter(None, map(_version_on_disk, names)), ""):
        return found
    with suppress(ValueError):  # a module that was put in place by hand
        if not find_spec(library):
            return ""
    return _version_by_metadata(names)


def _version_on_disk(distribution: str) -> str:
    """A distribution's version as pip wrote it down; empty where there is none in the folders that are searched."""
    # importlib.metadata takes 15 to 25 ms to import, with the package email, and is a twentieth of a short command.
    wanted = _normalized(distribution)
    for place in map(Path, sys.path):
        for folder in place.glob(f"*{_INSTALLED}"):
            if _normalized(folder.name.partition("-")[0]) == wanted:
                with suppress(OSError), (folder / "METADATA").open(encoding="utf-8", errors="replace") as lines:
                    return next((line[8:].strip() for line in lines if line.startswith("Version:")), "")
    return ""


def _normalized(name: str) -> str:
    """A distribution's name as all its spellings have it (PEP 503)."""
    return re.sub(r"[-_.]+", "_", name).lower()


def _version_by_metadata(distributions: Sequence[str]) -> str:
    """The same for what was installed in another way, as in an archive."""
    from importlib.metadata import PackageNotFoundError, version

    for distribution in distributions:
        with suppress(PackageNotFoundError):
            return version(distribution)
    return ""


def available_threads() -> int:
    """Number of CPUs that this process may use; a container or taskset may allow fewer than the machine has.

    A part of a CPU counts as a whole one: 1.5 CPUs' time is best used by two threads.
    """
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cpus, ceil(min(cpu_limit(), cpus))))


def threads_for(asked: int) -> int:
    """The number of threads for what a user asks for: 0 is available_threads; no more than the machine has CPUs.

    Raises:
        UsageError: it is negative.
    """
    if asked < 0:
        raise UsageError("threads", f"{asked}", "give 1 or more, or 0 for all CPUs that there are")
    # Each stream of a backend takes memory and time to open: 5,000 would take minutes, and none of them a CPU.
    return min(asked, max(os.cpu_count() or 1, available_threads())) or available_threads()


def too_many_threads(asked: int) -> str:
    """What to tell a user who asks for more threads than there are CPUs; "" where there is nothing to tell."""
    used = threads_for(max(asked, 0))
    if asked <= used:
        return ""
    return f"threads: {asked:,} are asked for, and this machine has {used} CPUs; {used} are used"


def yield_cores() -> None:
    """Let OpenMP's waiting threads give way soon; to be called before torch loads, which reads it then.

    With libgomp's default of 300,000 turns, a step of PyTorch takes ten times as long while another program keeps the
    cores busy. On idle cores it takes the same time.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
