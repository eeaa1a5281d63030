"""Word labels <-> tokens: the first token of a word carries its label, the others carry none.

Pure functions of word ids, as a fast tokenizer gives them: for each token the index of its word, None for special
tokens. It knows nothing of tokenizers, label names or torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

IGNORED: Final = -100
"""Label of a token that carries none: what torch's cross-entropy passes over by default."""

WordIds = Sequence[int | None]


@dataclass(frozen=True, slots=True)
class Loss:
    """Words whose label reaches no token, counted.

    Attributes:
        cut: beyond the longest input.
        empty: of no token at all, as a word of control characters is.
        sentences: how many sentences lost a word to the cut.
    """

    cut: int = 0
    empty: int = 0
    sentences: int = 0

    def __add__(self, other: Loss) -> Loss:
        return Loss(self.cut + other.cut, self.empty + other.empty, self.sentences + other.sentences)


def first_tokens(word_ids: WordIds) -> dict[int, int]:
    """For each word that has a token, in order, the position of its first one."""
    first: dict[int, int] = {}
    for position, word in enumerate(word_ids):
        if word is not None:
            first.setdefault(word, position)
    return first


def token_labels(word_ids: WordIds, labels: Sequence[int]) -> list[int]:
    """The label index of each token: its word's on the word's first token, IGNORED elsewhere. [tokens]

    Args:
        word_ids: of the tokens that are kept. [tokens]
        labels: label index of each word. [words]
    """
    aligned = [IGNORED] * len(word_ids)
    for word, position in first_tokens(word_ids).items():
        aligned[position] = labels[word]
    return aligned


def word_labels(word_ids: WordIds, tokens: Sequence[int], words: int, outside: int) -> list[int]:
    """The label index of each word, read from its first token; `outside` for a word that has none. [words]

    Args:
        word_ids: of the tokens that were kept. [tokens]
        tokens: label index predicted for each token; there may be more, of padding. [tokens or more]
        words: number of words.
        outside: index of "O".
    """
    labels = [outside] * words
    for word, position in first_tokens(word_ids).items():
        labels[word] = tokens[position]
    return labels


def loss_of(words: int, kept: WordIds, cut: Iterable[int | None]) -> Loss:
    """Which words of one sentence lost their label.

    Args:
        words: number of words in the sentence.
        kept: word ids of the tokens that are kept.
        cut: word ids of the tokens that were cut off.
    """
    # A word whose first token is kept has its label, even if its last tokens are cut off.
    with_label = set(kept) - {None}
    beyond = set(cut) - {None} - with_label
    return Loss(len(beyond), words - len(with_label) - len(beyond), int(bool(beyond)))


def describe(loss: Loss, max_length: int) -> str:
    """Which words carry no label, for the user to read, or "" where all do."""
    parts = []
    if loss.cut:
        parts.append(f"{loss.cut} words of {loss.sentences} sentences lie beyond {max_length} tokens")
    if loss.empty:
        parts.append(f"{loss.empty} words have no token")
    return " and ".join(parts)
