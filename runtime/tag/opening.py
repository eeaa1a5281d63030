"""Opens the tagger that a command line asks for; verifies and loads in the background while all else is checked.

Importing the module imports neither numpy nor tokenizers. It does not know formats or files of texts.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from runtime.concurrency import Ahead
from runtime.errors import UncertifiedError
from runtime.system.libraries import too_many_threads
from runtime.tag.options import PROG
from runtime.tag.request import Request

if TYPE_CHECKING:
    from runtime.backends.base import Goal
    from runtime.prepare import Prepared
    from runtime.tag.answers import Tagging
    from runtime.tagger import Tagger

TaggerOpener = Callable[[Request], "Callable[[], Tagging]"]
"""Takes a Request and begins to open the tagger; returns a function that waits until it is open, and returns it."""


def begin_tagger(request: Request) -> Callable[[], Tagger]:
    """Begin to verify the bundle on a thread of its own; see TaggerOpener.

    Verifying reads every byte of the bundle, and for a tenth of a second or more needs no Python interpreter. In this
    time the inputs and the output are checked and libraries are loaded. The model is opened once the function is
    called, so that a mistake in the command line does not wait for it.
    """
    _one_thread_of_blas()
    verified = Ahead(partial(_prepared, request))
    load = partial(_load_libraries, request.model.wanted.backend)
    # Texts on the command line are checked at once, which leaves time to load while the modules for it are imported.
    loaded = Ahead(load, to_its_end=True).result if request.job.texts else load
    return lambda: _open_tagger(request, loaded, verified)


def _one_thread_of_blas() -> None:
    """Let NumPy's OpenBLAS start no threads, which costs 20 to 45 ms: nothing here multiplies matrices in NumPy.

    Only a command may do so; in a program that uses Nerve as a library NumPy is not ours to set up.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _prepared(request: Request) -> Prepared:
    from runtime.prepare import prepare  # not at the top: --help and mistakes need none of it

    model = request.model
    return prepare(
        model.bundle,
        model.wanted,
        goal=_goal(request),
        allow_uncertified=model.allow_uncertified,
        limited=model.limited,
        public_key=model.public_key,
        profile=model.profile,
    )


def _goal(request: Request) -> Goal:
    """Texts on a command line are few. What must be reproducible is computed in one way, whatever is asked."""
    return "once" if request.job.texts and not request.model.reproducible else "throughput"


def _load_libraries(backend: str) -> None:
    import runtime.tagger  # noqa: F401 - numpy and tokenizers are loaded while the bundle is verified
    from runtime.backends.registry import not_needed

    with _without(not_needed()):
        _load_ahead(backend)


def _open_tagger(request: Request, loaded: Callable[[], None], verified: Ahead[Prepared]) -> Tagger:
    model = request.model
    if told := too_many_threads(model.threads):
        print(f"{PROG}: warning: {told}", file=sys.stderr)
    loaded()
    from runtime.backends.registry import not_needed

    with naming_the_option(), _without(not_needed()):
        tagger = _opened(request, verified.result())
    if model.verbose or (request.job.progress and sys.stderr.isatty()):
        print(f"{PROG}: took {tagger.about}", file=sys.stderr)
    return tagger


def _opened(request: Request, prepared: Prepared) -> Tagger:
    from runtime.tagger import Tagger

    model = request.model
    return Tagger.open(
        prepared,
        candidate=model.wanted,
        goal=_goal(request),
        threads=model.threads,
        windowing=model.windowing,
        decoding=model.decoding,
        settings=model.settings,
        checkpoint=model.checkpoint or "",
        allow_uncertified=model.allow_uncertified,
        reproducible=model.reproducible,
        remember=model.remember,
        profile=model.profile,
    )


@contextmanager
def naming_the_option() -> Iterator[None]:
    """The library does not know the command line, so that its fix for what is not certified names no option."""
    try:
        yield
    except UncertifiedError as error:
        raise UncertifiedError(error.subject, error.problem, f"{error.fix} (--allow-uncertified)") from error


@contextmanager
def _without(modules: Sequence[str]) -> Iterator[None]:
    """Let importing modules fail that are not there yet: for what a library imports only where it can."""
    loaded: dict[str, Any] = sys.modules
    absent = [module for module in modules if module not in loaded]
    loaded.update(dict.fromkeys(absent))  # None is what the import system takes as "there is none"
    try:
        yield
    finally:
        for module in absent:
            del loaded[module]


def _load_ahead(backend: str) -> None:
    """Import the library of a backend that is asked for by name, while the bundle is being verified."""
    from runtime.backends.registry import specs

    # Without a name, only an opened bundle tells which backend will run.
    library = next((spec.library for spec in specs() if spec.name == backend and spec.device == "cpu"), "numpy")
    with suppress(ImportError):  # Tagger.open reports a missing library, with its fix
        import_module(library)
