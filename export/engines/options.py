"""What is wanted of TensorRT, and whether it can be had here: asked before anything that takes time is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from runtime.backends.tensorrt.engine import engine_obstacle
from runtime.bundle.certificate import Certificate
from runtime.bundle.manifest import Manifest, Profile
from runtime.errors import BackendError
from runtime.system.gpu import Gpu

# Token slots of the largest batches: some thousand keep every multiprocessor of a large GPU busy, and a chunk of 512
# sentences, which is what the runtime tags at once, fills one or two such batches. Not measured on a GPU yet.
SLOTS = 8192
# The compute capability of Turing (T4, RTX 20), whose engines of TensorRT for RTX need a graph all in fp16.
TURING = "7.5"
# TensorRT's own default: higher levels try more kernels and take several times as long.
LEVEL = 3
Attention = Literal["pattern", "operator"]
_WITHOUT = "leave --tensorrt out, or run it on a machine with an NVIDIA GPU"


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorRTOptions:
    """What is wanted of TensorRT.

    Attributes:
        wanted: engines at all.
        slots: (rows x length) of the largest batches.
        level: how hard it tries, 0 to 5.
        profiles: shapes of the engines; none: export.engines.profiles.profiles_for gives them.
        attention: in which form it is shown attention, see export.engines.attention.
        portable: an engine of TensorRT for RTX, which is built without a GPU, see export.engines.portable.
        turing: the same for Turing, from a graph all in fp16; beside the portable one.
    """

    wanted: bool = False
    slots: int = SLOTS
    level: int = LEVEL
    profiles: tuple[Profile, ...] = ()
    attention: Attention = "pattern"
    portable: bool = False
    turing: bool = False


NO_ENGINES = TensorRTOptions()


def check_tensorrt(here: Gpu | None, *, missing: str) -> None:
    """Refuse what cannot end well.

    Args:
        here: this machine's GPU.
        missing: a library that is not installed, see missing_library.

    Raises:
        BackendError: there is no GPU, or a library is missing.
    """
    if here is None:
        raise BackendError("--tensorrt", "this machine has no NVIDIA GPU, or no driver for it", _WITHOUT)
    if missing:
        raise BackendError("--tensorrt", f"the library {missing!r} is not installed", "run make setup GPU=1")


def check_portable() -> None:
    """Refuse a portable engine where the library that builds it is missing.

    Raises:
        BackendError: it is.
    """
    if find_spec("tensorrt_rtx") is None:
        problem = "the library 'tensorrt_rtx' is not installed"
        raise BackendError("TensorRT for RTX", problem, "pip install 'nerve-ner[tensorrt-rtx]'")


def missing_library() -> str:
    """The first library that building and running an engine needs and that is not installed; empty if none is."""
    for library, module in (("tensorrt", "tensorrt"), ("cuda-python", "cuda.bindings.runtime")):
        try:
            if find_spec(module) is None:
                return library
        except ModuleNotFoundError:  # of the package that the module lies in
            return library
    return ""


def fulfilled(tensorrt_options: TensorRTOptions, certificates: Sequence[Certificate]) -> bool:
    """Whether engines are certified where they are wanted: who asked for one gets no bundle without."""
    return not tensorrt_options.wanted or any(each.backend == "tensorrt" and each.passed for each in certificates)


def has_portable(manifest: Manifest, version: str, *, turing: bool = False) -> bool:
    """Whether a bundle has a portable engine of that version of TensorRT for RTX; one for Turing, where that is asked.

    Args:
        manifest: of the bundle.
        version: of the library.
        turing: whether it must have both.
    """
    own = [one for one in manifest.engines if (one.backend, one.tensorrt) == ("tensorrt-rtx", version)]
    wanted = {True, False} if turing else {False}
    return {one.compute_capability == TURING for one in own} >= wanted


def has_engines(manifest: Manifest, here: Gpu | None, tensorrt: str) -> bool:
    """Whether a bundle has an engine that runs on that GPU with that version of TensorRT."""
    return here is not None and any(not engine_obstacle(engine, here, tensorrt) for engine in manifest.engines)
