"""Label schemes: how a label on each word spells the entities of a sentence. The only place that knows BIO, IOBES, IO.

    scheme  prefixes      example
    BIO     B, I          B-PER I-PER O     (IOB2; IOB1 has the same names and is read rightly by the same rules)
    IOBES   B, I, E, S    B-PER E-PER O S-LOC
    BILOU   B, I, L, U    B-PER L-PER O U-LOC
    BMES    B, M, E, S    B-PER E-PER O S-LOC
    IO      I             I-PER I-PER O
    PLAIN   none          PER PER O

Reading is lenient, by the rules of the conlleval script of CoNLL-2000 that seqeval follows too: an I that follows
nothing opens an entity, and so does a change of type. It knows nothing of word pieces, scores or files.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

OUTSIDE = "O"


class Scheme(enum.Enum):
    """How labels spell entities; see the module's table."""

    BIO = "BIO"
    IOBES = "IOBES"
    BILOU = "BILOU"
    BMES = "BMES"
    IO = "IO"
    PLAIN = "PLAIN"


class Role(enum.IntEnum):
    """What one label says of its word, whatever letter the scheme writes it with."""

    OUT = 0
    BEGIN = 1
    INSIDE = 2
    END = 3
    SINGLE = 4


_ROLES = {
    "B": Role.BEGIN,
    "I": Role.INSIDE,
    "M": Role.INSIDE,
    "E": Role.END,
    "L": Role.END,
    "S": Role.SINGLE,
    "U": Role.SINGLE,
}
_PREFIXES = (
    (Scheme.IO, frozenset("I")),
    (Scheme.BIO, frozenset("BI")),
    (Scheme.IOBES, frozenset("BIES")),
    (Scheme.BILOU, frozenset("BILU")),
    (Scheme.BMES, frozenset("BMES")),
)
_PREFIXED = re.compile(r"([BIESLUM])-(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Spans:
    """Entities of a run of words, as arrays of equal length, in order and disjoint.

    Attributes:
        start: first word of each. [entities]
        end: one past the last word of each. [entities]
        type: index into LabelSet.types. [entities]
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    type: NDArray[np.int64]


class LabelSet:
    """The labels of a model, in the order of its logits, and what they mean.

    Args:
        labels: label names by index; "O" (or "") is outside every entity.

    Attributes:
        labels: the names given.
        scheme: recognised from the names' prefixes.
        types: entity types in order of first appearance, without "O".
        role: Role of each label. [labels]
        type: index into `types` of each label, -1 for outside. [labels]
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        self.scheme = scheme_of(labels)
        parts = [_split(label, self.scheme) for label in self.labels]
        self.types = tuple(dict.fromkeys(name for role, name in parts if role is not Role.OUT))
        index = {name: position for position, name in enumerate(self.types)}
        self.role: NDArray[np.int8] = np.array([role for role, _ in parts], dtype=np.int8)
        self.type: NDArray[np.int64] = np.array([index.get(name, -1) for _, name in parts], dtype=np.int64)

    def spans(self, tags: NDArray[np.integer], first: NDArray[np.bool_]) -> Spans:
        """The entities that label indices spell, for many sentences at once.

        Args:
            tags: label index of each word, sentences one after another. [words]
            first: True where a sentence begins; no entity reaches over it. [words]
        """
        role, kind = self.role[tags], self.type[tags]
        inside = role != Role.OUT
        opens = inside & (first | self._opens(role, kind))
        start = np.flatnonzero(opens)
        # An entity ends where the next word is outside or opens another (the end of all counts as outside).
        closes = inside & np.append(~inside[1:] | opens[1:], True)[: len(inside)]
        return Spans(start, np.flatnonzero(closes) + 1, kind[start])

    def _opens(self, role: NDArray[np.int8], kind: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Words that open an entity because of themselves or of the word before, first words aside. [words]"""
        before_role, before_kind = np.roll(role, 1), np.roll(kind, 1)
        changes: NDArray[np.bool_] = kind != before_kind
        if self.scheme is Scheme.PLAIN:
            return changes
        fresh = (role == Role.BEGIN) | (role == Role.SINGLE)
        closed = (before_role == Role.OUT) | (before_role == Role.END) | (before_role == Role.SINGLE)
        opens: NDArray[np.bool_] = fresh | closed | changes
        return opens


def scheme_of(labels: Iterable[str]) -> Scheme:
    """The scheme that these label names are written in; PLAIN if any but "O" lacks a known prefix."""
    matches = [_PREFIXED.fullmatch(label) for label in labels if label not in (OUTSIDE, "")]
    prefixes = {match[1] for match in matches if match}
    if not matches or not all(matches):
        return Scheme.PLAIN
    return next((scheme for scheme, known in _PREFIXES if prefixes <= known), Scheme.PLAIN)


def spans_of_labels(labels: Sequence[str]) -> list[tuple[str, int, int]]:
    """Entities of one sentence as (type, first word, one past the last word)."""
    names = sorted(set(labels))
    label_set = LabelSet(names)
    index = {name: position for position, name in enumerate(names)}
    tags = np.array([index[label] for label in labels], dtype=np.int64)
    first = np.arange(len(labels)) == 0
    spans = label_set.spans(tags, first)
    return [
        (label_set.types[k], s, e) for s, e, k in zip(spans.start.tolist(), spans.end.tolist(), spans.type.tolist())
    ]


def bio_from_labels(labels: Sequence[str]) -> list[str]:
    """The same entities in BIO (IOB2), whichever scheme `labels` are written in."""
    bio = [OUTSIDE] * len(labels)
    for name, start, end in spans_of_labels(labels):
        bio[start:end] = [f"B-{name}"] + [f"I-{name}"] * (end - start - 1)
    return bio


def _split(label: str, scheme: Scheme) -> tuple[Role, str]:
    if label in (OUTSIDE, ""):
        return Role.OUT, ""
    match = _PREFIXED.fullmatch(label)
    if scheme is Scheme.PLAIN or match is None:
        return Role.INSIDE, label
    return _ROLES[match[1]], match[2]
