"""Measure how far a candidate's answers lie from its checkpoint's. Whether that passes is export.certify.gate's matter."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from export.certify.corpus import Text, has_gold_for
from export.certify.full_rows import full_length_sequences, row_lengths
from runtime.bundle.store import MANIFEST, REMAKE
from runtime.errors import BundleError
from runtime.tagger import Tagger
from runtime.text.label_schemes import OUTSIDE
from runtime.text.scores import score_labels

if TYPE_CHECKING:
    from export.certify.reference import Reference


Words = Sequence[Sequence[str]]


Figures = dict[str, float | int | None]


class Certifier:
    """Holds candidates against one checkpoint on one text. The checkpoint answers once, for all of them.

    Args:
        reference: the checkpoint.
        text: to compare on.
        labels: label names in the order of the logits.
        max_length: most tokens of a row, special ones included.
    """

    def __init__(self, reference: Reference, text: Text, labels: Sequence[str], *, max_length: int) -> None:
        tokens = reference.tokens(text.words)
        kept = tuple(sentence for sentence, count in zip(text.sentences, tokens) if count <= max_length)
        self.left_out = len(text.sentences) - len(kept)
        self.text = replace(text, sentences=kept)
        self.labels = tuple(labels)
        self._outside = self.labels.index(OUTSIDE)
        self._rows = full_length_sequences(reference, self.text.words, row_lengths(max_length))
        self._expected = reference.word_logits(self.text.words)
        self._expected_rows = reference.word_logits(self._rows)
        self._gold = has_gold_for(text, labels)

    def check_labels(self, labels: Sequence[str]) -> None:
        """The bundle must name the logits as the checkpoint does; figures over indices cannot tell.

        Raises:
            BundleError: it does not.
        """
        if tuple(labels) != self.labels:
            problem = f"its labels are {', '.join(labels)}; the checkpoint's are {', '.join(self.labels)}"
            raise BundleError(MANIFEST, problem, REMAKE)

    def measure(self, tagger: Tagger) -> Figures:
        """The figures of the module's table for one candidate."""
        found = tagger.word_logits(self.text.words)
        alone = np.concatenate([tagger.word_logits([words]) for words in self.text.words])
        rows = tagger.word_logits(self._rows)
        return {
            "sentences": len(self.text.sentences),
            "left_out": self.left_out,
            "words": len(found),
            **self._changed_tags(found),
            **_difference(
                np.concatenate([self._expected, self._expected, self._expected_rows]),
                np.concatenate([found, alone, rows]),
            ),
            **self._scores(found),
            "alone_changed_per_10k": 1e4 * self._changed(self._expected, alone) / max(1, len(alone)),
            "rows_words": len(rows),
            "rows_changed_per_10k": 1e4 * self._changed(self._expected_rows, rows) / max(1, len(rows)),
        }

    def _changed_tags(self, found: NDArray[np.float32]) -> Figures:
        changed = self._changed(self._expected, found)
        return {"changed_labels": changed, "changed_per_10k": 1e4 * changed / max(1, len(found))}

    def _scores(self, found: NDArray[np.float32]) -> Figures:
        candidate, reference = self._names(found), self._names(self._expected)
        agreement = score_labels(reference, candidate).overall
        # Two answers without any entity agree, though the F1 of nothing is 0 by convention.
        figures: Figures = {"agreement": agreement.f1 if agreement.gold or agreement.found else 1.0}
        by_candidate = score_labels(self.text.gold, candidate).overall
        by_reference = score_labels(self.text.gold, reference).overall
        for name, score in (("reference", by_reference), ("candidate", by_candidate)):
            for figure in ("precision", "recall", "f1"):
                figures[f"{name}_{figure}"] = getattr(score, figure) if self._gold else None
        figures["f1_lost"] = 100 * (by_reference.f1 - by_candidate.f1) if self._gold else None
        return figures

    def _tags(self, logits: NDArray[np.float32]) -> NDArray[np.int64]:
        """Label indices; a word that the checkpoint gives no token is outside. [words]"""
        return np.where(np.isnan(logits).any(axis=1), self._outside, logits.argmax(axis=1))

    def _changed(self, expected: NDArray[np.float32], found: NDArray[np.float32]) -> int:
        return int(np.count_nonzero(self._tags(expected) != self._tags(found)))

    def _names(self, logits: NDArray[np.float32]) -> list[list[str]]:
        """Label names, sentence by sentence."""
        names = [self.labels[tag] for tag in self._tags(logits).tolist()]
        starts = [0, *itertools.accumulate(map(len, self.text.words))]
        return [names[start:end] for start, end in itertools.pairwise(starts)]


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
        "relative_logit_difference": largest / scale if scale else 0.0,
    }
