"""The checkpoint in PyTorch: what graphs are exported from, and the reference that candidates are held against.

transformers leaves out weights that its model has no place for, and says so in a log. A CRF, an LSTM or a second head
among them is a part of what the checkpoint answers: without it the answers are others, and nothing would tell.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

import torch
import transformers

from runtime.errors import CheckpointError

# Weights of pre-training that no token classifier reads, whichever way they were saved: other tasks' heads, poolers,
# and numbers that follow from the configuration.
_UNREAD = re.compile(
    r"(\w+\.)?pooler\..*|(\w+\.)?(embeddings\.)?(position_ids|token_type_ids)"
    r"|cls\.(predictions|seq_relationship)\..*|(lm|mlm|generator_lm|contact)_head\..*|sop_classifier\..*"
    r"|(lm|mask|generator|discriminator|entity)_predictions\..*|predictions\.(dense|decoder|LayerNorm)\..*"
    r"|predictions\.bias|vocab_(transform|layer_norm|projector)\..*|pred_layer\..*|.*\.rotary_emb\.inv_freq"
)
READ_ELSEWHERE: tuple[str, ...] = ()
"""Patterns of weights that the model does not read but another part of export does, such as a CRF's."""

_MOST_NAMED = 5


def load_model(checkpoint: Path, *, read_elsewhere: Sequence[str] = READ_ELSEWHERE) -> transformers.PreTrainedModel:
    """The checkpoint in PyTorch, fp32, for inference.

    Args:
        checkpoint: its folder.
        read_elsewhere: patterns of names of weights that the model does not read and the caller does.

    Raises:
        CheckpointError: transformers cannot load it, weights of it are missing and would be random, or it has weights
            that the model does not read and that may change its answers.
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
        problem = f"weights are missing ({_named(missing)})"
        raise CheckpointError(str(checkpoint), problem, "give a checkpoint trained for NER")
    if unread := unread_weights(report["unexpected_keys"], read_elsewhere):
        problem = f"{len(unread)} weights would not be read, and may change its answers ({_named(unread)})"
        fix = (
            "export cannot run what they belong to; if that is another task's, take them out: "
            "AutoModelForTokenClassification.from_pretrained(FOLDER).save_pretrained(NEW)"
        )
        raise CheckpointError(str(checkpoint), problem, fix)
    network: transformers.PreTrainedModel = model
    network.train(False)
    return network


def unread_weights(unexpected: Collection[str], read_elsewhere: Sequence[str] = ()) -> list[str]:
    """Names of those weights that may change answers: neither of pre-training alone nor read by somebody else.

    Args:
        unexpected: names of weights that transformers' model has no place for.
        read_elsewhere: see load_model.
    """
    others = [re.compile(pattern) for pattern in read_elsewhere]
    return sorted(
        name
        for name in unexpected
        if not _UNREAD.fullmatch(name) and not any(other.fullmatch(name) for other in others)
    )


def _named(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
