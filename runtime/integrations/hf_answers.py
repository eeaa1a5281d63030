"""Groups of tokens -> the dictionaries of transformers' pipeline, key for key.

    none      {"entity", "score", "index", "word", "start", "end"} for each token
    others    {"entity_group", "score", "word", "start", "end"}

`word` is put together from tokens, as the pipeline does it; text[start:end] is what stands in the text. `score` is a
NumPy float that is a Python float, too, so that `json.dumps` takes it, which refuses the pipeline's own.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.decode.hf_pipeline import Groups, group_names, groups_from_tokens
from runtime.decode.options import Strategy
from runtime.encode.hf_pipeline import RawTokens
from runtime.integrations.hf_objects import PipelineTokenizer
from runtime.text.entity import Entity

Answer = dict[str, Any]


class AnswerMaker:
    """Makes the dictionaries.

    Args:
        tokenizer: puts words together.
        labels: label names in the order of the logits.
        before: special tokens before a text; the pipeline counts them in `index`.
    """

    def __init__(self, tokenizer: PipelineTokenizer, labels: Sequence[str], before: int) -> None:
        self._tokenizer, self._labels, self._before = tokenizer, labels, before

    def answers(
        self,
        probabilities: NDArray[np.float32],
        tokens: RawTokens,
        texts: Sequence[str],
        *,
        strategy: Strategy,
        ignore: Collection[str],
    ) -> list[list[Answer]]:
        """The dictionaries of each text.

        Args:
            probabilities: of every token's labels. [tokens, labels]
            tokens: of all texts.
            texts: the texts themselves.
            strategy: one of the pipeline's.
            ignore: names that are left out: labels in full for "none", types for the others.
        """
        groups = groups_from_tokens(probabilities, tokens, self._labels, strategy)
        names = group_names(self._labels, strategy)[groups.tag]
        kept = np.array([name not in ignore for name in names.tolist()], np.bool_)
        places = np.flatnonzero(kept)
        text = np.searchsorted(tokens.text_start, groups.first[places], side="right") - 1
        found: list[list[Answer]] = [[] for _ in texts]
        index = groups.first[places] - tokens.text_start[text] + self._before
        for place, number, position in zip(places.tolist(), text.tolist(), index.tolist()):
            first, last = int(groups.first[place]), int(groups.last[place])
            if strategy == "none":
                word = self._token(tokens, first, texts[number])
                answer = {"entity": names[place], "score": groups.score[place], "index": position, "word": word}
            else:
                word = self._word(groups, first, last, tokens, texts[number])
                answer = {"entity_group": names[place], "score": groups.score[place], "word": word}
            start, end = int(tokens.bounds[first, 0]), int(tokens.bounds[last, 1])
            found[number].append({**answer, "start": start, "end": end})
        return found

    def _word(self, groups: Groups, first: int, last: int, tokens: RawTokens, text: str) -> str:
        """A group's tokens put together; unit by unit first, which changes blanks where units are words."""
        put = self._tokenizer.convert_tokens_to_string
        begin, end = np.searchsorted(groups.units, [first, last + 1])
        borders = [*groups.units[begin:end].tolist(), last + 1]
        units = [[self._token(tokens, n, text) for n in range(a, b)] for a, b in itertools.pairwise(borders)]
        return put([token for unit in units for token in unit]) if groups.of_tokens else put([put(u) for u in units])

    def _token(self, tokens: RawTokens, number: int, text: str) -> str:
        """A token as the vocabulary writes it, or, where it is unknown, as the text does."""
        given = int(tokens.ids[number])
        if given == self._tokenizer.unk_token_id:
            start, end = tokens.bounds[number].tolist()
            return text[start:end]
        return str(self._tokenizer.convert_ids_to_tokens(given))


def answers_of_words(found: Sequence[Sequence[Entity]], ignore: Collection[str]) -> list[list[Answer]]:
    """Nerve's own answer, by whole words, in the pipeline's dictionaries; `word` is what stands in the text."""
    return [
        [
            {
                "entity_group": entity.label,
                "score": np.float64(entity.score),
                "word": entity.text,
                "start": entity.start,
                "end": entity.end,
            }
            for entity in entities
            if entity.label not in ignore
        ]
        for entities in found
    ]
