"""The list of all backends, made from the modules of this folder that define SPECS, a tuple of BackendSpecs.

A module can lie in a folder of this one, too: where backends share files, as TensorRT's do. No other list exists, so
that one new file adds a backend. The module does not know a single backend or library.
"""

from __future__ import annotations

import functools
import pkgutil
from importlib import import_module
from types import ModuleType

import runtime.backends
from runtime.backends.base import Backend, BackendOptions, BackendSpec, install
from runtime.bundle.certificate import Certificate
from runtime.bundle.store import Bundle, Candidate
from runtime.errors import BackendError
from runtime.system.machine import THIS_MACHINE, Machine


@functools.cache
def _modules() -> tuple[ModuleType, ...]:
    # Cached: a backend's module imports no library, but importing a dozen modules takes its time.
    return tuple(
        import_module(module.name)
        for module in pkgutil.walk_packages(runtime.backends.__path__, f"{runtime.backends.__name__}.")
        if module.name != __name__ and not module.name.endswith(".__main__")
    )


@functools.cache
def specs() -> tuple[BackendSpec, ...]:
    """The specs of all backends, in order of preference."""
    found: list[BackendSpec] = [spec for module in _modules() for spec in getattr(module, "SPECS", ())]
    return tuple(sorted(found, key=lambda spec: spec.preference))


def not_needed() -> tuple[str, ...]:
    """Modules that libraries import along where they can, and that nothing here needs: NOT_NEEDED of all backends."""
    return tuple(name for module in _modules() for name in getattr(module, "NOT_NEEDED", ()))


def backend_names() -> tuple[str, ...]:
    """The names of all backends, each once, in order of preference."""
    return tuple(dict.fromkeys(spec.name for spec in specs()))


def spec_of(candidate: Candidate) -> BackendSpec:
    """The spec of a candidate's backend on its device.

    Raises:
        BackendError: there is no such backend on this device.
    """
    for spec in specs():
        if (spec.name, spec.device) == (candidate.backend, candidate.device):
            return spec
    known = ", ".join(f"{spec.name} ({spec.device})" for spec in specs())
    raise BackendError(
        f"backend {candidate.backend!r}", f"there is none on {candidate.device}", f"choose one of {known}"
    )


def certified_rows(certificate: Certificate) -> tuple[int, ...]:
    """Lengths of single rows that a certificate covers, where its backend still has graphs for just these.

    Whoever changes how a backend computes them chooses other lengths, so that older certificates cover none.
    """
    return certificate.rows if certificate.rows in spec_of(certificate.candidate).row_lengths else ()


def version_of(candidate: Candidate, here: Machine = THIS_MACHINE) -> str:
    """The installed version of the library that runs a candidate; empty where it is not installed."""
    spec = spec_of(candidate)
    return here.version(spec.library, spec.distributions)


def open_candidate(candidate: Candidate, bundle: Bundle, options: BackendOptions) -> Backend:
    """Open the backend that runs a candidate.

    Raises:
        BackendError: the backend's library is not installed (the fix names the extra), or it cannot load the file.
        BundleError, CheckpointError, UsageError: see the `open` of the backend's spec.
    """
    spec = spec_of(candidate)
    try:
        return spec.open(bundle, candidate, options)
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        problem = f"the library {library!r} is not installed"
        raise BackendError(f"backend {candidate.backend!r}", problem, install(spec)) from error
