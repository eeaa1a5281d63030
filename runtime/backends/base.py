"""The interface of backends, which turn token ids into logits.

    Backend           an opened backend; it runs batches
    Compiling         what a backend can do besides, whose library compiles while it runs
    Keeping           what one can do that keeps what it compiled between starts
    BackendSpec       a backend before it is opened: its candidates, and whether a machine can run them
    BackendOptions    the user's choices for a backend
    turnstile         lets a backend's callers in

A file of this folder, or of a folder in it, defines the SPECS of its backends, and runtime.backends.registry finds
them. A backend does not know text, label names, or any file but its own.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, runtime_checkable

from runtime.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from runtime.batch.batches import Batch, Packing
    from runtime.bundle.store import Bundle, Candidate, Device, Layout
    from runtime.system.machine import Machine

Goal = Literal["throughput", "latency", "once"]
"""What is to take the least time: many texts (throughput), each single text (latency), or a few texts with the start of
the process included (once)."""
NO_SETTINGS: Mapping[str, str] = {}


def turnstile(callers: int) -> AbstractContextManager[Any]:
    """Lets so many callers in at a time; further ones wait. For one it is a lock: a tenth of a semaphore's time."""
    return threading.Lock() if callers == 1 else threading.Semaphore(callers)


class Backend(Protocol):
    """Token ids in, logits out.

    Attributes:
        layout: layout of the rows that it takes.
        streams: number of calls of logits() that run at the same time, each from a thread of its own. Further calls
            wait.
        device: device that it runs on, such as "cpu".
        version: version of its library.
        packing: sizes of the batches that suit it.
    """

    @property
    def layout(self) -> Layout: ...
    @property
    def streams(self) -> int: ...
    @property
    def device(self) -> Device: ...
    @property
    def version(self) -> str: ...
    @property
    def packing(self) -> Packing: ...

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """Logits of every token slot, [rows, length, labels]. Those of empty token slots have no meaning.

        Raises:
            BackendError: the library refused the batch.
        """
        ...

    def close(self) -> None:
        """Give back memory and threads. Nothing may be called after it."""
        ...


@runtime_checkable
class Compiling(Protocol):
    """A backend whose library compiles for a batch when the first of its shape comes, and keeps that between starts."""

    def compile_all(self) -> int:
        """Compile for every batch that it runs, so that no text waits for that. How many batches these are.

        Raises:
            BackendError: the library refused one.
        """
        ...


@runtime_checkable
class Keeping(Protocol):
    """A backend that keeps what its library compiled, and has to be told that it is right: a graph that was compiled
    wrongly once would otherwise be wrong at every later start.

    Attributes:
        is_new: it was compiled in this process, and is not kept so far.
    """

    @property
    def is_new(self) -> bool: ...

    def keep(self) -> None:
        """Keep it for later starts where it is new and there is space: it has passed the self-check."""
        ...

    def forget(self) -> None:
        """Remove what is kept of it: it has failed the self-check."""
        ...


class _NothingKept:
    """Of a backend that keeps nothing."""

    is_new = False

    def keep(self) -> None:
        pass

    def forget(self) -> None:
        pass


NOTHING_KEPT: Keeping = _NothingKept()


def keeping(backend: Backend) -> Keeping:
    """What keeps the backend's compiled graph."""
    return backend if isinstance(backend, Keeping) else NOTHING_KEPT


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendOptions:
    """The user's choices for a backend.

    Attributes:
        threads: number of threads; see runtime.system.libraries.available_threads.
        goal: see Goal.
        streams: calls that run at the same time, on `threads` threads together; 0: as the goal asks, for throughput
            one for each thread (on a GPU, as many as suit the backend), otherwise one with all threads.
        slots: largest number of token slots of a batch; 0: as suits the backend. Backends on a GPU have settings.
        certified: run the candidate exactly as its certificate says.
        checkpoint: folder of the PyTorch checkpoint, which only the reference reads; None: the manifest's.
        lengths: of single rows that are worth compiling for, rising; a backend that compiles nothing
            for a length has no use for them.
        shapes: of batches that are worth a copy of the compiled graph each, at most, where batches change their shape
            all the time, as a server's do; a backend that prepares nothing for a shape has no use for them.
        settings: name -> value, by the names that the backend gives its settings. CPU backends have none.
    """

    threads: int
    goal: Goal = "throughput"
    streams: int = 0
    slots: int = 0
    certified: bool = True
    checkpoint: Path | None = None
    lengths: tuple[int, ...] = ()
    shapes: int = 0
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def calls(self) -> int:
        """Number of calls that run at the same time."""
        by_goal = self.threads if self.goal == "throughput" else 1
        return min(self.streams or by_goal, self.threads)

    def calls_on_gpu(self, usual: int) -> int:
        """The same for a backend on a GPU, whose streams need no threads of the CPU's.

        Args:
            usual: number of streams that suits it for throughput.
        """
        return self.streams or (usual if self.goal == "throughput" else 1)


class Obstacle(NamedTuple):
    """The reason why a machine cannot run a candidate, and its fix. They follow the subject of a NerveError."""

    problem: str
    fix: str


class BackendSpec(Protocol):
    """A backend on one device, before it is opened. Only `open` imports the backend's library.

    Attributes:
        name: name of the backend, the same for all of its devices.
        device: the device that this spec is about.
        summary: one line for people.
        preference: order of candidates without a measured speed; the smallest number is chosen.
        library: name that the backend's library is imported by.
        distributions: packages that bring the library; the first installed one gives its version.
        extra: extra of this project that installs the library: nerve-ner[EXTRA].
        row_lengths: choices for BackendOptions.lengths that may pay off, the plainest first.
    """

    @property
    def name(self) -> str: ...
    @property
    def device(self) -> Device: ...
    @property
    def summary(self) -> str: ...
    @property
    def preference(self) -> int: ...
    @property
    def library(self) -> str: ...
    @property
    def distributions(self) -> Sequence[str]: ...
    @property
    def extra(self) -> str: ...
    @property
    def row_lengths(self) -> Sequence[tuple[int, ...]]: ...

    def candidates(self, bundle: Bundle) -> Sequence[Candidate]:
        """The bundle's candidates for this backend on any machine, in order of preference.

        A backend that must be asked for by name gives none.
        """
        ...

    def missing(self, here: Machine) -> Obstacle | None:
        """What the machine lacks to run any candidate of this backend; None where it lacks nothing."""
        ...

    def obstacle(self, bundle: Bundle, candidate: Candidate, here: Machine) -> Obstacle | None:
        """The reason why the machine cannot run the candidate; None where it can."""
        ...

    def open(self, bundle: Bundle, candidate: Candidate, options: BackendOptions) -> Backend:
        """Open the backend on the candidate's file.

        Raises:
            ModuleNotFoundError: the backend's library is not installed.
            BackendError, BundleError: the library cannot load the file.
        """
        ...


def not_installed(spec: BackendSpec, here: Machine) -> Obstacle | None:
    """An Obstacle where the backend's library is not installed; None where it is."""
    if here.version(spec.library, spec.distributions):
        return None
    return Obstacle(f"the library {spec.library!r} is not installed", install(spec))


def no_gpu(here: Machine) -> Obstacle | None:
    """An Obstacle where the machine has no GPU; None where it has one."""
    if here.gpu():
        return None
    return Obstacle("this machine has no NVIDIA GPU, or no driver for it", "choose device cpu, or install the driver")


def install(spec: BackendSpec) -> str:
    """The command that installs the backend's library."""
    return f"pip install 'nerve-ner[{spec.extra}]'"


def refuse_settings(spec: BackendSpec, options: BackendOptions) -> None:
    """Check the options of a backend that has no settings.

    Raises:
        UsageError: a setting is given.
    """
    # A setting without an effect would let a user believe that it has one.
    if options.settings:
        subject = f"backend setting {next(iter(options.settings))!r}"
        raise UsageError(subject, f"{spec.name} on {spec.device} has no settings", "leave it out")
