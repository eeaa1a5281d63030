"""What a server learns from its batches: how many tokens a text will have, and how many tokens it answers a second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# Tokens of a code point before any text was seen: about those of English news.
_TOKENS_PER_CHARACTER = 0.25
# Share of the newest batch in what is learnt.
_NEWS = 0.1


class Learnt:
    """See the module. Its owner need not hold a lock: what a thread misses, the next batch brings.

    Attributes:
        ratio: tokens of a code point.
        speed: tokens a second of all streams together; 0 until a batch has run.
    """

    def __init__(self) -> None:
        self.ratio, self.speed = _TOKENS_PER_CHARACTER, 0.0

    def sizes(self, questions: Sequence[Any], *, around: int) -> list[int]:
        """Tokens of texts as far as they are known before tokenizing: by the characters of those that came before.

        Args:
            questions: texts, or texts as words.
            around: token slots that each takes beside its tokens; see Stages.
        """
        ratio = self.ratio
        return [around + int(ratio * len(q)) if isinstance(q, str) else around + int(1.5 * len(q)) for q in questions]

    def learn(self, questions: Sequence[Any], tokens: int, *, seconds: float, streams: int) -> None:
        """From a batch of these questions, which took one of the streams so long."""
        characters = sum(map(len, questions)) if isinstance(questions[0], str) else 0
        if characters >= 20:
            self.ratio += _NEWS * (tokens / characters - self.ratio)
        if tokens and seconds:
            speed = tokens / seconds * streams
            self.speed += (_NEWS if self.speed else 1.0) * (speed - self.speed)
