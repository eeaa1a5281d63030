"""Training sentences, some of them joined to texts of several: documents and full rows are read that way.

A model that has only ever seen single sentences is in doubt wherever another one follows. Pure: sentences in, sentences
out.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from runtime.text.conll import Sentence

_FEWEST, _MOST = 30, 150
"""Words of a text, at least and about at most: from two sentences of news to a short article's first paragraphs."""
_TOKENS_OF_WORD: Final = 2
"""Tokens that a word has at most, as a rule; a text that is longer in tokens is cut, and its end not learned."""


def with_joined(sentences: Sequence[Sentence], *, share: float, seed: int, max_length: int) -> list[Sentence]:
    """All sentences in their order, about `share` of them in texts of several that follow each other.

    Args:
        sentences: of the training part.
        share: 0 to 1.
        seed: of the lengths, and of which are joined.
        max_length: most tokens of a text.
    """
    if not share:
        return list(sentences)
    chance = random.Random(f"joined {seed}")
    texts: list[Sentence] = []
    for run in _runs(sentences, chance, longest=max_length // _TOKENS_OF_WORD):
        texts += [_joined(run)] if chance.random() < share else run
    return texts


def _runs(sentences: Sequence[Sentence], chance: random.Random, *, longest: int) -> Iterator[list[Sentence]]:
    """Sentences in a row, together of a random number of words and at most `longest`, or a single longer one."""
    run: list[Sentence] = []
    words, wanted = 0, chance.randint(_FEWEST, _MOST)
    for sentence in sentences:
        if run and (words >= wanted or words + len(sentence.words) > longest):
            yield run
            run, words, wanted = [], 0, chance.randint(_FEWEST, _MOST)
        run.append(sentence)
        words += len(sentence.words)
    if run:
        yield run


def _joined(sentences: Sequence[Sentence]) -> Sentence:
    words = chain.from_iterable(sentence.words for sentence in sentences)
    labels = chain.from_iterable(sentence.labels for sentence in sentences)
    return Sentence(tuple(words), tuple(labels))
