"""Texts that were tokenized apart and run together get what each gets alone, in both ways to read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from runtime.backends.fake import Fake
from runtime.decode.options import AGGREGATIONS, Aggregation, Decoding
from runtime.encode.hf_pipeline import RawEncoder
from runtime.encode.tokenizer import Encoder
from runtime.errors import BugError
from runtime.logits import BatchRunner
from runtime.readers import PipelineReader
from runtime.tagger import Tagger
from runtime.text.label_schemes import LabelSet
from tests.nasty import NASTY, varied_sentences
from tests.tiny import LABELS, tiny_checkpoint


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint(tmp_path_factory.mktemp("tiny") / "model") / "tokenizer.json"


def _tagger(tokenizer: Path, decoding: Decoding) -> Tagger:
    backend = Fake(len(LABELS), lambda ids: ids * 2654435761 % 2**32 % len(LABELS))
    return Tagger(Encoder(tokenizer), LABELS, backend, max_length=32, vocabulary=10**6, decoding=decoding)


@pytest.mark.parametrize("constrained", [False, True])
@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_what_is_joined_is_answered_as_if_it_had_come_alone(
    aggregation: Aggregation, constrained: bool, tokenizer: Path
) -> None:
    if constrained and aggregation != "word":
        pytest.skip("constraints hold between words")
    tagger = _tagger(tokenizer, Decoding(aggregation=aggregation, constrained=constrained))
    reader = tagger.reader
    requests = [varied_sentences(7, seed=1), [], [""], list(NASTY), ["Oslo"], varied_sentences(3, seed=2)]
    tokens = reader.join([reader.tokenize(texts) for texts in requests])
    found = reader.entities(tokens, reader.run(tokens))
    assert found == [entities for texts in requests for entities in tagger.tag(texts)]
    assert list(tokens.texts) == [text for texts in requests for text in texts]
    assert tokens.text_start.tolist() == reader.tokenize(tokens.texts).text_start.tolist()
    assert np.array_equal(tokens.ids, reader.tokenize(tokens.texts).ids)


def test_the_pipeline_reads_no_words(tokenizer: Path) -> None:
    encoder = Encoder(tokenizer)
    runner = BatchRunner(Fake(7, np.zeros_like), encoder.special_tokens, 30, 15, 0, 7)
    with pytest.raises(BugError, match="no strategy 'word': this is a bug"):
        PipelineReader(RawEncoder(tokenizer), runner, LabelSet(LABELS), Decoding())
