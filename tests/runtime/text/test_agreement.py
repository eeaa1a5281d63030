"""Changed labels, counted on names and on indices alike."""

from __future__ import annotations

import numpy as np
import pytest

from runtime.text.agreement import changed_labels, per_10k


def test_words_with_another_label_are_counted() -> None:
    assert changed_labels(["O", "B-PER", "I-PER"], ["O", "B-LOC", "O"]) == 2
    assert changed_labels(np.array([0, 1, 2]), np.array([0, 1, 2])) == 0
    assert changed_labels(np.array([0, 1, 2]), np.array([0, 3, 4])) == 2
    assert changed_labels([], []) == 0


def test_answers_about_other_words_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="1 labels where 2 were expected"):
        changed_labels(["O", "O"], ["O"])


def test_rate_of_nothing_is_nothing() -> None:
    assert per_10k(3, 6_000) == 5
    assert per_10k(0, 0) == 0
