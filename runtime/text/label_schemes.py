"""Label schemes: how labels on words spell the entities of a sentence. Only this module knows BIO and the others.

    scheme  prefixes      example
    BIO     B, I          B-PER I-PER O     (also called IOB2)
    IOB1    B, I          I-PER I-PER O     (B only where an entity follows another of its type)
    IOBES   B, I, E, S    B-PER E-PER O S-LOC
    BILOU   B, I, L, U    B-PER L-PER O U-LOC
    BMES    B, M, E, S    B-PER E-PER O S-LOC
    IO      I             I-PER I-PER O
    PLAIN   none          PER PER O

The rules of BIO read IOB1 correctly, too. The names of the labels show IOB1 only where a type has an I and no B, which
happens when its training data never needed a B. Where every type has both, the scheme is taken to be BIO; this makes a
difference to `transitions` alone.

Reading is lenient and follows the conlleval script of CoNLL-2000, as seqeval does: an I without an entity before it
begins one, and so does an I of another type. The module does not know tokens, scores or files.
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
    """The way in which labels spell entities; see the module's table."""

    BIO = "BIO"
    IOB1 = "IOB1"
    IOBES = "IOBES"
    BILOU = "BILOU"
    BMES = "BMES"
    IO = "IO"
    PLAIN = "PLAIN"


class Role(enum.IntEnum):
    """The role of a word in an entity, for all schemes alike, whichever letter they write it with."""

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
# The smallest set that holds all prefixes of a model decides, so the order is from small to large.
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
    """Entities as runs of words, in order and disjoint.

    Attributes:
        start: number of each entity's first word. [entities]
        end: number of its last word plus one. [entities]
        type: index into LabelSet.types. [entities]
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    type: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Transitions:
    """The sequences of labels that a scheme allows.

    Attributes:
        first: whether a sentence may begin with the label. [labels]
        step: whether the second label may follow the first. [labels, labels]
        last: whether a sentence may end with the label. [labels]
    """

    first: NDArray[np.bool_]
    step: NDArray[np.bool_]
    last: NDArray[np.bool_]


class LabelSet:
    """A model's labels with their meaning.

    Args:
        labels: names of the labels in the order of the logits; "O" or "" means outside every entity.

    Attributes:
        labels: the same names.
        scheme: the scheme, recognized by the prefixes of the names.
        types: entity types in order of first appearance, without "O".
        role: Role of each label. [labels]
        type: index into `types` of each label; -1 for outside. [labels]
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        self.scheme = scheme_of(labels)
        parts = [_split(label, self.scheme) for label in self.labels]
        self.types = tuple(dict.fromkeys(name for role, name in parts if role is not Role.OUT))
        index = {name: position for position, name in enumerate(self.types)}
        self.role: NDArray[np.int8] = np.array([role for role, _ in parts], dtype=np.int8)
        self.type: NDArray[np.int64] = np.array([index.get(name, -1) for _, name in parts], dtype=np.int64)
        self._inside: NDArray[np.bool_] = self.role != Role.OUT
        # Tables for pairs of labels, made once: `spans` then needs array look-ups alone, and no loop over words.
        self._opens = self._inside & self._opens_after()
        # The same as lists: a few words are read faster one by one.
        self._inside_list: list[bool] = self._inside.tolist()
        self._opens_lists: list[list[bool]] = self._opens.tolist()
        self._type_list: list[int] = self.type.tolist()

    def spans(self, tags: NDArray[np.integer], first: NDArray[np.bool_]) -> Spans:
        """The entities that labels spell, for many sentences at once.

        Args:
            tags: label index of each word, one sentence after another. [words]
            first: True for the first word of each sentence; no entity continues from the word before it. [words]
        """
        inside = self._inside[tags]
        opens = first & inside
        opens[1:] |= self._opens[tags[:-1], tags[1:]]
        # An entity ends before a word that is outside or begins another entity, and at the very last word.
        closes = inside.copy()
        closes[:-1] &= opens[1:] | ~inside[1:]
        start = np.flatnonzero(opens)
        return Spans(start, np.flatnonzero(closes) + 1, self.type[tags[start]])

    def spans_of_one(self, tags: Sequence[int]) -> list[tuple[int, int, int]]:
        """As `spans`, for one short sentence: (first word, last word plus one, index into `types`) of each entity."""
        inside, opens = self._inside_list, self._opens_lists
        found: list[tuple[int, int, int]] = []
        start, before = -1, -1
        for word, tag in enumerate(tags):
            is_inside = inside[tag]
            if start >= 0 and (not is_inside or opens[before][tag]):
                found.append((start, word, self._type_list[tags[start]]))
                start = -1
            if is_inside and start < 0:
                start = word
            before = tag
        if start >= 0:
            found.append((start, len(tags), self._type_list[tags[start]]))
        return found

    def transitions(self) -> Transitions:
        """The sequences of labels that the scheme allows.

        An entity begins with B, continues with I and ends with E, or is a single S. A type that lacks one of these
        labels does without it: without B an I may begin an entity, without E an I may end one, and without E or S a B
        may be a whole entity. So BIO, IO and plain labels need no rules of their own.
        """
        role, kind = self.role, self.type
        begins = (role == Role.OUT) | (role == Role.BEGIN) | (role == Role.SINGLE) | ~self._has(Role.BEGIN)
        ends = (role == Role.OUT) | (role == Role.END) | (role == Role.SINGLE)
        ends |= (role == Role.INSIDE) & ~self._has(Role.END)
        ends |= (role == Role.BEGIN) & ~(self._has(Role.END) & self._has(Role.SINGLE))
        same = (kind[:, None] == kind) & (role != Role.OUT)
        goes_on = np.isin(role, (Role.BEGIN, Role.INSIDE))[:, None] & np.isin(role, (Role.INSIDE, Role.END)) & same
        if self.scheme is Scheme.IOB1:
            # In IOB1 an I begins an entity, and a B begins one only after another entity of its type.
            begins = role != Role.BEGIN
            goes_on = same
        return Transitions(begins, goes_on | (ends[:, None] & begins), ends)

    def _has(self, role: Role) -> NDArray[np.bool_]:
        """For each label, whether its type also has a label of that role. [labels]"""
        return np.isin(self.type, self.type[self.role == role])

    def _opens_after(self) -> NDArray[np.bool_]:
        """Whether a label inside an entity (axis 1) begins a new one after another label (axis 0). [labels, labels]"""
        changes: NDArray[np.bool_] = self.type[:, None] != self.type
        if self.scheme is Scheme.PLAIN:
            # Without prefixes nothing can separate two entities of one type that touch.
            return changes
        alone = (self.role == Role.BEGIN) | (self.role == Role.SINGLE)
        closed = (self.role == Role.OUT) | (self.role == Role.END) | (self.role == Role.SINGLE)
        opens: NDArray[np.bool_] = changes | closed[:, None] | alone
        return opens


def scheme_of(labels: Iterable[str]) -> Scheme:
    """The scheme of these label names; PLAIN if any of them but "O" lacks a known prefix."""
    matches = [_PREFIXED.fullmatch(label) for label in labels if label not in (OUTSIDE, "")]
    prefixes = {match[1] for match in matches if match}
    if not matches or not all(matches):
        return Scheme.PLAIN
    scheme = next((scheme for scheme, known in _PREFIXES if prefixes <= known), Scheme.PLAIN)
    # A type with an I and no B: its entities begin with I, as in IOB1.
    with_b, with_i = ({match[2] for match in matches if match and match[1] == letter} for letter in "BI")
    return Scheme.IOB1 if scheme is Scheme.BIO and with_i - with_b else scheme


def spans_of_labels(labels: Sequence[str]) -> list[tuple[str, int, int]]:
    """The entities of one sentence: (type, number of the first word, number of the last word plus one)."""
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
    """The same entities as labels of BIO (IOB2), from labels of any scheme."""
    bio = [OUTSIDE] * len(labels)
    for name, start, end in spans_of_labels(labels):
        bio[start:end] = [f"B-{name}"] + [f"I-{name}"] * (end - start - 1)
    return bio


def _split(label: str, scheme: Scheme) -> tuple[Role, str]:
    """Role and entity type of a label; the type of "O" is empty."""
    if label in (OUTSIDE, ""):
        return Role.OUT, ""
    match = _PREFIXED.fullmatch(label)
    if scheme is Scheme.PLAIN or match is None:
        return Role.INSIDE, label
    return _ROLES[match[1]], match[2]
