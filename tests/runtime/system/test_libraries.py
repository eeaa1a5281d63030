"""Versions of what is installed, and the CPUs that a process may use."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from zipfile import ZipFile

import pytest

from runtime.errors import UsageError
from runtime.system.libraries import available_threads, installed_version, threads_for, too_many_threads


def test_versions() -> None:
    assert installed_version("pytest") == version("pytest")
    assert installed_version("no_such_library") == ""
    # The first distribution that is installed brings the library.
    assert installed_version("nothing_loaded", ("no-such-package", "pytest")) == version("pytest")


def test_a_version_is_read_where_pip_wrote_it_and_asked_of_python_where_it_was_installed_otherwise(
    tmp_path: Path,
) -> None:
    (tmp_path / "Some.Library-1.2.dist-info").mkdir()
    (tmp_path / "Some.Library-1.2.dist-info" / "METADATA").write_text("Name: Some.Library\nVersion: 1.2+local\n")
    archive = tmp_path / "archive.zip"
    with ZipFile(archive, "w") as file:
        file.writestr("zipped.py", "")
        file.writestr("zipped-3.4.dist-info/METADATA", "Metadata-Version: 2.1\nName: zipped\nVersion: 3.4\n")
    code = (
        "import sys; from runtime.system.libraries import installed_version as of\n"
        "print(of('some_library'), of('nothing', ('no-such', 'some-library')), of('no_such_library') == '')\n"
        "print('importlib.metadata' in sys.modules)\n"
        "print(of('zipped'))"
    )
    path = os.pathsep.join([str(tmp_path), str(archive), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": path}
    )
    assert done.stdout.splitlines() == ["1.2+local 1.2+local True", "False", "3.4"]


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
