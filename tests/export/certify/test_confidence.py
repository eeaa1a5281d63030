"""Labels that change where the checkpoint was sure, told from those that change where it was in doubt."""

from __future__ import annotations

import numpy as np
import pytest

from export.certify.confidence import confidence_figures


def logits(*probabilities: tuple[float, ...]) -> np.ndarray:
    return np.log(np.array(probabilities, np.float32))


def differ(found: np.ndarray) -> np.ndarray:
    return np.asarray(EXPECTED.argmax(axis=1) != found.argmax(axis=1))


EXPECTED = logits((0.96, 0.03, 0.01), (0.94, 0.05, 0.01), (0.4, 0.35, 0.25), (0.5, 0.2, 0.3))


def test_nothing_changed() -> None:
    found = confidence_figures(EXPECTED, differ(EXPECTED * 2))
    assert (found["sure_words"], found["sure_changed"]) == (1, 0)
    assert (found["margin_median"], found["margin_90"], found["margin_largest"]) == (None, None, None)


def test_a_change_counts_by_how_sure_the_checkpoint_was() -> None:
    doubted = EXPECTED.copy()
    doubted[2], doubted[3] = (0, 1, 0), (0, 0, 1)
    found = confidence_figures(EXPECTED, differ(doubted))
    assert found["sure_changed"] == 0
    assert found["margin_median"] == pytest.approx(0.125)  # of 0.05 and 0.2
    assert found["margin_largest"] == pytest.approx(0.2)
    wrong = EXPECTED.copy()
    wrong[0] = (0, 1, 0)
    found = confidence_figures(EXPECTED, differ(wrong))
    assert found["sure_changed"] == 1
    assert found["margin_largest"] == pytest.approx(0.93)


def test_words_without_a_token_are_no_words() -> None:
    with_none = EXPECTED.copy()
    with_none[0] = np.nan
    assert confidence_figures(with_none, differ(EXPECTED * 2))["sure_words"] == 0


def test_a_label_that_the_crf_changed_counts_where_the_classifier_moved_none() -> None:
    assert confidence_figures(EXPECTED, np.array([True, False, False, False]))["sure_changed"] == 1
