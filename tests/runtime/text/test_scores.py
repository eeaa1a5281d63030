from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import accuracy_score, classification_report

from runtime.text.label_schemes import LabelSet
from runtime.text.scores import Score, Scorer, ScoreTable, report, score_labels

_BIO = ["O", *(f"{prefix}-{name}" for prefix in "BI" for name in ("LOC", "PER", "A-B"))]
_IOBES = ["O", *(f"{prefix}-{name}" for prefix in "BIES" for name in ("LOC", "PER"))]
Pairs = list[list[tuple[str, str]]]


def _pairs(labels: list[str]) -> st.SearchStrategy[Pairs]:
    label = st.sampled_from(labels)
    # Equal labels often, as a good model gives them.
    pair = st.one_of(label.map(lambda one: (one, one)), st.tuples(label, label))
    return st.lists(st.lists(pair, min_size=1, max_size=12), min_size=1, max_size=8)


def _split(pairs: Pairs) -> tuple[list[list[str]], list[list[str]]]:
    return [[gold for gold, _ in sentence] for sentence in pairs], [
        [found for _, found in sentence] for sentence in pairs
    ]


@given(_pairs(_BIO) | _pairs(_IOBES))
@settings(max_examples=150, deadline=None)
def test_figures_are_those_of_seqeval(pairs: Pairs) -> None:
    gold, found = _split(pairs)
    table = score_labels(gold, found)
    assert table.accuracy == pytest.approx(accuracy_score(gold, found))
    if not table.by_type:
        return  # seqeval fails where there is no entity at all
    theirs = classification_report(gold, found, output_dict=True, zero_division=0)
    assert set(theirs) - {"micro avg", "macro avg", "weighted avg"} == set(table.by_type)
    for name, score in [*table.by_type.items(), ("micro avg", table.overall)]:
        figures = theirs[name]
        assert score.precision == pytest.approx(figures["precision"])
        assert score.recall == pytest.approx(figures["recall"])
        assert score.f1 == pytest.approx(figures["f1-score"])
        assert score.gold == figures["support"]


@given(_pairs(_BIO))
@settings(max_examples=150, deadline=None)
def test_figures_are_those_of_conlleval(pairs: Pairs) -> None:
    assert report(score_labels(*_split(pairs))) == _conlleval(pairs)


def _conlleval(pairs: Pairs) -> str:
    """The script's report from the definition of its chunks.

    A chunk is opened by B, by I after O, and by a change of type; it is closed by O, by the next B, by a change of
    type, and by the end of the sentence. It is right if one of the same type opens and closes with it.
    """
    gold, found = (
        [
            (number, *chunk)
            for number, sentence in enumerate(pairs)
            for chunk in _chunks([pair[side] for pair in sentence])
        ]
        for side in (0, 1)
    )
    words = sum(map(len, pairs))
    equal = sum(one == other for sentence in pairs for one, other in sentence)

    def figures(name: str | None) -> tuple[str, int, int, int]:
        in_gold, in_found = ({chunk for chunk in side if name in (None, chunk[3])} for side in (gold, found))
        right = len(in_gold & in_found)
        precision = 100 * right / len(in_found) if in_found else 0
        recall = 100 * right / len(in_gold) if in_gold else 0
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0
        line = "precision: %6.2f%%; recall: %6.2f%%; FB1: %6.2f" % (precision, recall, f1)  # noqa: UP031  # as there
        return line, len(in_gold), len(in_found), right

    line, in_gold, in_found, right = figures(None)
    text = f"processed {words} tokens with {in_gold} phrases; found: {in_found} phrases; correct: {right}.\n"
    text += "accuracy: %6.2f%%; %s\n" % (100 * equal / words, line)  # noqa: UP031
    for name in sorted({chunk[3] for chunk in gold + found}):
        line, _, in_found, _ = figures(name)
        text += "%17s: %s  %d\n" % (name, line, in_found)  # noqa: UP031
    return text


def _chunks(labels: list[str]) -> list[tuple[int, int, str]]:
    chunks: list[tuple[int, int, str]] = []
    opened: tuple[int, str] | None = None
    for at, label in enumerate([*labels, "O"]):
        tag, _, name = label.partition("-")
        if opened and (tag in ("O", "B") or name != opened[1]):
            chunks.append((opened[0], at, opened[1]))
            opened = None
        if tag != "O" and not opened:
            opened = (at, name)
    return chunks


def test_the_report_is_laid_out_as_the_script_lays_it_out() -> None:
    table = ScoreTable(Score(3, 2, 1), {"LOC": Score(1, 0, 0), "PER": Score(2, 2, 1)}, words=7, right_words=5)
    assert report(table) == (
        "processed 7 tokens with 3 phrases; found: 2 phrases; correct: 1.\n"
        "accuracy:  71.43%; precision:  50.00%; recall:  33.33%; FB1:  40.00\n"
        "              LOC: precision:   0.00%; recall:   0.00%; FB1:   0.00  0\n"
        "              PER: precision:  50.00%; recall:  50.00%; FB1:  50.00  2\n"
    )


def test_nothing_at_all_scores_zero() -> None:
    table = score_labels([], [])
    assert (table.overall.f1, table.accuracy, table.by_type) == (0, 0, {})


@given(_pairs(_BIO), st.integers(0, 8))
def test_a_scorer_goes_on_from_its_counts(pairs: Pairs, cut: int) -> None:
    gold, found = _split(pairs)
    scorer = Scorer()
    for number, (one, other) in enumerate(zip(gold, found)):
        if number == cut:
            counts = json.loads(json.dumps(scorer.counts()))
            scorer = Scorer()
            scorer.restore(counts)
        scorer.add(one, other)
    assert scorer.table() == score_labels(gold, found)


def test_labellings_of_other_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="1 labels for a sentence of 2 words"):
        score_labels([["O", "O"]], [["O"]])
    with pytest.raises(ValueError, match="shorter"):
        score_labels([["O"], ["O"]], [["O"]])


def test_schemes_may_differ() -> None:
    labels = {"IO": "I-PER I-PER O", "BIO": "B-PER I-PER O", "IOBES": "B-PER E-PER O", "PLAIN": "PER PER O"}
    for gold in labels.values():
        for found in labels.values():
            assert score_labels([gold.split()], [found.split()]).overall.f1 == 1


def test_an_entity_cut_in_two_is_wrong_whatever_the_labels_are_called() -> None:
    """chakki-works/seqeval #67: B and I alone were guessed to be two types, so that one word more or less was right."""
    for name in ("", "-GENE"):
        gold = ["O", "O", *(f"{letter}{name}" for letter in "BIIII"), "O"]
        found = ["O", "O", *(f"{letter}{name}" for letter in "BIIBI"), "O"]
        assert score_labels([gold], [found]).overall == Score(gold=1, found=2, right=0)


def test_one_word_of_padding_does_not_spoil_its_sentence() -> None:
    """kamalkraj/BERT-NER #1: one X in a sentence, and every label of it was read as a type of its own."""
    table = score_labels([["B-PER", "I-PER", "O", "O"]], [["B-PER", "I-PER", "X", "O"]])
    assert (table.overall, table.right_words) == (Score(1, 1, 1), 3)


def test_a_type_without_a_letter_is_read_alike_in_every_sentence() -> None:
    labels = LabelSet(["O", "B-PER", "I-PER", "MISC"])
    gold = [["MISC", "MISC", "B-PER", "I-PER"], ["MISC", "O"]]
    assert score_labels(gold, gold, labels).by_type == {"MISC": Score(2, 2, 2), "PER": Score(1, 1, 1)}


def test_types_can_have_other_names_in_the_reference() -> None:
    scorer = Scorer(LabelSet(["O", "B-PER", "I-PER"]), types={"PERSON": "PER"})
    scorer.add(["B-PERSON", "I-PERSON", "B-GPE"], ["B-PER", "I-PER", "O"])
    table = scorer.table()
    assert table.by_type == {"GPE": Score(1, 0, 0), "PER": Score(1, 1, 1)}
    assert table.right_words == 2
    assert scorer.unknown_types() == {"GPE": 1}
