"""The checkpoint in PyTorch: what graphs are exported from, and the reference that candidates are held against."""

from __future__ import annotations

from pathlib import Path

import torch
import transformers

from runtime.errors import CheckpointError


def load_model(checkpoint: Path) -> transformers.PreTrainedModel:
    """The checkpoint in PyTorch, fp32, for inference.

    Raises:
        CheckpointError: transformers cannot load it, or its classifier is missing and would be random.
    """
    loader = transformers.AutoModelForTokenClassification
    try:
        model, report = loader.from_pretrained(
            checkpoint,
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            trust_remote_code=False,
        )
    except Exception as error:  # safetensors, json and transformers each raise their own for a damaged file
        reason = str(error).strip().partition("\n")[0]
        problem = f"transformers cannot load it ({reason})"
        raise CheckpointError(str(checkpoint), problem, "take an intact copy") from error
    if missing := sorted(report["missing_keys"]):
        problem = f"weights are missing ({', '.join(missing[:3])})"
        raise CheckpointError(str(checkpoint), problem, "give a checkpoint trained for NER")
    network: transformers.PreTrainedModel = model
    network.train(False)
    return network
