"""The short texts that every candidate is asked when it is certified, and again whenever it is loaded.

They are ours, and not the corpus's: a manifest goes where its bundle goes, and a corpus may be private.
"""

from __future__ import annotations

from runtime.bundle.certificate import Probe
from runtime.tagger import Tagger

# Names of all kinds, a number, marks, other scripts: a dozen texts that together fit into one row of 64 tokens. The
# first half is what a candidate is asked whenever it is opened, so that it holds what libraries treat differently.
TEXTS = (
    ("São", "Paulo"),
    ("東京",),
    ("U.N.",),
    ("Angela", "Merkel"),
    ("42", "%"),
    ("in", "Paris", "."),
    ("MOSCOW",),
    ("Siemens", "AG"),
    ("Monday",),
    ("the", "German", "team"),
    ("Lake", "Victoria"),
    ("Reuters", "said"),
)


def probe_of(tagger: Tagger) -> Probe:
    """The texts, and what the tagger says of them."""
    return Probe(TEXTS, tagger.word_logits(TEXTS).astype("<f4").tobytes().hex())
