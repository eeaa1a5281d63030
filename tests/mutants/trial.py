"""Runs the tests of a module in forked processes: once as the module is, then with each of its mutations.

The parent has imported all that the tests need, but for the module and what uses it. So a trial is a fork, the import
of these with the module changed, and the few tests that run the changed lines, the quickest first, until one fails.
Processes that tests start themselves have the unchanged code, so that such tests prove nothing here.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import importlib
import importlib.machinery
import importlib.util
import json
import os
import resource
import shutil
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Literal

import pytest

ROOT = Path(__file__).parents[2]
Fate = Literal["killed", "survived", "not reached", "timed out"]

_PROJECT = ("runtime", "export", "train", "bench", "tests", "docs")
_AT_IMPORT = ""
# A mutation may loop for ever. Beside what its tests take unchanged, that long is waited for it.
_PATIENCE, _TIMES = 20.0, 10
_LARGEST_DATA = 6 << 30


@dataclass(frozen=True, slots=True)
class Known:
    """What the tests do with the module as it is.

    Attributes:
        lines: of the module that each test runs; those of "" run at import.
        seconds: that each test takes.
    """

    lines: dict[str, set[int]]
    seconds: dict[str, float]

    def tests_of(self, first: int, last: int) -> list[str]:
        """Tests that run one of these lines, the quickest first."""
        wanted = set(range(first, last + 1))
        everywhere = bool(self.lines.get(_AT_IMPORT, set()) & wanted)
        found = [
            test for test in self.seconds if everywhere or wanted & (self.lines[test] | self.lines[_file_of(test)])
        ]
        return sorted(found, key=lambda test: self.seconds[test])


class TestsFailError(Exception):
    """The tests fail, or there are none, though nothing was changed."""


def know(module: str, tests: Sequence[str]) -> Known:
    """Run the tests once with the module as it is, and import into this process what they needed and is not changed.

    Raises:
        TestsFailError: one fails.
    """
    _forget_users_of(module)
    with tempfile.TemporaryDirectory(prefix="nerve-mutants-") as folder:
        report = Path(folder, "report.json")
        status = _forked(lambda: _watched(module, tests, report), seconds=600)
        if status != 0:
            raise TestsFailError(f"{module}: its tests end with status {status} though nothing is changed")
        found = json.loads(report.read_text())
    for name in found["modules"]:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    _forget_users_of(module)
    gc.collect()
    gc.freeze()
    return Known(defaultdict(set, {name: set(lines) for name, lines in found["lines"].items()}), found["seconds"])


def _forget_users_of(module: str) -> None:
    """Let all that is imported and uses a module be imported anew."""
    for name in _users_of(module):
        package, _, last = name.rpartition(".")
        with contextlib.suppress(KeyError, AttributeError):
            delattr(sys.modules[package], last)
        del sys.modules[name]


def _users_of(module: str) -> set[str]:
    """What is imported of the project and imports a module, itself or through others; the module and all tests, too."""
    loaded = {name: it.__file__ for name, it in sys.modules.items() if name.split(".")[0] in _PROJECT}
    imports = {name: _imports(Path(file)) for name, file in loaded.items() if file}
    found = {module}
    while more := {name for name, others in imports.items() if others & found} - found:
        found |= more
    return {name for name in found if name in sys.modules and not name.startswith("tests.mutants")}


def _imports(file: Path) -> set[str]:
    """Dotted names that a file imports anywhere; of `from a import b` both a and a.b, for b may be a module."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return found


def fate_of(module: str, source: str, tests: Sequence[str], *, seconds: float) -> Fate:
    """What becomes of a mutation.

    Args:
        module: its dotted name.
        source: of the whole module, changed.
        tests: that are run, in this order.
        seconds: that they take where nothing is changed.
    """
    if not tests:
        return "not reached"

    def run() -> int:
        _change(module, source)
        return _pytest([*tests, "-x"])

    status = _forked(run, seconds=_PATIENCE + _TIMES * seconds)
    if status is None:
        return "timed out"
    return "survived" if status == 0 else "killed"


def file_of(module: str) -> Path:
    """The source of a module."""
    return ROOT / f"{module.replace('.', '/')}.py"


def _file_of(test: str) -> str:
    return test.split("::")[0]


class _Watch:
    """A pytest plugin: which lines of a file each test runs, and how long each takes."""

    def __init__(self, file: str) -> None:
        self.lines: dict[str, set[int]] = defaultdict(set)
        self.seconds: dict[str, float] = {}
        self._file, self._at, self._began = file, _AT_IMPORT, 0.0

    def trace(self, frame: FrameType, event: str, _: Any) -> Any:
        """For sys.settrace."""
        if frame.f_code.co_filename != self._file:
            return None
        self.lines[self._at].add(frame.f_lineno)
        return self.trace

    # What a fixture runs may be shared: it counts for every test of the file.
    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self._at, self._began = _file_of(item.nodeid), time.perf_counter()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> None:
        self._at = item.nodeid

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        self._at = _file_of(item.nodeid)
        self.seconds[item.nodeid] = time.perf_counter() - self._began


def _watched(module: str, tests: Sequence[str], report: Path) -> int:
    watch = _Watch(str(file_of(module)))
    threading.settrace(watch.trace)
    sys.settrace(watch.trace)
    status = _pytest([*tests], watch)
    sys.settrace(None)
    modules = [name for name in sys.modules if name.split(".")[0] not in ("tests", "__main__", "conftest")]
    lines = {name: sorted(found) for name, found in watch.lines.items()}
    report.write_text(json.dumps({"lines": lines, "seconds": watch.seconds, "modules": modules}))
    return status


def _pytest(arguments: list[str], *plugins: object) -> int:
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    scratch = tempfile.mkdtemp(prefix="nerve-mutants-")
    options = ["-q", "--tb=no", "--no-header", "--no-summary", "-p", "no:cacheprovider", f"--basetemp={scratch}/tests"]
    try:
        return int(pytest.main([*options, *arguments], plugins=plugins))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


class _Changed(importlib.machinery.SourceFileLoader):
    """Loads a module from another source than its file's."""

    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        """The code of that source; no cache is read or written."""
        return compile(self._source, self.path, "exec")


class _Finder(importlib.abc.MetaPathFinder):
    """Finds one module, changed."""

    def __init__(self, module: str, source: str) -> None:
        self._module = module
        self._loader = _Changed(module, str(file_of(module)), source)

    def find_spec(self, fullname: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        """The changed module's, and no other's."""
        if fullname != self._module:
            return None
        return importlib.util.spec_from_file_location(fullname, self._loader.path, loader=self._loader)


def _change(module: str, source: str) -> None:
    if module in sys.modules:
        raise AssertionError(f"{module} was imported before it was changed: this is a bug")
    sys.meta_path.insert(0, _Finder(module, source))


def _forked(run: Callable[[], int], *, seconds: float) -> int | None:
    """The exit status of a function in a forked process; None where it did not end in time."""
    child = os.fork()
    if not child:
        status = 1
        try:
            _quiet()
            status = run()
        finally:
            os._exit(status)
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.killpg(child, 9)
    os.waitpid(child, 0)
    return None


def _quiet() -> None:
    """A process group of its own without a terminal, which cannot take all memory."""
    os.setsid()
    resource.setrlimit(resource.RLIMIT_DATA, (_LARGEST_DATA, _LARGEST_DATA))
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
