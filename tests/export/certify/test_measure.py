"""What a certificate's figures are, on answers whose figures are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from export.certify.corpus import Text
from export.certify.measure import Certifier, upper_bound
from runtime.backends.fake import Fake
from runtime.bundle.gate import LIMITED_EVIDENCE, Evidence
from runtime.errors import BundleError, CorpusError
from runtime.text.conll import Sentence
from runtime.text.label_schemes import LabelSet, Weights

LIMITED = LIMITED_EVIDENCE
LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
SENTENCES = tuple(Sentence((f"Anna{number}", "said", "so"), ("B-PER", "O", "O")) for number in range(20))


class Answers:
    """Stands for both the checkpoint and the tagger: each word's label by a rule; a rule of -1 gives no token."""

    def __init__(self, rule: dict[str, int] | None = None) -> None:
        self._rule = rule or {}

    def tokens(self, sentences: Sequence[Sequence[str]]) -> list[int]:
        return [len(words) + 2 for words in sentences]

    @property
    def backend(self) -> Fake:
        """For its number of streams."""
        return Fake(len(LABELS), lambda ids: ids, streams=2)

    def word_logits(self, sentences: Sequence[Sequence[str]]) -> NDArray[np.float32]:
        rows = [self._logits(word) for words in sentences for word in words]
        return np.array(rows, np.float32).reshape(-1, len(LABELS))

    def _logits(self, word: str) -> NDArray[np.float32]:
        label = self._rule.get(word, 1 if word.startswith("Anna") else 0)
        if label < 0:
            return np.full(len(LABELS), np.nan, np.float32)
        return np.where(np.arange(len(LABELS)) == label, np.float32(5), np.float32(0))


def certifier(
    reference: Answers, sentences: tuple[Sentence, ...] = SENTENCES, least: Evidence = LIMITED_EVIDENCE
) -> Certifier:
    return Certifier(reference, Text("text", "0", sentences, least), LabelSet(LABELS), max_length=64)  # type: ignore[arg-type]


def test_changed_labels_are_counted_over_words_with_a_token() -> None:
    found = certifier(Answers({"so": -1})).measure(Answers({"so": 0, "Anna3": 3}))  # type: ignore[arg-type]
    assert (found["words"], found["changed_labels"]) == (40, 1)
    assert found["changed_per_10k"] == pytest.approx(1e4 / 40)
    assert found["alone_changed_per_10k"] == pytest.approx(1e4 / 40)
    assert found["changed_per_10k_upper"] == pytest.approx(1e4 * upper_bound(1, 40))
    assert (found["reference_f1"], found["sentences"], found["distinct_sentences"]) == (1.0, 20, 20)
    assert found["f1_lost"] == pytest.approx(100 * (1 - 38 / 39))


@pytest.mark.parametrize("way", ["as it is opened for many", "as it is opened for one"])
def test_of_two_ways_to_ask_for_one_text_the_worse_counts(way: str) -> None:
    class Alone(Answers):
        """Says something else of Anna3 where she is asked for by herself."""

        def word_logits(self, sentences: Sequence[Sequence[str]]) -> NDArray[np.float32]:
            rule = {"Anna3": 3} if len(sentences) == 1 else {}
            return Answers(rule).word_logits(sentences)

    many, one = (Alone(), Answers()) if way == "as it is opened for many" else (Answers(), Alone())
    found = certifier(Answers()).measure(many, for_one_text=[one])  # type: ignore[arg-type, list-item]
    assert found["changed_labels"] == 0
    assert found["alone_changed_per_10k"] == pytest.approx(1e4 / 60)
    # Logits of 5 and 0 among 5 labels: the checkpoint was 97% sure of her.
    assert (found["sure_words"], found["sure_changed"]) == (60, 1)
    assert found["largest_logit_difference"] == 5


def test_what_is_opened_for_one_text_is_asked_for_a_few_at_once_too() -> None:
    class Few(Answers):
        def word_logits(self, sentences: Sequence[Sequence[str]]) -> NDArray[np.float32]:
            return Answers({"Anna3": 3} if 1 < len(sentences) < 5 else {}).word_logits(sentences)

    of = certifier(Answers())
    assert of.measure(Few())["alone_changed_per_10k"] == 0  # type: ignore[arg-type]
    found = of.measure(Answers(), for_one_text=[Few()])  # type: ignore[arg-type, list-item]
    assert found["alone_changed_per_10k"] == pytest.approx(1e4 / 60)
    asked: list[int] = []

    class Counting(Answers):
        def word_logits(self, sentences: Sequence[Sequence[str]]) -> NDArray[np.float32]:
            asked.append(len(sentences))
            return Answers().word_logits(sentences)

    of.measure(Answers(), for_one_text=[Counting()])  # type: ignore[arg-type, list-item]
    # Each of 20 by itself, and 20 by threes.
    assert sorted(asked) == [*[1] * 20, 2, *[3] * 6]


def test_text_without_any_token_is_no_evidence_at_all() -> None:
    nothing = (Sentence(("\u200b",), ("O",)),)
    with pytest.raises(CorpusError, match="0 of 1 words"):
        certifier(Answers({"\u200b": -1}), nothing)


def test_a_gold_label_that_nobody_knows_does_not_switch_f1_off() -> None:
    with_ships = (*SENTENCES, Sentence(("Titanic",), ("B-SHIP",)))
    of = certifier(Answers(), with_ships)
    assert of.entities == {"PER": 20}
    found = of.measure(Answers({"Anna3": 3}))  # type: ignore[arg-type]
    assert found["reference_f1"] == 1.0
    assert found["f1_lost"] == pytest.approx(100 * (1 - 38 / 39))


def test_without_a_type_in_common_there_is_no_f1() -> None:
    ships = tuple(Sentence(each.words, ("B-SHIP", "O", "O")) for each in SENTENCES)
    found = certifier(Answers(), ships).measure(Answers())  # type: ignore[arg-type]
    assert (found["f1_lost"], found["reference_f1"], found["agreement"]) == (None, None, 1.0)
    with pytest.raises(CorpusError, match="no entity of a type that the checkpoint knows"):
        certifier(Answers(), ships, Evidence(words=1, distinct_sentences=1, entities=1))


def test_sentences_that_are_too_long_count_against_the_text() -> None:
    long = tuple(Sentence(("word",) * 100, ("O",) * 100) for _ in range(10))
    with pytest.raises(CorpusError, match="33% of the sentences left out as too long, at most 10%"):
        certifier(Answers(), SENTENCES + long, Evidence(words=1, distinct_sentences=1, entities=1))
    # With [CLS] and [SEP], 62 words fill a row.
    full = Sentence(("word",) * 62, ("O",) * 62)
    found = certifier(Answers(), (*SENTENCES, *long, full)).measure(Answers())  # type: ignore[arg-type]
    assert (found["left_out"], found["sentences"], found["words"]) == (10, 21, 122)


def test_infinite_logits_of_a_candidate_are_counted() -> None:
    class Infinite(Answers):
        def _logits(self, word: str) -> NDArray[np.float32]:
            with np.errstate(invalid="ignore"):
                return super()._logits(word) * np.float32("inf" if word == "so" else "1")

    found = certifier(Answers()).measure(Infinite())  # type: ignore[arg-type]
    # Five logits of twenty words: all together, each sentence alone, and in full rows.
    assert found["not_finite"] == 5 * 20 * 3


def test_a_candidate_that_says_the_same_has_nothing_against_it() -> None:
    found = certifier(Answers()).measure(Answers())  # type: ignore[arg-type]
    counts = ("changed_labels", "sure_changed", "not_finite", "left_out", "f1_lost")
    rates = ("changed_per_10k", "alone_changed_per_10k", "rows_changed_per_10k")
    differences = ("largest_logit_difference", "mean_logit_difference", "relative_logit_difference")
    assert {name: found[name] for name in (*counts, *rates, *differences)} == dict.fromkeys(
        (*counts, *rates, *differences), 0
    )
    assert (found["words"], found["rows_words"], found["sentences"], found["sure_words"]) == (60, 60, 20, 60)
    scores = [f"{who}_{what}" for who in ("reference", "candidate") for what in ("precision", "recall", "f1")]
    assert [found[name] for name in [*scores, "agreement"]] == [1.0] * 7


@pytest.mark.parametrize(
    ("reference", "candidate", "agreement"),
    [
        ({}, {"Anna3": 3}, 0.95),  # 19 of 20 on both sides
        ({}, {"Anna3": 0}, 38 / 39),
        ({f"Anna{number}": 0 for number in range(20)}, {f"Anna{number}": 0 for number in range(20)}, 1.0),
        ({f"Anna{number}": 0 for number in range(20)}, {}, 0.0),
        ({}, {f"Anna{number}": 0 for number in range(20)}, 0.0),
    ],
)
def test_agreement_of_entities(reference: dict[str, int], candidate: dict[str, int], agreement: float) -> None:
    found = certifier(Answers(reference)).measure(Answers(candidate))  # type: ignore[arg-type]
    assert found["agreement"] == pytest.approx(agreement)


def test_scores_against_gold_are_told_apart() -> None:
    found = certifier(Answers({"Anna1": 0})).measure(Answers({"so": 1, "Anna2": 0, "Anna3": 0}))  # type: ignore[arg-type]
    assert (found["reference_precision"], found["reference_recall"]) == (1.0, 0.95)
    # 18 right of the 38 that it finds.
    assert found["candidate_precision"] == pytest.approx(18 / 38)
    assert found["candidate_recall"] == 0.9
    assert found["candidate_f1"] == pytest.approx(36 / 58)
    assert found["f1_lost"] == pytest.approx(100 * (38 / 39 - 36 / 58))


class Shifted(Answers):
    """As sure of "so" as 4.5 says, where the checkpoint says 5."""

    def _logits(self, word: str) -> NDArray[np.float32]:
        return super()._logits(word) * np.float32(0.9 if word == "so" else 1)


def test_how_far_logits_lie_apart() -> None:
    found = certifier(Answers({"said": -1})).measure(Shifted({"said": -1}))  # type: ignore[arg-type]
    assert found["largest_logit_difference"] == pytest.approx(0.5)
    assert found["relative_logit_difference"] == pytest.approx(0.1)
    # One of five logits of every second word that has a token.
    assert found["mean_logit_difference"] == pytest.approx(0.05)
    assert (found["changed_labels"], found["not_finite"]) == (0, 0)


def test_a_candidate_without_any_finite_logit_has_no_difference_and_fails_by_their_number() -> None:
    class Nothing(Answers):
        def _logits(self, word: str) -> NDArray[np.float32]:
            return np.full(len(LABELS), np.inf, np.float32)

    found = certifier(Answers()).measure(Nothing())  # type: ignore[arg-type]
    assert found["not_finite"] == 5 * 60 * 3
    differences = ("largest_logit_difference", "mean_logit_difference", "relative_logit_difference")
    assert [found[name] for name in differences] == [0, 0, 0]


def test_a_difference_to_a_checkpoint_whose_logits_are_all_0_counts_as_it_is() -> None:
    class Zeros(Answers):
        def _logits(self, word: str) -> NDArray[np.float32]:
            return np.zeros(len(LABELS), np.float32)

    of = certifier(Zeros())
    assert of.measure(Zeros())["relative_logit_difference"] == 0  # type: ignore[arg-type]
    assert of.measure(Answers({"said": 0}))["relative_logit_difference"] == 5  # type: ignore[arg-type]


def test_what_changes_in_full_rows_alone_counts_there_and_where_the_checkpoint_was_sure() -> None:
    class InRows(Answers):
        def word_logits(self, sentences: Sequence[Sequence[str]]) -> NDArray[np.float32]:
            return Answers({"Anna3": 3} if any(len(words) > 3 for words in sentences) else {}).word_logits(sentences)

    found = certifier(Answers()).measure(InRows())  # type: ignore[arg-type]
    assert (found["changed_labels"], found["alone_changed_per_10k"], found["rows_words"]) == (0, 0, 60)
    assert found["rows_changed_per_10k"] == pytest.approx(1e4 / 60)
    assert (found["sure_changed"], found["largest_logit_difference"]) == (1, 5)


def test_with_a_crf_the_best_sequence_of_each_sentence_counts() -> None:
    free = np.zeros(len(LABELS))
    step, first = np.zeros((len(LABELS), len(LABELS))), free.copy()
    # No I-PER but after B-PER or I-PER.
    step[[0, 3, 4], 2] = first[2] = -np.inf
    labels = LabelSet(LABELS, crf=Weights(first, step, free))
    text = Text("text", "0", (*SENTENCES, Sentence(("so", "Anna1"), ("O", "B-PER"))), LIMITED)
    of = Certifier(Answers({"said": -1}), text, labels, max_length=64)  # type: ignore[arg-type]
    # "so" begins a sentence once, and follows Anna elsewhere: "said" has no token, and is passed over.
    found = of.measure(Answers({"said": -1, "so": 2}))  # type: ignore[arg-type]
    assert (found["words"], found["changed_labels"]) == (42, 20)
    assert found["alone_changed_per_10k"] == pytest.approx(1e4 * 20 / 42)


@pytest.mark.parametrize(
    "labels", [("O", "S-PER", "E-PER", "B-PER", "I-PER"), ("O", "PER-B", "PER-I", "LOC-B", "LOC-I")]
)
def test_labels_that_are_spelled_otherwise_are_read_as_the_model_means_them(labels: tuple[str, ...]) -> None:
    of = Certifier(Answers(), Text("text", "0", SENTENCES, LIMITED), LabelSet(labels), max_length=64)  # type: ignore[arg-type]
    found = of.measure(Answers())  # type: ignore[arg-type]
    assert (found["reference_f1"], found["candidate_f1"], found["agreement"]) == (1.0, 1.0, 1.0)


def test_a_bundle_names_the_logits_as_the_checkpoint_does() -> None:
    of = certifier(Answers())
    of.check_labels([*LABELS])
    with pytest.raises(BundleError) as caught:
        of.check_labels(("O", "B-LOC"))
    told = "manifest.json: its labels are O, B-LOC; the checkpoint's are O, B-PER, I-PER, B-LOC, I-LOC; make it again"
    assert str(caught.value).startswith(told)


@pytest.mark.parametrize(
    ("changed", "words", "expected"),
    # Of nothing in n, the bound solves (1 - p)^n = 0.05; the others are R's binom.test(..., alternative = "less").
    [(0, 51_362, 1 - 0.05 ** (1 / 51_362)), (1, 10, 0.3941633), (10, 10, 1.0), (0, 0, 1.0)],
)
def test_upper_bound_of_the_rate(changed: int, words: int, expected: float) -> None:
    assert upper_bound(changed, words) == pytest.approx(expected, rel=1e-6)


def test_text_from_elsewhere_has_figures_of_its_own() -> None:
    away = Text("away", "1", (Sentence(("Anna1", "sang"), ("B-PER", "O")), Sentence(("Rome",), ("B-LOC",))), LIMITED)
    reference = Answers({"Rome": 3})
    of = Certifier(reference, Text("text", "0", SENTENCES, LIMITED), LabelSet(LABELS), max_length=64, elsewhere=away)  # type: ignore[arg-type]
    found = of.measure_elsewhere(Answers({"Rome": 0}))  # type: ignore[arg-type]
    assert (found["elsewhere_words"], found["elsewhere_changed_labels"]) == (3, 1)
    # Logits of 5 and 0 among 5 labels: the checkpoint was 97% sure of Rome.
    assert (found["elsewhere_sure_words"], found["elsewhere_sure_changed"]) == (3, 1)
    assert found["elsewhere_f1_lost"] == pytest.approx(100 * (1 - 2 / 3))
    assert certifier(Answers()).measure_elsewhere(Answers()) == {}  # type: ignore[arg-type]


def test_text_from_elsewhere_is_asked_for_enough_of_it_once_it_is_read() -> None:
    long = Sentence(("word",) * 63, ("O",) * 63)
    away = Text("away", "1", (Sentence(("Anna1",), ("B-PER",)), long), LIMITED)
    home = Text("text", "0", SENTENCES, LIMITED)
    of = Certifier(Answers(), home, LabelSet(LABELS), max_length=64, elsewhere=away)  # type: ignore[arg-type]
    assert of.measure_elsewhere(Answers())["elsewhere_left_out"] == 1  # type: ignore[arg-type]
    little = replace(away, least=Evidence(words=5, distinct_sentences=1, entities=0))
    of = Certifier(Answers(), home, LabelSet(LABELS), max_length=64, elsewhere=little)  # type: ignore[arg-type]
    of.measure(Answers())  # type: ignore[arg-type]
    with pytest.raises(CorpusError, match="away: too little to certify on: 1 of 5 words"):
        of.measure_elsewhere(Answers())  # type: ignore[arg-type]
