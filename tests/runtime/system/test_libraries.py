"""Versions of what is installed, and the CPUs that a process may use."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version

import pytest

from runtime.errors import UsageError
from runtime.system.libraries import available_threads, installed_version, threads_for, too_many_threads


def test_versions() -> None:
    assert installed_version("pytest") == version("pytest")
    assert installed_version("no_such_library") == ""
    # The first distribution that is installed brings the library.
    assert installed_version("nothing_loaded", ("no-such-package", "pytest")) == version("pytest")


def test_a_loaded_library_is_asked_itself_and_its_build_is_left_out() -> None:
    code = (
        "import sys, types; module = types.ModuleType('loaded'); module.__version__ = '2.5-build7'\n"
        "sys.modules['loaded'] = module\n"
        "from runtime.system.libraries import installed_version; print(installed_version('loaded'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "2.5\n"


def test_threads_are_those_that_the_process_may_use() -> None:
    one = sorted(os.sched_getaffinity(0))[0]
    code = "from runtime.system.libraries import available_threads; print(available_threads())"
    done = subprocess.run(["taskset", "-c", str(one), sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b"1\n"
    assert 1 <= available_threads() <= len(os.sched_getaffinity(0))


def test_no_more_threads_than_cpus() -> None:
    assert threads_for(0) == available_threads()
    assert threads_for(1) == 1
    assert threads_for(5000) == os.cpu_count()
    assert too_many_threads(5000).startswith("threads: 5,000 are asked for, and this machine has ")
    assert too_many_threads(0) == too_many_threads(1) == ""
    with pytest.raises(UsageError, match="threads: -1; give 1 or more, or 0 for all CPUs"):
        threads_for(-1)
