"""The checkpoint's own answers: PyTorch in fp32, tokens from transformers' own tokenizer.

Nothing of runtime/ computes here, so that no fault of it can be on both sides: transformers opens the tokenizer from
the checkpoint, and all sentences of a batch have the same length, so that there is no padding.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import transformers
from numpy.typing import NDArray

from export.hf_tokenizer import load_tokenizer
from runtime.errors import CheckpointError
from runtime.screen.display import within

# Most tokens of one batch; more gains nothing on a CPU.
_TOKENS = 4096


class Reference:
    """Answers of a checkpoint, word by word.

    Args:
        checkpoint: its folder.
        model: the same, as export.torch_model.load_model gives it.
        threads: for PyTorch, for the whole process.
    """

    def __init__(self, checkpoint: Path, model: transformers.PreTrainedModel, *, threads: int) -> None:
        torch.set_num_threads(threads)
        self._model, self._checkpoint = model, checkpoint
        self._tokenizer = load_tokenizer(checkpoint, for_words=True)

    def tokens(self, sentences: Sequence[Sequence[str]]) -> list[int]:
        """Tokens of each sentence, special ones included."""
        return [len(ids) for ids in self._encode(sentences)["input_ids"][: len(sentences)]]

    def word_logits(self, sentences: Sequence[Sequence[str]]) -> NDArray[np.float32]:
        """Logits of each word's first token, sentence after sentence; NaN for a word without one. [words, labels]

        Raises:
            CheckpointError: a logit is not finite.
        """
        encoded = self._encode(sentences)
        starts = [0, *itertools.accumulate(len(words) for words in sentences)]
        logits = np.full((starts[-1], self._model.config.num_labels), np.nan, np.float32)
        batches = _equal_lengths([len(ids) for ids in encoded["input_ids"][: len(sentences)]])
        for number, chosen in enumerate(batches):
            within(f"the checkpoint answers, batch {number:,} of {len(batches):,}")
            output = self._run([encoded["input_ids"][i] for i in chosen])
            for row, sentence in enumerate(chosen):
                for word, token in _first_tokens(encoded.word_ids(sentence)).items():
                    logits[starts[sentence] + word] = output[row, token]
        return logits

    def _encode(self, sentences: Sequence[Sequence[str]]) -> transformers.BatchEncoding:
        # One sentence more, which nobody reads: the tokenizer refuses an empty list.
        words = [*map(list, sentences), []]
        encoded: transformers.BatchEncoding = self._tokenizer(words, is_split_into_words=True, verbose=False)
        return encoded

    def _run(self, ids: list[list[int]]) -> NDArray[np.float32]:
        batch = torch.tensor(ids)  # [rows, length]
        try:
            with torch.inference_mode():
                output = self._model(input_ids=batch, attention_mask=torch.ones_like(batch))
        except Exception as error:  # whatever a model's own code raises for inputs that it was not written for
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            problem = f"PyTorch cannot run it on {batch.shape[1]} tokens of text ({reason})"
            raise CheckpointError(str(self._checkpoint), problem, "see docs/architectures.md") from error
        logits: NDArray[np.float32] = output.logits.numpy()
        if not np.isfinite(logits).all():
            problem = "its answers are not finite (NaN or infinity), so that nothing can be held against them"
            raise CheckpointError(str(self._checkpoint), problem, "take an intact copy, or train it again")
        return logits  # [rows, length, labels]


def _equal_lengths(lengths: Sequence[int]) -> list[list[int]]:
    """Indices grouped by length, each group cut into batches of at most _TOKENS tokens."""
    groups: dict[int, list[int]] = defaultdict(list)
    for index, length in enumerate(lengths):
        groups[length].append(index)
    batches = []
    for length, members in sorted(groups.items()):
        rows = max(1, _TOKENS // max(1, length))
        batches += [members[start : start + rows] for start in range(0, len(members), rows)]
    return batches


def _first_tokens(word_ids: Sequence[int | None]) -> dict[int, int]:
    """word -> its first token."""
    first: dict[int, int] = {}
    for token, word in enumerate(word_ids):
        if word is not None:
            first.setdefault(word, token)
    return first
