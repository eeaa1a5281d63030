"""Crf: the weights of a checkpoint's CRF as plain numbers. runtime.decode.viterbi decodes with them; no numpy here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Crf:
    """A linear-chain CRF over the labels of a sentence's words: what is added to the logits of a label sequence.

    Attributes:
        start, end: for the label of the first and of the last word. [labels]
        steps: for a label and the label of the word after it. [labels][labels]
    """

    start: tuple[float, ...]
    end: tuple[float, ...]
    steps: tuple[tuple[float, ...], ...]
