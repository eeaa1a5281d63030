"""The self-check: before its first answer, a loaded candidate must say what it said when it was certified.

It catches what no digest can: a CPU, a driver or a library that computes otherwise.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from runtime.bundle.certificate import CERTIFY, Certificate
from runtime.bundle.gate import PROBE_TOLERANCE
from runtime.errors import UncertifiedError

WordLogits = Callable[[Sequence[Sequence[str]]], NDArray[np.float32]]
AT_OPENING = 6
"""Texts that a candidate is asked when it is opened, the first of those that its certificate has. Each goes through all
layers, so that six show a wrong kernel nearly as twelve do; see docs/reliability.md."""
# Words without a token have a logit of 0 for "O" and -10,000 for all others, which no backend computed.
_COMPUTED, _NOTHING = 5e3, (0.0, -1e4)


def self_check(certificate: Certificate, word_logits: WordLogits, *, most: int = sys.maxsize) -> None:
    """Ask the certificate's short texts, and hold the logits against those that it names.

    Args:
        certificate: of the candidate.
        word_logits: of the loaded one, as Tagger.word_logits gives them.
        most: texts to ask, the first of them.

    Raises:
        UncertifiedError: they lie further apart than PROBE_TOLERANCE, or are not finite.
    """
    probe = certificate.probe
    texts = probe.texts[:most]
    found = word_logits(texts).ravel()
    try:
        expected = np.frombuffer(bytes.fromhex(probe.logits), "<f4")
    except ValueError:  # no hexadecimal, or half a number: nothing that could be answered
        expected = np.empty(0, np.float32)
    if len(texts) < len(probe.texts) and expected.size % sum(map(len, probe.texts)) == 0:
        expected = expected[: expected.size // sum(map(len, probe.texts)) * sum(map(len, texts))]
    tolerance = PROBE_TOLERANCE[certificate.precision]
    apart = float("inf")
    # Texts that the tokenizer turns into nothing would be answered alike by everything.
    if found.shape == expected.shape and _some_computed(expected, sum(map(len, texts))):
        known = expected[np.abs(expected) < _COMPUTED]
        scale = float(np.abs(known).max(initial=0)) or 1.0
        apart = float(np.abs(found - expected).max()) / scale
    if not apart <= tolerance:
        problem = f"it answers otherwise than when it was certified (logits {apart:.2g} of the largest apart"
        raise UncertifiedError(str(certificate.candidate), f"{problem}, at most {tolerance:g})", CERTIFY)


def _some_computed(logits: NDArray[np.float32], words: int) -> bool:
    """Whether a backend computed the logits of at least one word; see _NOTHING."""
    return bool(logits.size) and not np.isin(logits, _NOTHING).reshape(words, -1).all(1).all()
