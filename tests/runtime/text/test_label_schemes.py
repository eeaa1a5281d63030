"""Label schemes: what is spelled in one is read back, whatever the scheme; damaged spelling is read as seqeval does."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from runtime.decode.viterbi import forbidden
from runtime.text.label_names import Scheme
from runtime.text.label_schemes import LabelSet, bio_from_labels, spans_of_labels

Entities = list[tuple[str, int, int]]


def _spell(entities: Entities, words: int, letters: Callable[[int], str]) -> list[str]:
    """Labels for entities; `letters` says what an entity of so many words is spelled with."""
    labels = ["O"] * words
    for name, start, end in entities:
        labels[start:end] = [f"{letter}-{name}" for letter in letters(end - start)]
    return labels


def _iob1(entities: Entities, words: int) -> list[str]:
    labels = ["O"] * words
    for name, start, end in entities:
        follows = start > 0 and labels[start - 1].endswith(f"-{name}")
        labels[start:end] = ["B-" + name if follows else "I-" + name] + ["I-" + name] * (end - start - 1)
    return labels


SPELLED: dict[str, Callable[[Entities, int], list[str]]] = {
    "BIO": lambda entities, words: _spell(entities, words, lambda n: "B" + "I" * (n - 1)),
    "IOB1": _iob1,
    "IOBES": lambda entities, words: _spell(entities, words, lambda n: "S" if n == 1 else "B" + "I" * (n - 2) + "E"),
    "BILOU": lambda entities, words: _spell(entities, words, lambda n: "U" if n == 1 else "B" + "I" * (n - 2) + "L"),
    "BMES": lambda entities, words: _spell(entities, words, lambda n: "S" if n == 1 else "B" + "M" * (n - 2) + "E"),
    "IO": lambda entities, words: _spell(entities, words, lambda n: "I" * n),
    "PLAIN": lambda entities, words: [label.removeprefix("I-") for label in SPELLED["IO"](entities, words)],
}
# All the names of each scheme: what a sentence happens to use does not say which it is.
NAMES = {
    name: sorted({"O", *itertools.chain.from_iterable(spell([(t, 0, n)], 9) for t in ("A", "B-b") for n in (1, 2, 3))})
    for name, spell in SPELLED.items()
}
NAMES["IOB1"] = ["B-A", "I-A", "I-B-b", "O"]


@st.composite
def _entities(draw: st.DrawFn) -> tuple[Entities, int]:
    """Entities in order and disjoint, often next to each other, and the number of words."""
    place, entities = 0, []
    for _ in range(draw(st.integers(0, 6))):
        place += draw(st.sampled_from((0, 0, 1, 2)))
        size = draw(st.integers(1, 4))
        entities.append((draw(st.sampled_from(("A", "B-b"))), place, place + size))
        place += size
    return entities, place + draw(st.integers(0, 2))


def _fused(entities: Entities) -> Entities:
    """Neighbours of one type as one: IO and plain labels cannot tell them apart."""
    fused: Entities = []
    for name, start, end in entities:
        if fused and fused[-1][0] == name and fused[-1][2] == start:
            fused[-1] = (name, fused[-1][1], end)
        else:
            fused.append((name, start, end))
    return fused


def _read(labels: LabelSet, sentences: Sequence[Sequence[str]]) -> list[Entities]:
    """The entities of each sentence, all read in one call."""
    index = {name: number for number, name in enumerate(labels.labels)}
    tags = np.array([index[label] for sentence in sentences for label in sentence], np.int64)
    starts = list(itertools.accumulate(map(len, sentences), initial=0))
    first = np.isin(np.arange(len(tags)), starts[:-1])
    spans = labels.spans(tags, first)
    found: list[Entities] = [[] for _ in sentences]
    for start, end, kind in zip(spans.start.tolist(), spans.end.tolist(), spans.type.tolist()):
        sentence = max(number for number in range(len(sentences)) if starts[number] <= start)
        assert end <= starts[sentence + 1]
        found[sentence].append((labels.types[kind], start - starts[sentence], end - starts[sentence]))
    return found


@pytest.mark.parametrize("scheme", SPELLED)
@settings(max_examples=60, deadline=None)
@given(st.lists(_entities(), max_size=4))
def test_what_is_spelled_is_read(scheme: str, given_sentences: list[tuple[Entities, int]]) -> None:
    sentences = [SPELLED[scheme](entities, words) for entities, words in given_sentences]
    fuse: Callable[[Entities], Entities] = _fused if scheme in ("IO", "PLAIN") else list
    expected = [fuse(entities) for entities, _ in given_sentences]
    labels = LabelSet(sorted({*NAMES[scheme], *itertools.chain.from_iterable(sentences)}))
    assert _read(labels, sentences) == expected
    in_bio = LabelSet(sorted({*NAMES["BIO"]}))
    assert [labels.entities(sentence) for sentence in sentences] == expected
    assert _read(in_bio, [bio_from_labels(sentence, labels) for sentence in sentences]) == expected


@pytest.mark.parametrize("letters", ["BI", "I", "BIES"])
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_spelling_is_read_as_seqeval_does(letters: str, data: st.DataObject) -> None:
    names = ["O", *(f"{letter}-{name}" for letter in letters for name in ("X", "Y"))]
    sentences = data.draw(st.lists(st.lists(st.sampled_from(names), max_size=12), max_size=4))
    expected = [[(name, start, end + 1) for name, start, end in get_entities(sentence)] for sentence in sentences]
    assert _read(LabelSet(names), sentences) == expected
    assert [spans_of_labels(sentence) for sentence in sentences] == expected


@pytest.mark.parametrize(("scheme", "letters"), [("BILOU", "ILU"), ("BMES", "MES")])
@settings(max_examples=100, deadline=None)
@given(st.data())
def test_other_letters_say_the_same(scheme: str, letters: str, data: st.DataObject) -> None:
    twin = dict(zip(letters, "IES"), B="B", O="O")
    names = ["O", *(f"{letter}-{name}" for letter in "B" + letters for name in ("X", "Y"))]
    sentence = data.draw(st.lists(st.sampled_from(names), max_size=14))
    as_iobes = [twin[label[0]] + label[1:] for label in sentence]
    labels = LabelSet(names)
    assert labels.scheme is Scheme(scheme)
    expected = [(name, start, end + 1) for name, start, end in get_entities(as_iobes)]
    assert _read(labels, [sentence]) == [expected] == [labels.entities(sentence)]


@pytest.mark.parametrize("scheme", NAMES)
def test_scheme_is_recognized_from_the_names(scheme: str) -> None:
    for order in (NAMES[scheme], NAMES[scheme][::-1]):
        labels = LabelSet(order)
        assert labels.scheme is Scheme(scheme)
        assert labels.naming.doubtful == (("B-b",) if scheme == "PLAIN" else ())
        assert set(labels.types) == {"A", "B-b"}


# What each scheme allows, as regular expressions over words such as "BX " (letter, type): written from the schemes'
# definitions, with X and Y the types.
GRAMMARS = {
    "BIO": "(O |BX (IX )*|BY (IY )*)*",
    "IOB1": "(O |IX (IX |BX )*|IY (IY |BY )*)*",
    "IOBES": "(O |SX |SY |BX (IX )*EX |BY (IY )*EY )*",
    "BILOU": "(O |UX |UY |BX (IX )*LX |BY (IY )*LY )*",
    "BMES": "(O |SX |SY |BX (MX )*EX |BY (MY )*EY )*",
    "IO": "(O |IX |IY )*",
    "PLAIN": "(O |X |Y )*",
    # IOBES in one type, BILOU in the other.
    "MIXED": "(O |SX |BX (IX )*EX |UY |BY (IY )*LY )*",
}


@pytest.mark.parametrize("scheme", GRAMMARS)
def test_transitions_allow_what_the_scheme_s_grammar_does(scheme: str) -> None:
    # Without B-Y, which the model's data never needed, IOB1 is recognized.
    labels, words = _labels_of(GRAMMARS[scheme], without="BY" if scheme == "IOB1" else "")
    assert labels.scheme is Scheme(scheme)
    _assert_allowed(labels, words, GRAMMARS[scheme])


@pytest.mark.parametrize(
    "grammar",
    [
        "(O |BX |BX (IX )*EX )*",  # no S: a B by itself is an entity
        "(O |SX |BX (IX )*)*",  # no E: an entity ends wherever it likes
        "(O |(IX )*EX )*",  # no B: an entity begins wherever it likes
        "(O |SX )*",
        "(O |SY |BX (IX )*EX |SX )*",  # each type by the labels that it has
    ],
)
def test_types_do_without_the_labels_that_they_lack(grammar: str) -> None:
    labels, words = _labels_of(grammar, without="")
    assert labels.scheme is Scheme.IOBES
    _assert_allowed(labels, words, grammar)


def _labels_of(grammar: str, *, without: str) -> tuple[LabelSet, list[str]]:
    """The labels that a grammar uses, and its words for them."""
    words = sorted(set(re.findall("[A-Z]+", grammar)) - {without})
    return LabelSet([f"{word[0]}-{word[1]}" if len(word) == 2 else word for word in words]), words


def _assert_allowed(labels: LabelSet, words: list[str], grammar: str) -> None:
    """Every sentence of up to four words is allowed if the grammar has it, and only then."""
    rules = labels.transitions()
    for size in range(1, 5):
        every = list(itertools.product(range(len(words)), repeat=size))
        starts = np.arange(len(every) + 1) * size
        broken = forbidden(np.array(every, dtype=np.int64).ravel(), starts, rules).tolist()
        for number, sentence in enumerate(every):
            text = "".join(words[tag] + " " for tag in sentence)
            assert (re.fullmatch(grammar, text) is None) == any(broken[number * size : (number + 1) * size]), text
