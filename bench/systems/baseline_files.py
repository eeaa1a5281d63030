"""The checkpoint that the baselines run, and the files that they make of it. They are made once and kept."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runtime.system.files import replace_folder

# The files of a configuration and a tokenizer.
_BESIDE = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


@dataclass(frozen=True, slots=True)
class Model:
    """What the baselines are made from.

    Attributes:
        checkpoint: its folder.
        work: the folder for files that baselines make of it; its name contains the checkpoint's digest, so that the
            files of another checkpoint are never taken.
        labels: names in the order of the logits.
        max_length: most tokens of a row, special tokens included.
        threads: how many each baseline may use.
        thorough: whether to try many settings, or few.
        bf16: whether the CPU computes in bf16.
    """

    checkpoint: Path
    work: Path
    labels: tuple[str, ...]
    max_length: int
    threads: int
    thorough: bool
    bf16: bool

    @property
    def onnx(self) -> Path:
        """The folder of the checkpoint as Optimum exports it."""
        return self.work / "onnx"

    @property
    def weights(self) -> tuple[Path, ...]:
        """The checkpoint's files that are needed to run it."""
        return (*sorted(self.checkpoint.glob("*.safetensors")), *self.beside(self.checkpoint))

    def beside(self, folder: Path) -> tuple[Path, ...]:
        """Return the paths of configuration and tokenizer in that folder."""
        return tuple(folder / name for name in _BESIDE)


def make_once(folder: Path, fill: Callable[[Path], None]) -> None:
    """Fill a folder, unless it exists. It gets its name when it is complete, so that nobody sees half of it."""
    if folder.is_dir():
        return
    # The process id in the name: two benchmarks may make the same files at once.
    new = folder.with_name(f".{folder.name}.{os.getpid()}")
    new.mkdir(parents=True)
    try:
        fill(new)
        replace_folder(new, folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def copy_beside(checkpoint: Path, folder: Path) -> None:
    """Copy the checkpoint's configuration and tokenizer into a folder."""
    for name in _BESIDE:
        if (checkpoint / name).is_file():
            shutil.copyfile(checkpoint / name, folder / name)


def make_onnx(checkpoint: Path, folder: Path) -> None:
    """Export the checkpoint with Optimum, with its configuration and tokenizer beside the graph."""

    def fill(new: Path) -> None:
        from export.graphs.padded import padded_from_checkpoint
        from export.torch_model import load_model

        # The same export that Nerve begins with, so that only running it differs.
        padded_from_checkpoint(load_model(checkpoint), new / "model.onnx")
        copy_beside(checkpoint, new)

    make_once(folder, fill)
