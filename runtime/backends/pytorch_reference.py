"""Backend pytorch: the checkpoint itself, in fp32. The reference that the others are held against, and slow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import transformers
from numpy.typing import NDArray

from runtime.batch.batches import ON_CPU, Batch
from runtime.bundle.checkpoint import sha256_of_checkpoint
from runtime.bundle.store import Bundle, Candidate, Device, Layout
from runtime.errors import BundleError, CheckpointError

if TYPE_CHECKING:
    from runtime.backends.base import Options


class PyTorch:
    """A checkpoint folder in transformers, fp32, on the CPU.

    Args:
        path: the checkpoint.
        threads: for the matrix products of one call; PyTorch keeps this setting for the whole process.
    """

    layout: Layout = "padded"
    streams = 1
    device: Device = "cpu"
    packing = ON_CPU
    version: str = torch.__version__

    def __init__(self, path: Path, *, threads: int) -> None:
        torch.set_num_threads(threads)
        try:
            model = transformers.AutoModelForTokenClassification.from_pretrained(
                path, dtype=torch.float32, use_safetensors=True, local_files_only=True
            )
        except (OSError, ValueError, KeyError) as error:
            raise CheckpointError(str(path), f"transformers cannot load it ({error})", "check the folder") from error
        self._model = model.eval()

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """See Backend."""
        with torch.inference_mode():
            output = self._model(
                input_ids=torch.from_numpy(batch.input_ids), attention_mask=torch.from_numpy(batch.attention_mask)
            )
        logits: NDArray[np.float32] = output.logits.numpy()
        return logits

    def close(self) -> None:
        """See Backend."""
        del self._model


def open_pytorch(bundle: Bundle, _: Candidate, options: Options) -> PyTorch:
    """The checkpoint that the bundle was made from; its digest must be the one that the manifest holds.

    Raises:
        CheckpointError: it is not where the manifest or --checkpoint says.
        BundleError: it is another checkpoint.
    """
    path, source = options.checkpoint, bundle.manifest.checkpoint
    if not path.is_dir():
        raise CheckpointError(str(path), "no such checkpoint folder", "give --checkpoint FOLDER")
    if sha256_of_checkpoint(path) != source.sha256:
        raise BundleError(str(path), "not the checkpoint that this bundle was made from", "give --checkpoint FOLDER")
    return PyTorch(path, threads=options.threads)
