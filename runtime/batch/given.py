"""What a caller gives as texts: a string in place of a list is refused. It knows nothing of what becomes of them."""

from __future__ import annotations

from collections.abc import Sequence

from runtime.errors import UsageError


def refuse_string(given: object) -> None:
    """Raise UsageError for a string in place of a list: a string is a sequence of strings, too, each a letter."""
    if isinstance(given, str):
        raise UsageError("texts", f"one string is given ({given[:20]!r}...)", "give a list, even of one")


def lists_of_words(sentences: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
    """The sentences.

    Raises:
        UsageError: a string stands in place of a list of words, or of sentences.
    """
    refuse_string(sentences)
    for words in sentences:
        refuse_string(words)
    return sentences
