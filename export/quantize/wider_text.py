"""Training text made strange, so that ranges that are fitted to it hold on text that no corpus has.

The tensors inside a model reach farther on text that it does not know: manual pages, other languages, lists of numbers.
What is clipped there is wrong by much more than what is rounded. No such text is looked at here, for what is fitted to
some of it proves nothing about the rest. Pure.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

Words = Sequence[str]

# ASCII alone: an uncased tokenizer knows no other letters, and marks of other scripts are a single unknown token.
_MARKS, _LETTERS, _DIGITS = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "etaoinsrhldcumfpgwybvkxjqz", "0123456789"


def made_strange(sentences: Sequence[Words]) -> list[list[str]]:
    """The sentences, each in its manner: letters mixed, words cut short, among marks, turned to numbers, repeated.

    Args:
        sentences: their words; the result is always the same.
    """
    chance = random.Random(0)
    everything = [word for words in sentences for word in words]
    manners: tuple[Callable[[Words], list[str]], ...] = (
        lambda words: [_letters_mixed(word, chance) for word in words],
        lambda words: [word[: chance.randrange(1, 4)] for word in words],
        lambda words: [part for word in words for part in (word, *chance.choices(_MARKS, k=chance.randrange(4)))],
        lambda words: ["".join(chance.choices(_DIGITS + ".,-:/", k=chance.randrange(1, 9))) for _ in words],
        lambda words: ["".join(chance.choices(_LETTERS, k=chance.randrange(2, 14))) for _ in words],
        lambda words: [chance.choice(words)] * chance.randrange(1, 40) if words else [],
        lambda words: chance.choices(everything, k=max(1, len(words))),
        lambda words: list(words[:2]),
    )
    return [manners[number % len(manners)](words) for number, words in enumerate(sentences)]


def _letters_mixed(word: str, chance: random.Random) -> str:
    return "".join(chance.sample(word, len(word)))
