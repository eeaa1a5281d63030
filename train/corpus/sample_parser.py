"""The notation of the sample grammar: one production, as text, to a tree of references, labels and choices.

It knows no word of the language.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeAlias

from runtime.errors import BugError

_TOKEN = re.compile(r"\{[A-Z]+:|[{}<>\[\]|]|[^\s{}<>\[\]|]+")
_WEIGHT = re.compile(r"(\d+)\* ")


@dataclass(frozen=True, slots=True)
class Reference:
    """{name}: whatever the rule or the list of that name gives."""

    name: str


@dataclass(frozen=True, slots=True)
class Labeled:
    """{PER:...}: an entity."""

    label: str
    body: Node


@dataclass(frozen=True, slots=True)
class Choice:
    """<a|b>, [a], and the productions of a rule: one of the options; `limits` are their weights, summed up so far."""

    options: tuple[Node, ...]
    limits: tuple[int, ...]


# A production as a tree: a str is a word, a tuple a sequence.
Node: TypeAlias = "str | Reference | Labeled | Choice | tuple[Node, ...]"


def parse(text: str) -> Node:
    """The tree of one production, in the notation that sample_grammar explains.

    Raises:
        BugError: a bracket is missing.
    """
    tokens = _TOKEN.findall(text)[::-1]
    node = _sequence(tokens)
    if tokens:
        raise BugError(f"unmatched {tokens[-1]!r} in the production {text!r}")
    return node


def _sequence(tokens: list[str]) -> Node:
    """Reads `tokens`, the next one last, up to a closing bracket or a bar."""
    parts: list[Node] = []
    while tokens and tokens[-1] not in ("}", ">", "]", "|"):
        token = tokens.pop()
        if token == "{":
            parts.append(Reference(tokens.pop()))
            _expect(tokens, "}")
        elif token[0] == "{":
            parts.append(Labeled(token[1:-1], _sequence(tokens)))
            _expect(tokens, "}")
        elif token == "<":
            parts.append(_alternatives(tokens))
        elif token == "[":
            parts.append(Choice((_sequence(tokens), ()), (1, 2)))
            _expect(tokens, "]")
        else:
            parts.append(token)
    return parts[0] if len(parts) == 1 else tuple(parts)


def _alternatives(tokens: list[str]) -> Choice:
    options = [_sequence(tokens)]
    while tokens and tokens[-1] == "|":
        tokens.pop()
        options.append(_sequence(tokens))
    _expect(tokens, ">")
    return Choice(tuple(options), tuple(range(1, len(options) + 1)))


def _expect(tokens: list[str], bracket: str) -> None:
    if not tokens or tokens.pop() != bracket:
        raise BugError(f"a {bracket!r} is missing in the sample's grammar")


def choice_of(productions: Sequence[str]) -> Choice:
    """One of the productions, each as likely as the weight at its beginning says."""
    weights = [int(match[1]) if (match := _WEIGHT.match(text)) else 1 for text in productions]
    options = [parse(_WEIGHT.sub("", text, count=1)) for text in productions]
    return Choice(tuple(options), tuple(accumulate(weights)))
