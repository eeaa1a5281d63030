"""The second text: how a candidate behaves on text that nothing was fitted to, for which a corpus cannot vouch.

Unless a user gives one, it is generated (train.corpus.sample): news-like sentences about other names than any corpus
has, which cost no download and no license. A checkpoint that was trained on the generated corpus is at home in it all
the same, so that its users give a text of their own.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from export.certify.corpus import MOST_SHARED, Text, read_text, shared_words, text_of
from runtime.bundle.gate import ELSEWHERE_EVIDENCE, LIMITED_EVIDENCE
from runtime.errors import CorpusError
from runtime.text.label_schemes import ANY_LABELS, LabelSet
from train.corpus.sample import sample_corpus

# Not the seed that the generated corpus itself is made with, so that no checkpoint is trained or certified on it.
SEED = 7
# Some 50,000 words with 8,000 entities: one of them moves F1 by an eighth of the gate's limit.
SENTENCES = 3_000
NAME = "generated news"


def elsewhere_text(path: Path, corpus: Text, *, limited: bool = False, labels: LabelSet = ANY_LABELS) -> Text:
    """The second text.

    Args:
        path: a CoNLL file, or a folder with valid.txt; Path() for the generated one.
        corpus: the first text.
        limited: be content with less text than a full certificate needs.
        labels: the checkpoint's: gold labels that it has, too, are read as its own.

    Raises:
        CorpusError: it cannot be read, or more than MOST_SHARED of its words stand in sentences of the corpus.
    """
    least = LIMITED_EVIDENCE if limited else ELSEWHERE_EVIDENCE
    if path == Path():
        # A small corpus has a small second text, or that would take longer to compare than all the rest.
        count = min(SENTENCES, len(corpus.sentences)) if limited else SENTENCES
        return text_of(NAME, sample_corpus(seed=SEED, train=0, valid=count)[1], least, labels)
    text = replace(read_text(path, most=0, labels=labels), least=least)
    shared = shared_words(corpus.words, text)
    if shared > MOST_SHARED:
        problem = f"{shared:.1%} of its words are in sentences of {corpus.name}, at most {MOST_SHARED:.0%}"
        raise CorpusError(text.name, problem, "give text from elsewhere")
    return text
