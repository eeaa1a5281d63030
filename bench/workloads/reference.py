"""The checkpoint's own answers, which changed labels are counted against. A job, because it needs PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.measure.jobs import Session


def reference_labels(
    session: Session,
    checkpoint: Path,
    sentences: Sequence[Sequence[str]],
    labels: Sequence[str],
    longest: int,
    threads: int,
) -> list[list[str] | None]:
    """Return the labels of each sentence's words by the checkpoint in fp32; None for a sentence longer than the model.

    Args:
        checkpoint: its folder.
        sentences: the words of each.
        labels: names in the order of the logits.
        longest: most tokens of a row.
        threads: of PyTorch.
    """
    import numpy as np

    from export.certify.reference import Reference
    from export.torch_model import load_model
    from runtime.text.label_schemes import OUTSIDE

    reference = Reference(checkpoint, load_model(checkpoint), threads=threads)
    # A sentence that does not fit would be cut, and the answer would not be the checkpoint's.
    fits = [tokens <= longest for tokens in reference.tokens(sentences)]
    logits = reference.word_logits([words for words, fit in zip(sentences, fits) if fit])
    # A word without a token has no logits (NaN) and is outside every entity.
    tags = np.where(np.isnan(logits).any(axis=1), labels.index(OUTSIDE), logits.argmax(axis=1))
    names = iter([labels[tag] for tag in tags.tolist()])
    return [[next(names) for _ in words] if fit else None for words, fit in zip(sentences, fits)]
