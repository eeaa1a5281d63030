"""Versions of the libraries that make and run a bundle, as they are installed."""

from __future__ import annotations

import platform
from importlib.metadata import version

from runtime import __version__
from runtime.backends.registry import specs
from runtime.system.libraries import installed_version

# Whose versions a manifest records: all that have a hand in a bundle.
PROVENANCE = (
    *("numpy", "onnx", "optimum", "optimum-onnx"),
    *("safetensors", "tokenizers", "torch", "transformers"),
)


def provenance() -> dict[str, str]:
    """Versions of all that have a hand in a bundle on this machine."""
    # Backends certify where they are installed: a bundle made before one came, or was renewed, is out of date.
    found = [(spec.library, installed_version(spec.library, spec.distributions)) for spec in specs()]
    # Two specs of one library may need different distributions of it: the one that is there counts.
    installed = {library: version for library, version in sorted(found) if version}
    return versions(*(name for name in PROVENANCE if installed_version(name))) | installed


def versions(*libraries: str) -> dict[str, str]:
    """Installed version of each library, by distribution name, and those of Python and Nerve."""
    return {"nerve": __version__, "python": platform.python_version()} | {name: version(name) for name in libraries}
