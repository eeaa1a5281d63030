"""How long TensorRT's kernels took on this GPU, kept in a file so that a later build need not time them again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from export.engines.api import BuilderConfig, TimingCache
from export.engines.build_log import BuildLog
from runtime.errors import StorageError
from runtime.system.files import write_atomically
from runtime.system.gpu import Gpu


def cache_file(gpu: Gpu, version: str, environment: Mapping[str, str]) -> Path:
    """Where kernel times are kept: in $NERVE_CACHE, or else in nerve/ in $XDG_CACHE_HOME or ~/.cache. Delete at will.

    Args:
        gpu: times are this GPU's alone.
        version: and this TensorRT's alone.
        environment: variables.
    """
    home = environment.get("XDG_CACHE_HOME") or "~/.cache"
    root = Path(environment.get("NERVE_CACHE") or Path(home) / "nerve").expanduser()
    name = re.sub(r"[^A-Za-z0-9.]+", "-", f"{gpu.name}-{version}")
    return root / "tensorrt" / f"{name}.timing"


def give_times(config: BuilderConfig, cache: Path, log: BuildLog) -> TimingCache | None:
    """Give a build the times of earlier ones; the result must live as long as the build.

    Times that do not fit this TensorRT or GPU are no failure: TensorRT begins anew, and what it said of them is
    forgotten. (TensorRT for RTX 1.7 gives back an empty cache and logs errors; the documentation says None.)
    """
    times = config.create_timing_cache(cache.read_bytes() if cache.is_file() else b"")
    if times is None or not config.set_timing_cache(times, False):
        times = config.create_timing_cache(b"")
        if times is not None:
            config.set_timing_cache(times, False)
    log.forget()
    return times


def keep_times(config: BuilderConfig, cache: Path) -> None:
    """Write the times for the next build; without a place for them that is slower, and nothing else."""
    times = config.get_timing_cache()
    held = None if times is None else times.serialize()
    if held is None:
        return
    with suppress(OSError, StorageError):
        cache.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(cache, bytes(held))
