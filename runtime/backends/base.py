"""What a backend is: token ids in, logits out. And what a file of this folder says of the backend that is in it.

    Backend        an opened one: it runs batches
    BackendSpec    what there is to know before it is opened: which candidates it offers, whether this machine runs them
    BackendOptions what a user can ask of it

A backend knows nothing of text, label names, or any file but its own. runtime.backends.registry finds all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from runtime.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from runtime.batch.batches import Batch, Packing
    from runtime.bundle.store import Bundle, Candidate, Device, Layout
    from runtime.system.machine import Machine

Goal = Literal["throughput", "latency", "once"]
"""Many texts in the least time; each single one in the least time; or a few texts, the start included."""
NO_SETTINGS: Mapping[str, str] = {}


class Backend(Protocol):
    """Token ids in, logits out.

    Attributes:
        layout: of the rows that it takes.
        streams: calls of logits() that run at once, from as many threads; more may come, and wait.
        device: what it runs on, such as "cpu".
        version: of the library that runs.
        packing: the batches that it wants.
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
        """Logits of every token slot, [rows, length, labels]; those of slots that hold nothing have no meaning.

        Raises:
            BackendError: the library refused the batch.
        """
        ...

    def close(self) -> None:
        """Give back memory and threads. A closed backend is not used again."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendOptions:
    """What a user can ask of a backend.

    Attributes:
        threads: for the backend; see runtime.system.libraries.available_threads.
        goal: see Goal.
        certified: the candidate must run as its certificate says.
        checkpoint: where the PyTorch checkpoint lies, if not where the manifest says; only the reference reads it.
        settings: of the library, in its own words; a backend says which it takes, and CPU backends take none.
    """

    threads: int
    goal: Goal = "throughput"
    certified: bool = True
    checkpoint: Path | None = None
    settings: Mapping[str, str] = field(default_factory=dict)


class Obstacle(NamedTuple):
    """Why a machine cannot run a candidate, and what the user can do about it."""

    problem: str
    fix: str


class BackendSpec(Protocol):
    """What there is to know of a backend before it is opened. Nothing here imports the backend's library.

    Attributes:
        name: of the backend; the name is the same for all devices that it runs on.
        device: that this spec is about.
        summary: one line for people.
        preference: of two candidates without a measured speed, the one with the smaller number is taken.
        library: the module that the backend's library is imported by.
        distributions: the packages that can bring it, the first that is installed counts.
        extra: the extra of this project that installs it: nerve-ner[EXTRA].
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

    def candidates(self, bundle: Bundle) -> Sequence[Candidate]:
        """What of a bundle it can run somewhere, in order of preference; none where it must be asked for by name."""
        ...

    def missing(self, here: Machine) -> Obstacle | None:
        """What the machine lacks to run anything with it; None where it lacks nothing."""
        ...

    def obstacle(self, bundle: Bundle, candidate: Candidate, here: Machine) -> Obstacle | None:
        """Why the machine cannot run the candidate; None where it can."""
        ...

    def open(self, bundle: Bundle, candidate: Candidate, options: BackendOptions) -> Backend:
        """The backend on a file of the bundle.

        Raises:
            ModuleNotFoundError: its library is not installed.
            BackendError, BundleError: it cannot load the file.
        """
        ...


def not_installed(spec: BackendSpec, here: Machine) -> Obstacle | None:
    """The obstacle that the library is not installed; None where it is."""
    if here.version(spec.library, spec.distributions):
        return None
    return Obstacle(f"the library {spec.library!r} is not installed", install(spec))


def no_gpu(here: Machine) -> Obstacle | None:
    """The obstacle that there is no GPU; None where there is one."""
    if here.gpu():
        return None
    return Obstacle("this machine has no NVIDIA GPU, or no driver for it", "choose device cpu, or install the driver")


def install(spec: BackendSpec) -> str:
    """The command that installs what the backend needs."""
    return f"pip install 'nerve-ner[{spec.extra}]'"


def refuse_settings(spec: BackendSpec, options: BackendOptions) -> None:
    """For a backend that takes no settings.

    Raises:
        UsageError: one is given.
    """
    if options.settings:
        subject = f"backend setting {next(iter(options.settings))!r}"
        raise UsageError(subject, f"{spec.name} on {spec.device} takes none", "leave it out")
