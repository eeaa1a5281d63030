"""Labels that change where the checkpoint was sure of them, and how much it was in doubt where they changed.

Rounding moves what was in doubt; what moves a sure label is a fault, however seldom. How sure the checkpoint is, its
classifier's probability of the largest label says, also where a CRF has the last word about labels. Pure: logits in,
figures out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from runtime.bundle.gate import SURE

# Of the margins at changed labels: half of them are smaller than the first, nine in ten smaller than the second.
_QUANTILES = {"margin_median": 0.5, "margin_90": 0.9, "margin_largest": 1.0}

Logits = NDArray[np.float32]


def confidence_figures(expected: Logits, changed: NDArray[np.bool_]) -> dict[str, float | int | None]:
    """The figures sure_words, sure_changed and margin_*; see export.certify.certify_bundle.

    Args:
        expected: the checkpoint's; NaN where a word has no token. [words, labels]
        changed: whether the label that is answered differs. [words]
    """
    known = ~np.isnan(expected).any(axis=1)
    ordered = np.sort(_probabilities(expected[known]), axis=1)
    changed = changed[known]
    sure = ordered[:, -1] >= SURE
    # A model with one label has no second one, and none of its labels can change.
    margins = (ordered[:, -1] - ordered[:, -2])[changed] if ordered.shape[1] > 1 else np.empty(0)
    return {
        "sure_words": int(np.count_nonzero(sure)),
        "sure_changed": int(np.count_nonzero(sure & changed)),
        **{name: float(np.quantile(margins, at)) if len(margins) else None for name, at in _QUANTILES.items()},
    }


def _probabilities(logits: Logits) -> NDArray[np.float64]:
    """Softmax. [words, labels]"""
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    probabilities: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return probabilities
