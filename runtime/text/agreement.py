"""How many labels differ between two answers about the same words: one count for certificates, tuning and benchmarks.

It knows nothing of how the answers came about, or of how many changed labels are too many.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Labels = Sequence[str] | NDArray[np.integer]
"""A label for each word, by name or by index. [words]"""


def changed_labels(expected: Labels, found: Labels) -> int:
    """How many words have another label in `found` than in `expected`.

    Raises:
        ValueError: they are about another number of words.
    """
    if len(expected) != len(found):
        raise ValueError(f"{len(found)} labels where {len(expected)} were expected")
    return int(np.count_nonzero(np.asarray(expected) != np.asarray(found)))


def per_10k(changed: int, words: int) -> float:
    """Changed labels in 10,000 words; 0 where there are no words."""
    return 1e4 * changed / max(1, words)
