"""The checkpoint that peers run, and the files that they make of it: once, kept by the checkpoint's digest."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runtime.system.files import replace_folder

# What a tokenizer and a configuration consist of.
_BESIDE = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


@dataclass(frozen=True, slots=True)
class Model:
    """What peers are made from.

    Attributes:
        checkpoint: its folder.
        work: a folder for what peers make of it; its name holds the checkpoint's digest.
        labels: names in the order of the logits.
        max_length: most tokens of a row, special ones included.
        threads: that each peer may use.
        thorough: whether to try many settings, or few.
        bf16: whether the CPU computes in bf16.
        files: checkpoint's files that are needed to run it.
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
        """Folder of the checkpoint as Optimum exports it."""
        return self.work / "onnx"

    @property
    def weights(self) -> tuple[Path, ...]:
        """The checkpoint's files that are needed to run it."""
        return (*sorted(self.checkpoint.glob("*.safetensors")), *self.beside(self.checkpoint))

    def beside(self, folder: Path) -> tuple[Path, ...]:
        """Configuration and tokenizer in that folder."""
        return tuple(folder / name for name in _BESIDE)


def make_once(folder: Path, fill: Callable[[Path], None]) -> None:
    """Fill a folder, or leave it if it is there already; it is never seen half full."""
    if folder.is_dir():
        return
    new = folder.with_name(f".{folder.name}.{os.getpid()}")
    new.mkdir(parents=True)
    try:
        fill(new)
        replace_folder(new, folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def copy_beside(checkpoint: Path, folder: Path) -> None:
    """Give a folder the checkpoint's configuration and tokenizer."""
    for name in _BESIDE:
        if (checkpoint / name).is_file():
            shutil.copyfile(checkpoint / name, folder / name)


def make_onnx(checkpoint: Path, folder: Path) -> None:
    """The checkpoint as Optimum exports it, with what Optimum keeps beside it."""

    def fill(new: Path) -> None:
        from export.graphs.padded import padded_from_checkpoint
        from export.torch_model import load_model

        padded_from_checkpoint(load_model(checkpoint), new / "model.onnx")
        copy_beside(checkpoint, new)

    make_once(folder, fill)
