"""The texts of a search: a user's own, or, where none are given, sentences of the tokenizer's words."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from export.tune.one_text import DEVIATION, MEAN
from runtime.encode.tokenizer import open_tokenizer
from runtime.errors import CorpusError, storage_error
from runtime.system.files import read_regular

# Enough that a cache of words does not hold them all at once, and few enough to be read in a moment.
_SENTENCES = 400
_MOST = 5000
_LARGEST = 1 << 30


def texts_of(file: Path) -> tuple[str, ...]:
    """The lines of a file that are not empty, at most 5,000.

    Raises:
        CorpusError: there are none, or they are not UTF-8.
        StorageError: no permission.
    """
    fix = "give a file of UTF-8 with one text a line"
    try:
        lines = [line.strip() for line in read_regular(file, most=_LARGEST).decode("utf-8").splitlines()]
    except FileNotFoundError:
        raise CorpusError(str(file), "there is no such file", fix) from None
    except UnicodeDecodeError:
        raise CorpusError(str(file), "it is not UTF-8", fix) from None
    except OSError as error:
        raise storage_error(error) from error
    texts = tuple(line for line in lines if line)[:_MOST]
    if not texts:
        raise CorpusError(str(file), "no text in it", fix)
    return texts


def made_texts(tokenizer: Path) -> tuple[str, ...]:
    """Sentences as long as those of news, of words that are one token each: speed does not depend on what they say."""
    words = sorted(word for word in open_tokenizer(tokenizer, spaced=True).get_vocab() if word.isalpha())
    chance = np.random.default_rng(2)
    lengths = np.clip(np.exp(chance.normal(MEAN, DEVIATION, _SENTENCES)), 1, 100).astype(int)
    return tuple(" ".join(chance.choice(words or ["a"], length)) for length in lengths.tolist())
