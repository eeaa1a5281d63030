"""Colored text for a terminal: each entity has the color of its label, and the label follows it.

Where the environment variable NO_COLOR is set (no-color.org), entities stand in brackets instead. The module does not
know whether its bytes go to a terminal.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping

from runtime.tag.input.item import Item, as_text, segments, utf8
from runtime.text.answer import Answer
from runtime.text.entity import Entity
from runtime.text.label_schemes import LabelSet

# Foreground colors among the 16 that every terminal has: users set these so that they can read them.
_COLORS = (36, 33, 35, 32, 34, 31, 96, 93, 95, 92, 94, 91)
_RESET, _BOLD_RED = "\x1b[0m", "\x1b[1;31m"
# Control characters except tab and line feed: a text must not be able to move the cursor or change the terminal.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Terminal:
    """Colored text as a Writer; each text is on lines of its own.

    Args:
        labels: the model's. A type's place among its entity types gives its color.
        environment: environment variables; only NO_COLOR is read.
    """

    def __init__(self, labels: LabelSet, environment: Mapping[str, str] = os.environ) -> None:
        self._labels = labels
        self._colors = {label: _COLORS[index % len(_COLORS)] for index, label in enumerate(labels.types)}
        self._plain = bool(environment.get("NO_COLOR"))

    def head(self) -> bytes:
        """See Writer."""
        return b""

    def entry(self, item: Item, answer: Answer) -> bytes:
        """See Writer."""
        if item.is_filler:
            return b""
        text, marks = as_text(item, answer, self._labels)
        shown = "".join(self._token(_shown(part), label) for part, label in segments(text, marks))
        return utf8(shown + "\n")

    def long(self, item: Item, entities: Iterable[Entity]) -> Iterator[bytes]:
        """See Writer."""
        marks = ((entity.start, entity.end, entity.label) for entity in entities)
        for part, label in segments(item.text, marks):
            yield utf8(self._token(_shown(part), label))
        yield b"\n"

    def broken(self, item: Item) -> bytes:
        """See Writer."""
        message = _shown(str(item.problem))
        return utf8(f"[{message}]\n" if self._plain else f"{_BOLD_RED}{message}{_RESET}\n")

    def tail(self) -> bytes:
        """See Writer."""
        return b""

    def _token(self, part: str, label: str) -> str:
        if not label:
            return part
        if self._plain:
            return f"[{part} {_shown(label)}]"
        color = self._colors.get(label, _COLORS[0])
        return f"\x1b[1;{color}m{part}\x1b[22m {_shown(label)}{_RESET}"


def _shown(text: str) -> str:
    """The text with each control character replaced by Unicode's picture of it, or by U+FFFD where there is none."""
    return _CONTROL.sub(_picture, text.replace("\r\n", "\n"))


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    return chr(0x2400 + code) if code < 0x20 else "\u2421" if code == 0x7F else "\ufffd"
