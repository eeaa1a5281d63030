"""Versions of what is installed, and the CPUs that a process may use."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version

from runtime.system.libraries import available_threads, installed_version


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
    assert available_threads() == len(os.sched_getaffinity(0))
