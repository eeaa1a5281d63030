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


def test_a_word_is_sure_from_the_limit_on() -> None:
    # Of two logits that lie ln(19) apart, the larger has a probability of 0.95.
    just, under = np.float32(np.log(19)) + np.float32(1e-6), np.float32(np.log(19)) - np.float32(1e-5)
    found = confidence_figures(np.array([[just, 0], [under, 0]], np.float32), np.array([True, True]))
    assert (found["sure_words"], found["sure_changed"]) == (1, 1)
    assert found["margin_90"] == pytest.approx(0.9, abs=1e-5)


def test_margins_are_quantiles_of_the_words_that_changed() -> None:
    leads = np.arange(11) / 10
    found = confidence_figures(logits(*((0.5 + lead / 2.001, 0.5 - lead / 2.001) for lead in leads)), leads < 2)
    assert found["margin_median"] == pytest.approx(0.5, abs=1e-3)
    assert found["margin_90"] == pytest.approx(0.9, abs=1e-3)
    assert found["margin_largest"] == pytest.approx(1.0, abs=1e-3)


def test_large_logits_do_not_overflow_and_one_label_has_no_margin() -> None:
    assert confidence_figures(np.array([[1e4, 0]], np.float32), np.array([True]))["sure_changed"] == 1
    # Each word by itself: beside one of large logits, one of small logits is as sure as alone.
    beside = confidence_figures(np.array([[2e3, 0], [5, 0], [0, -2e3]], np.float32), np.array([False, True, False]))
    assert (beside["sure_words"], beside["sure_changed"]) == (3, 1)
    alone = confidence_figures(np.array([[3.0], [4.0]], np.float32), np.array([False, False]))
    assert (alone["sure_words"], alone["margin_largest"]) == (2, None)


def test_a_word_with_one_logit_that_is_no_number_has_no_token() -> None:
    expected = np.array([[np.nan, 9.0], [9.0, 0.0]], np.float32)
    found = confidence_figures(expected, np.array([True, True]))
    assert (found["sure_words"], found["sure_changed"]) == (1, 1)
