"""Measure how far a candidate's answers lie from its checkpoint's. Whether that passes, runtime.bundle.gate says."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from export.certify.best_labels import Words, has_token, labels_of_candidate, labels_of_checkpoint, starts_of
from export.certify.confidence import confidence_figures
from export.certify.corpus import NO_TEXT, Text, check_evidence, counted, entities_by_type
from export.certify.full_rows import full_length_sequences, row_lengths
from runtime.bundle.gate import ELSEWHERE
from runtime.bundle.store import MANIFEST, REMAKE
from runtime.concurrency import in_order
from runtime.errors import BundleError
from runtime.screen.display import within
from runtime.tagger import Tagger
from runtime.text.agreement import changed_labels, per_10k
from runtime.text.label_schemes import LabelSet, bio_from_labels
from runtime.text.scores import Score, ScoreTable, score_labels

if TYPE_CHECKING:
    from export.certify.reference import Reference


Figures = dict[str, float | int | None]


# Sentences of news that often fit into a single row together.
_IN_A_ROW = 3


class Compared:
    """A text that is compared word by word, and what the checkpoint says of it.

    Args:
        reference: the checkpoint.
        text: to compare on; sentences longer than the model are left out.
        labels: the checkpoint's.
        max_length: most tokens of a row, special ones included.

    Raises:
        CorpusError: there is less text than it says that there must be.
        CheckpointError: the checkpoint's answers are not finite, so that nothing can be held against them.
    """

    def __init__(self, reference: Reference, text: Text, labels: LabelSet, *, max_length: int) -> None:
        tokens = reference.tokens(text.words)
        kept = tuple(sentence for sentence, count in zip(text.sentences, tokens) if count <= max_length)
        left_out = len(text.sentences) - len(kept)
        self.text = replace(text, sentences=kept)
        self.labels = labels.labels
        self._label_set = labels
        self.entities = entities_by_type(self.text, labels)
        self.counted = counted(self.text) | {"left_out": left_out}
        check_evidence(self.text, labels, self.counted)
        self.expected = reference.word_logits(self.text.words)
        # A word that the tokenizer turns into nothing cannot differ, and is no evidence.
        self.counted["words"] = int(np.count_nonzero(has_token(self.expected)))
        check_evidence(self.text, labels, self.counted)

    def figures(self, found: NDArray[np.float32]) -> Figures:
        """How far those logits lie from the checkpoint's: labels, confidence, entities. found: [words, labels]"""
        told, said = self._labels(self.expected, found, self.text.words)
        changed, words = changed_labels(told, said), int(self.counted["words"] or 0)
        return {
            **self.counted,
            "changed_labels": changed,
            "changed_per_10k": per_10k(changed, words),
            "changed_per_10k_upper": 1e4 * upper_bound(changed, words),
            **confidence_figures(self.expected, told != said),
            **self._scores(told, said),
        }

    def changed_per_10k(self, expected: NDArray[np.float32], found: NDArray[np.float32], texts: Words) -> float:
        """Changed labels in 10,000 words that have a token. Both logits: [words, labels]"""
        changed = changed_labels(*self._labels(expected, found, texts))
        return per_10k(changed, int(np.count_nonzero(has_token(expected))))

    def sure_changed(self, expected: NDArray[np.float32], found: NDArray[np.float32], texts: Words) -> int:
        """Changed labels of which the checkpoint is sure. Both logits: [words, labels]"""
        told, said = self._labels(expected, found, texts)
        return int(confidence_figures(expected, told != said)["sure_changed"] or 0)

    def _labels(
        self, expected: NDArray[np.float32], found: NDArray[np.float32], texts: Words
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Label indices of the checkpoint and of the candidate. [words], [words]"""
        labels = self._label_set
        return labels_of_checkpoint(expected, texts, labels), labels_of_candidate(expected, found, texts, labels)

    def _scores(self, told: NDArray[np.int64], said: NDArray[np.int64]) -> Figures:
        candidate, reference = self._in_bio(said), self._in_bio(told)
        agreement = score_labels(reference, candidate).overall
        # Two answers without any entity agree, though the F1 of nothing is 0 by convention.
        figures: Figures = {"agreement": agreement.f1 if agreement.gold or agreement.found else 1.0}
        by_candidate = self._over_known_types(score_labels(self.text.gold, candidate))
        by_reference = self._over_known_types(score_labels(self.text.gold, reference))
        for name, score in (("reference", by_reference), ("candidate", by_candidate)):
            for figure in ("precision", "recall", "f1"):
                figures[f"{name}_{figure}"] = getattr(score, figure) if self.entities else None
        figures["f1_lost"] = 100 * (by_reference.f1 - by_candidate.f1) if self.entities else None
        return figures

    def _over_known_types(self, table: ScoreTable) -> Score:
        """The score over the types that both know; nobody can be right about others."""
        known = [score for name, score in table.by_type.items() if name in self.entities]
        return Score(*(sum(getattr(score, count) for score in known) for count in ("gold", "found", "right")))

    def _in_bio(self, labels: NDArray[np.int64]) -> list[list[str]]:
        """Labels in BIO, as gold has them, sentence by sentence."""
        names = [self.labels[index] for index in labels.tolist()]
        each = (names[start:end] for start, end in itertools.pairwise(starts_of(self.text.words)))
        return [bio_from_labels(sentence, self._label_set) for sentence in each]


class Certifier:
    """Holds candidates against one checkpoint. The checkpoint answers once, for all of them.

    Args:
        reference: the checkpoint.
        text: to compare on.
        labels: the checkpoint's.
        max_length: most tokens of a row, special ones included.
        elsewhere: a second text, for precisions that the gate holds on text from elsewhere, too; see
            export.certify.elsewhere. Without one, these fail.

    Raises:
        CorpusError, CheckpointError: as Compared.
    """

    def __init__(
        self,
        reference: Reference,
        text: Text,
        labels: LabelSet,
        *,
        max_length: int,
        elsewhere: Text = NO_TEXT,
    ) -> None:
        self._home = Compared(reference, text, labels, max_length=max_length)
        self.text, self.labels, self.entities = self._home.text, self._home.labels, self._home.entities
        self.elsewhere = elsewhere
        self._rows = full_length_sequences(reference, self.text.words, row_lengths(max_length))
        self._expected_rows = reference.word_logits(self._rows)
        self._compared_elsewhere = partial(Compared, reference, elsewhere, labels, max_length=max_length)

    def check_labels(self, labels: Sequence[str]) -> None:
        """The bundle must name the logits as the checkpoint does; figures over indices cannot tell.

        Raises:
            BundleError: it does not.
        """
        if tuple(labels) != self.labels:
            problem = f"its labels are {', '.join(labels)}; the checkpoint's are {', '.join(self.labels)}"
            raise BundleError(MANIFEST, problem, REMAKE)

    def measure(self, tagger: Tagger, *, for_one_text: Sequence[Tagger] = ()) -> Figures:
        """The figures of export.certify.certify_bundle's table for one candidate, on the text itself.

        Args:
            tagger: the candidate, as it is opened for many texts.
            for_one_text: the same as it is opened for one text at a time, where that is another way: the sentences go
                through each of them one by one, too, and some at once, as they share a single row; the worst counts.
        """
        home, words = self._home, self.text.words
        within("all sentences together")
        found = tagger.word_logits(words)
        alone = [_some_at_once(tagger, words, 1)]
        alone += [_some_at_once(each, words, count) for each in for_one_text for count in (1, _IN_A_ROW)]
        within("full rows")
        rows = tagger.word_logits(self._rows)
        at_home = [(home.expected, each) for each in (found, *alone)]
        everything = [*at_home, (self._expected_rows, rows)]
        # What the checkpoint was sure of may change in no way of asking.
        sure = [home.sure_changed(*each, words) for each in at_home]
        return {
            **home.figures(found),
            "sure_changed": max(*sure, home.sure_changed(self._expected_rows, rows, self._rows)),
            **_difference(*(np.concatenate(each) for each in zip(*everything))),
            "alone_changed_per_10k": max(home.changed_per_10k(home.expected, each, words) for each in alone),
            "rows_words": len(rows),
            "rows_changed_per_10k": home.changed_per_10k(self._expected_rows, rows, self._rows),
        }

    def measure_elsewhere(self, tagger: Tagger) -> Figures:
        """The figures that begin with "elsewhere_": the same of the second text, each sentence once; without it none.

        Raises:
            CorpusError: the second text is too little.
        """
        if not self.elsewhere.sentences:
            return {}
        within("text from elsewhere")
        figures = self._elsewhere.figures(tagger.word_logits(self._elsewhere.text.words))
        return {f"{ELSEWHERE}{name}": value for name, value in figures.items()}

    @cached_property
    def _elsewhere(self) -> Compared:
        # Not before a candidate asks for it: without lower precisions nobody reads it.
        return self._compared_elsewhere()


def upper_bound(changed: int, words: int, *, confidence: float = 0.95) -> float:
    """Largest rate at which so few changes would still be seen with probability 1 - confidence, 0 to 1.

    It is the one-sided bound of Clopper and Pearson (Biometrika 26, 1934): a quantile of the beta distribution.
    """
    return float(betaincinv(changed + 1, words - changed, confidence)) if changed < words else 1.0


def _some_at_once(tagger: Tagger, texts: Words, count: int) -> NDArray[np.float32]:
    """Logits of each word, so many texts asked in one call. [words, labels]"""
    calls = (texts[start : start + count] for start in range(0, len(texts), count))
    said = f"{count} sentences at once" if count > 1 else "sentences one by one"
    parts: list[NDArray[np.float32]] = []
    # A sentence keeps one stream of the backend busy: the others take the next ones meanwhile.
    for part in in_order(tagger.word_logits, calls, workers=tagger.backend.streams):
        within(f"{said}, {len(parts) * count:,} of {len(texts):,}")
        parts.append(part)
    return np.concatenate(parts)


def _difference(expected: NDArray[np.float32], found: NDArray[np.float32]) -> Figures:
    """How far logits lie apart, words without a token left out. Both: [words, labels]"""
    known = ~np.isnan(expected)
    finite = known & np.isfinite(found)
    difference = np.abs(found[finite] - expected[finite])
    largest, scale = float(difference.max(initial=0)), float(np.abs(expected[known]).max(initial=0))
    return {
        "not_finite": int(np.count_nonzero(known & ~np.isfinite(found))),
        "largest_logit_difference": largest,
        "mean_logit_difference": float(difference.mean()) if len(difference) else 0.0,
        # Of a checkpoint whose logits are all 0, a difference counts as it is.
        "relative_logit_difference": largest / (scale or 1.0),
    }
