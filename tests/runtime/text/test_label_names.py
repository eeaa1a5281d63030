"""Label sets as people have them: what has a letter shows the scheme, and what has none is a type or padding.

Public reports of these kinds: kamalkraj/BERT-NER #1, #9 and #21 (labels X, [CLS], [SEP]), namisan/mt-dnn #166 and
dmis-lab/biobert #35 and #56 (B, I, O, X), chakki-works/seqeval #67 (B and I alone).
"""

from __future__ import annotations

import pytest

from runtime.text.label_names import NAMELESS, Part, Role, Scheme, SchemeName, naming_of, part_of
from runtime.text.label_schemes import LabelSet, bio_from_labels

PADDING = ("X", "[CLS]", "[SEP]", "[PAD]")


@pytest.mark.parametrize(
    ("labels", "scheme", "types"),
    [
        (["O", "B-PER", "I-PER"], Scheme.BIO, ["PER"]),
        (["", "B-PER", "I-PER"], Scheme.BIO, ["PER"]),
        (["O", "B-PER"], Scheme.BIO, ["PER"]),
        (["O", "I-PER", "I-LOC"], Scheme.IO, ["PER", "LOC"]),
        (["O", "B-LOC", "I-LOC", "I-PER"], Scheme.IOB1, ["LOC", "PER"]),
        (["O", "B-PER", "I-PER", "E-PER"], Scheme.IOBES, ["PER"]),
        (["O", "B_PER", "I_PER", "B_LOC", "I_LOC"], Scheme.BIO, ["PER", "LOC"]),
        (["PER-B", "PER-I", "LOC-B", "LOC-I", "O"], Scheme.BIO, ["PER", "LOC"]),
        (["O", "PER_B", "PER_I", "PER_E", "PER_S"], Scheme.IOBES, ["PER"]),
        (["O", "B-PER", "I-PER", "B_LOC", "I_LOC"], Scheme.BIO, ["PER", "LOC"]),
        (["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "L-LOC", "U-LOC"], Scheme.BILOU, ["PER", "LOC"]),
        (["O", "B-PER", "E-PER", "S-PER", "B-LOC", "L-LOC", "U-LOC"], Scheme.MIXED, ["PER", "LOC"]),
        (["O", "B-PER", "E-PER", "S-LOC"], Scheme.IOBES, ["PER", "LOC"]),
        (["O", "B", "I"], Scheme.BIO, [NAMELESS]),
        (["O", "B", "I", "E", "S"], Scheme.IOBES, [NAMELESS]),
        (["O"], Scheme.PLAIN, []),
        (["O", "PER", "LOC"], Scheme.PLAIN, ["PER", "LOC"]),
        (["O", "X", "PER"], Scheme.PLAIN, ["X", "PER"]),
        (["O", "VITAMIN_B", "PHONE"], Scheme.PLAIN, ["VITAMIN_B", "PHONE"]),
        (["O", "B-B-cell", "I-B-cell", "B-x_I", "I-x_I"], Scheme.BIO, ["B-cell", "x_I"]),
    ],
)
def test_the_scheme_is_found_from_labels_that_have_one(labels: list[str], scheme: Scheme, types: list[str]) -> None:
    for order in (labels, labels[::-1]):
        read = LabelSet(order)
        assert (read.scheme, set(read.types)) == (scheme, set(types))
        assert read.naming.doubtful == read.naming.padding == read.naming.alone == ()


def test_padding_and_a_type_without_a_letter_leave_the_scheme_alone() -> None:
    labels = LabelSet(("O", "B-PER", "I-PER", "MISC", *PADDING))
    assert (labels.scheme, labels.types) == (Scheme.BIO, ("PER", "MISC"))
    assert (labels.naming.alone, labels.naming.padding) == (("MISC",), PADDING)
    words = ["[CLS]", "B-PER", "I-PER", "X", "MISC", "MISC", "[SEP]"]
    assert labels.entities(words) == [("PER", 1, 3), ("MISC", 4, 6)]
    assert bio_from_labels(words, labels) == ["O", "B-PER", "I-PER", "O", "B-MISC", "I-MISC", "O"]
    # Any label may follow padding, and padding any.
    rules, at = labels.transitions(), labels.labels.index
    assert rules.step[at("B-PER"), at("X")]
    assert rules.step[at("X"), at("B-PER")]
    assert not rules.step[at("X"), at("I-PER")]


@pytest.mark.parametrize(
    ("labels", "doubtful"),
    [
        (["O", "E-MAIL", "PHONE"], ("E-MAIL",)),
        (["O", "B-PER", "I-PER", "S-CLASS"], ("S-CLASS",)),
        (["O", "B-", "I-PER"], ("I-PER",)),
        (["O", "S-X"], ("S-X",)),
        (["O", "B_PER", "S_LOC"], ("B_PER", "S_LOC")),
        (["O", "B-PER", "I-PER", "U-LOC"], ("U-LOC",)),
    ],
)
def test_what_could_be_read_in_two_ways_is_doubtful(labels: list[str], doubtful: tuple[str, ...]) -> None:
    assert naming_of(labels).doubtful == doubtful
    assert naming_of(labels, "PLAIN").doubtful == naming_of(labels, "IOBES").doubtful == ()


@pytest.mark.parametrize(
    ("scheme", "types"),
    [("PLAIN", {"B-PER", "I-PER", "S-CLASS"}), ("BIO", {"PER", "S-CLASS"}), ("IOBES", {"PER", "CLASS"})],
)
def test_a_scheme_that_is_told_is_believed(scheme: SchemeName, types: set[str]) -> None:
    labels = LabelSet(["O", "B-PER", "I-PER", "S-CLASS"], scheme)
    assert labels.scheme.value == scheme
    assert {*labels.types} == types


def test_bio_that_is_told_is_not_iob1() -> None:
    names = ("O", "B-LOC", "I-LOC", "I-PER")
    schemes: tuple[SchemeName, ...] = ("", "BIO", "IOB1")
    assert [LabelSet(names, scheme).scheme.value for scheme in schemes] == ["IOB1", "BIO", "IOB1"]


@pytest.mark.parametrize(
    ("label", "types", "part"),
    [
        ("B-PER", (), Part(Role.BEGIN, "PER")),
        ("I", (), Part(Role.INSIDE, NAMELESS)),
        ("PER", (), Part(Role.INSIDE, "PER")),
        ("X", (), Part(Role.OUT, "")),
        ("[SEP]", (), Part(Role.OUT, "")),
        ("PER-I", (), Part(Role.INSIDE, "PER-I")),
        ("PER-I", ("PER",), Part(Role.INSIDE, "PER")),
        ("B_PER", ("PER",), Part(Role.BEGIN, "PER")),
        ("E-MAIL", ("E-MAIL",), Part(Role.INSIDE, "E-MAIL")),
        ("B-E-MAIL", ("E-MAIL",), Part(Role.BEGIN, "E-MAIL")),
    ],
)
def test_a_corpus_may_write_labels_otherwise_than_the_model(label: str, types: tuple[str, ...], part: Part) -> None:
    assert part_of(label, types) == part
