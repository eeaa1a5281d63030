"""Backend pytorch: the checkpoint itself, in fp32. It is the reference that all other backends are compared with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from runtime.backends.base import BackendOptions, BackendSpec, Obstacle, not_installed, refuse_settings
from runtime.batch.batches import ON_CPU, Batch
from runtime.bundle.checkpoint import sha256_of_checkpoint
from runtime.bundle.store import Bundle, Candidate, Device, Layout
from runtime.errors import BundleError, CheckpointError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from runtime.system.machine import Machine

_FIX = "give the folder of the bundle's checkpoint"


class PyTorch:
    """A checkpoint folder in transformers, fp32, on the CPU.

    Args:
        path: folder of the checkpoint.
        threads: number of threads for the matrix multiplications of one call. PyTorch keeps this setting for the whole
            process.

    Raises:
        ModuleNotFoundError: torch or transformers is not installed.
        CheckpointError: transformers cannot load the checkpoint.
    """

    layout: Layout = "padded"
    streams = 1
    device: Device = "cpu"
    packing = ON_CPU

    def __init__(self, path: Path, *, threads: int) -> None:
        import torch
        import transformers

        self.version: str = torch.__version__
        torch.set_num_threads(threads)
        try:
            model = transformers.AutoModelForTokenClassification.from_pretrained(
                path, dtype=torch.float32, use_safetensors=True, local_files_only=True, trust_remote_code=False
            )
        except (OSError, ValueError, KeyError) as error:
            raise CheckpointError(str(path), f"transformers cannot load it ({error})", "check the folder") from error
        self._model = model.eval()

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """See Backend."""
        import torch

        # Positions and token types are left out: transformers counts them itself, as the checkpoint was trained.
        with torch.inference_mode():
            output = self._model(
                input_ids=torch.from_numpy(batch.input_ids), attention_mask=torch.from_numpy(batch.attention_mask)
            )
        logits: NDArray[np.float32] = output.logits.numpy()
        return logits

    def close(self) -> None:
        """See Backend."""
        del self._model


class _Spec:
    """See BackendSpec."""

    name = "pytorch"
    device: Device = "cpu"
    summary = "the checkpoint itself in PyTorch, fp32: the reference; it must be asked for by name"
    preference = 90
    library = "torch"
    distributions = ("torch",)
    extra = "pytorch"
    row_lengths: tuple[tuple[int, ...], ...] = ()

    def candidates(self, bundle: Bundle) -> list[Candidate]:
        """See BackendSpec. None: a reference must not run because nothing faster is installed."""
        return []

    def missing(self, here: Machine) -> Obstacle | None:
        """See BackendSpec."""
        return not_installed(self, here)

    def obstacle(self, bundle: Bundle, candidate: Candidate, here: Machine) -> Obstacle | None:
        """See BackendSpec."""
        return self.missing(here)

    def open(self, bundle: Bundle, candidate: Candidate, options: BackendOptions) -> PyTorch:
        """See BackendSpec. The checkpoint must have the digest that is in the manifest.

        Raises:
            CheckpointError: there is no checkpoint at the place that the options or the manifest name.
            BundleError: it is another checkpoint.
        """
        refuse_settings(self, options)
        source = bundle.manifest.checkpoint
        # The manifest holds the name that export was given: a path that may have moved, or the id of a hub.
        path = options.checkpoint or Path(source.name)
        if not path.is_dir():
            raise CheckpointError(str(path), "no such checkpoint folder", _FIX)
        if sha256_of_checkpoint(path) != source.sha256:
            raise BundleError(str(path), "not the checkpoint that this bundle was made from", _FIX)
        return PyTorch(path, threads=options.threads)


SPECS: tuple[BackendSpec, ...] = (_Spec(),)
