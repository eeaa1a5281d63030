"""Label schemes: how labels on words spell the entities of a sentence. How labels are written, label_names knows.

Reading is lenient and follows the conlleval script of CoNLL-2000, as seqeval does: an I without an entity before it
begins one, and so does an I of another type. Each label is read by itself, never by the others of its sentence. Whether
a model's labels are of IOB1 or BIO makes a difference to `transitions` alone. The module does not know tokens, scores
or files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from runtime.text.crf import Crf
from runtime.text.label_names import OUTSIDE as OUTSIDE
from runtime.text.label_names import Part, Role, Scheme, SchemeName, naming_of, part_of


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


@dataclass(frozen=True, slots=True)
class Weights:
    """What sequences of labels are worth besides the logits of their words, in the same unit; minus infinity forbids.

    Attributes:
        first: of a label at the beginning of a sentence. [labels]
        step: of the second label after the first. [labels, labels]
        last: of a label at the end of a sentence. [labels]
    """

    first: NDArray[np.float64]
    step: NDArray[np.float64]
    last: NDArray[np.float64]

    def within(self, allowed: Transitions) -> Weights:
        """The same, and minus infinity for what is not allowed."""
        return Weights(
            np.where(allowed.first, self.first, -np.inf),
            np.where(allowed.step, self.step, -np.inf),
            np.where(allowed.last, self.last, -np.inf),
        )


class LabelSet:
    """A model's labels with their meaning.

    Args:
        labels: names of the labels in the order of the logits; "O" or "" means outside every entity.
        scheme: how they spell entities, where that is known; "" goes by their names.
        crf: the weights of the model's CRF over the words of a sentence; None where it has none.

    Attributes:
        labels: the same names.
        crf: as given.
        naming: what the names say, and which of them are padding or doubtful.
        scheme: the scheme.
        types: entity types in order of first appearance, without "O" and padding.
        role: Role of each label. [labels]
        type: index into `types` of each label; -1 for outside. [labels]
    """

    def __init__(self, labels: Sequence[str], scheme: SchemeName = "", crf: Weights | None = None) -> None:
        self.labels, self.crf = tuple(labels), crf
        self.naming = naming_of(self.labels, scheme)
        self.scheme = self.naming.scheme
        parts = self.naming.parts
        self.types = tuple(dict.fromkeys(part.type for part in parts if part.role is not Role.OUT))
        index = {name: position for position, name in enumerate(self.types)}
        self.role: NDArray[np.int8] = np.array([part.role for part in parts], dtype=np.int8)
        self.type: NDArray[np.int64] = np.array([index.get(part.type, -1) for part in parts], dtype=np.int64)
        self._inside: NDArray[np.bool_] = self.role != Role.OUT
        # Tables for pairs of labels, made once: `spans` then needs array look-ups alone, and no loop over words.
        self._opens = self._inside & self._opens_after()
        # The same as lists: a few words are read faster one by one.
        self._inside_list: list[bool] = self._inside.tolist()
        self._opens_lists: list[list[bool]] = self._opens.tolist()
        self._type_list: list[int] = self.type.tolist()
        self._parts = dict(zip(self.labels, parts))

    def part(self, label: str) -> Part:
        """What a label says: one of the model's, or one of a corpus, which the model may not have."""
        part = self._parts.get(label)
        if part is None:
            part = self._parts[label] = part_of(label, self.types)
        return part

    def entities(self, labels: Sequence[str]) -> list[tuple[str, int, int]]:
        """The entities of one sentence: (type, number of the first word, number of the last word plus one).

        Args:
            labels: of each word; the model's, or a corpus' own.
        """
        return spans_of_parts(map(self.part, labels))

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
        alone = (self.role == Role.BEGIN) | (self.role == Role.SINGLE)
        closed = (self.role == Role.OUT) | (self.role == Role.END) | (self.role == Role.SINGLE)
        opens: NDArray[np.bool_] = changes | closed[:, None] | alone
        return opens


class Labeled(Protocol):
    """What tells of labels: a manifest or a checkpoint."""

    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def label_scheme(self) -> SchemeName: ...
    @property
    def crf(self) -> tuple[Crf, ...]: ...


def label_set_of(told: Labeled) -> LabelSet:
    """The labels of a manifest or a checkpoint with their meaning."""
    weights = [Weights(np.array(crf.start), np.array(crf.steps), np.array(crf.end)) for crf in told.crf]
    return LabelSet(told.labels, told.label_scheme, weights[0] if weights else None)


def spans_of_parts(parts: Iterable[Part]) -> list[tuple[str, int, int]]:
    """As LabelSet.entities, of labels that are read already."""
    spans: list[tuple[str, int, int]] = []
    before, start, number = Part(Role.OUT, ""), 0, 0
    for number, part in enumerate(parts):
        alone = part.role in (Role.BEGIN, Role.SINGLE)
        opens = alone or part.type != before.type or before.role in (Role.END, Role.SINGLE)
        if opens and before.role is not Role.OUT:
            spans.append((before.type, start, number))
        start = number if opens else start
        before = part
    if before.role is not Role.OUT:
        spans.append((before.type, start, number + 1))
    return spans


ANY_LABELS = LabelSet(())
"""Of no model: labels are read as corpora write them, B-PER and B; any other name is a type."""


def corpus_labels(sentences: Iterable[Sequence[str]]) -> LabelSet:
    """The labels of a corpus, by all its sentences: a single one may not show how they are written."""
    return LabelSet(sorted({label for labels in sentences for label in labels}))


def spans_of_labels(labels: Sequence[str], known: LabelSet = ANY_LABELS) -> list[tuple[str, int, int]]:
    """See LabelSet.entities."""
    return known.entities(labels)


def bio_from_labels(labels: Sequence[str], known: LabelSet = ANY_LABELS) -> list[str]:
    """The same entities as labels of BIO (IOB2), from labels of any scheme."""
    bio = [OUTSIDE] * len(labels)
    for name, start, end in known.entities(labels):
        bio[start:end] = [f"B-{name}"] + [f"I-{name}"] * (end - start - 1)
    return bio
