"""Sentences as the Trainer takes them, and its predictions as scores of sentences.

It knows nothing of how a model is loaded or trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from transformers import EvalPrediction, PreTrainedTokenizerFast

from runtime.text.conll import Sentence
from runtime.text.label_schemes import OUTSIDE, LabelSet
from runtime.text.scores import Scorer
from train.align import IGNORED, Loss, WordIds, loss_of, token_labels, word_labels


@dataclass(frozen=True, slots=True)
class Example:
    """One sentence as tokens.

    Attributes:
        features: the model's inputs and "labels", each a list of one number a token.
        word_ids: index of each token's word, None for special tokens. [tokens]
        loss: words of it whose label reaches no token.
    """

    features: dict[str, list[int]]
    word_ids: WordIds
    loss: Loss

    @property
    def labeled(self) -> bool:
        """Whether any token carries a label; without one the sentence teaches nothing and its loss is 0/0."""
        return any(label != IGNORED for label in self.features["labels"])


def examples_of(
    tokenizer: PreTrainedTokenizerFast, sentences: Sequence[Sentence], labels: Sequence[str], max_length: int
) -> list[Example]:
    """Each sentence as tokens with labels, cut to max_length; what the cut costs is counted in Example.loss."""
    index = {label: number for number, label in enumerate(labels)}
    with_types = "token_type_ids" in tokenizer.model_input_names
    # The tokenizers library itself: its encodings hold the words of what was cut off, too.
    backend = tokenizer.backend_tokenizer
    backend.enable_truncation(max_length)
    try:
        encodings = backend.encode_batch([list(sentence.words) for sentence in sentences], is_pretokenized=True)
    finally:
        backend.no_truncation()
    examples = []
    for sentence, encoding in zip(sentences, encodings, strict=True):
        cut = [word for overflow in encoding.overflowing for word in overflow.word_ids]
        # Lists, not arrays: the collator pads them, batch by batch.
        features = {"input_ids": encoding.ids, "attention_mask": encoding.attention_mask}
        if with_types:
            features["token_type_ids"] = encoding.type_ids
        features["labels"] = token_labels(encoding.word_ids, [index[label] for label in sentence.labels])
        examples.append(Example(features, encoding.word_ids, loss_of(len(sentence.words), encoding.word_ids, cut)))
    return examples


@dataclass(frozen=True, slots=True)
class Validation:
    """Sentences to measure on, and the model's labels by index."""

    sentences: Sequence[Sentence]
    examples: Sequence[Example]
    labels: tuple[str, ...]

    def scores(self, prediction: EvalPrediction) -> dict[str, float]:
        """Entity precision, recall and F1 and word accuracy over every word: one without a token counts as "O".

        Args:
            prediction: label index of each token, of the examples that are labeled. [labeled examples, tokens]
        """
        scorer = Scorer(LabelSet(self.labels))
        for sentence, found in zip(self.sentences, self._found(np.asarray(prediction.predictions).tolist())):
            scorer.add(sentence.labels, found)
        table = scorer.table()
        overall = table.overall
        return {
            "precision": overall.precision,
            "recall": overall.recall,
            "f1": overall.f1,
            "accuracy": table.accuracy,
        }

    def _found(self, predictions: list[list[int]]) -> list[list[str]]:
        """The label predicted for each word of each sentence."""
        outside = self.labels.index(OUTSIDE)
        # Examples without a label were not given to the Trainer, and have no row.
        rows = iter(predictions)
        found = []
        for sentence, example in zip(self.sentences, self.examples, strict=True):
            word_ids, tokens = (example.word_ids, next(rows)) if example.labeled else ((), [])
            indices = word_labels(word_ids, tokens, len(sentence.words), outside)
            found.append([self.labels[index] for index in indices])
        return found
