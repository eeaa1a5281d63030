"""Words become the tokens that transformers makes of pre-tokenised text, whatever the tokenizer."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import transformers as hf

from runtime.encode.tokenizer import FEW, LONGEST_KNOWN, Encoded, Encoder
from runtime.encode.word_pieces import MOST_KNOWN
from runtime.errors import BundleError
from runtime.text.words import RUN, split_words
from tests.nasty import NASTY, varied_sentences
from tests.tiny import tiny_checkpoint

ARCHITECTURES = ("bert", "roberta", "xlm-roberta")


@pytest.fixture(scope="module", params=ARCHITECTURES)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint(tmp_path_factory.mktemp("model") / "model", architecture=request.param, positions=512)


def _tokens(encoded: Encoded, number: int) -> tuple[list[int], list[int]]:
    """Ids of one text, and the first token of each of its words, counted within it."""
    start, end = encoded.text_start[number : number + 2]
    first, last = encoded.word_start[number : number + 2]
    token = encoded.first_token[first:last]
    return encoded.ids[start:end].tolist(), np.where(token >= 0, token - start, -1).tolist()


def _expected(tokenizer: hf.PreTrainedTokenizerBase, words: Sequence[str]) -> tuple[list[int], list[int]]:
    encoded = tokenizer(list(words), is_split_into_words=True, add_special_tokens=False, verbose=False)
    word_ids = encoded.word_ids()
    return list(encoded["input_ids"]), [word_ids.index(word) if word in word_ids else -1 for word in range(len(words))]


def test_tokens_are_those_of_transformers(checkpoint: Path) -> None:
    tokenizer = hf.AutoTokenizer.from_pretrained(checkpoint, add_prefix_space=True)
    sentences = [[text[a:b] for a, b in split_words(text)] for text in [*NASTY, *varied_sentences(60, seed=1)]]
    sentences += [[], ["\u200b"], ["New York", "\u0301"], ["\u00ad", "a b c"]]
    encoded = Encoder(checkpoint / "tokenizer.json").encode_words(sentences)
    for number, words in enumerate(sentences):
        if words:
            assert _tokens(encoded, number) == _expected(tokenizer, words), words


def test_texts_are_encoded_as_their_words(checkpoint: Path) -> None:
    encoder = Encoder(checkpoint / "tokenizer.json")
    texts = ["", *NASTY, *varied_sentences(60, seed=2), " "]
    spans = [split_words(text) for text in texts]
    words = [[text[start:end] for start, end in found] for text, found in zip(texts, spans)]
    by_text, bounds = encoder.encode_texts(texts)
    by_word = encoder.encode_words(words)
    for name in ("ids", "text_start", "word_start", "first_token"):
        np.testing.assert_array_equal(getattr(by_text, name), getattr(by_word, name))
    assert bounds.tolist() == [list(span) for found in spans for span in found]


def test_few_new_words_have_the_tokens_that_many_have(checkpoint: Path) -> None:
    words = [*dict.fromkeys(word for text in [*NASTY, *varied_sentences(600, seed=3)] for word in text.split())]
    few, many = Encoder(checkpoint / "tokenizer.json"), Encoder(checkpoint / "tokenizer.json")
    at_once = many.tokens_of_words(words)
    assert len(words) > FEW
    assert [few.tokens_of_words([word])[0] for word in words] == at_once


# What a text costs must not depend on when the system wakes other threads.
THREADS = """
import os, sys
from pathlib import Path
from runtime.encode.tokenizer import FEW, Encoder
encoder = Encoder(Path(sys.argv[1]))
encoder.tokens_of_words(["\u00f6l"])
before = len(os.listdir("/proc/self/task"))
encoder.tokens_of_words([f"\u00f6l{number}" for number in range(FEW)])
print(len(os.listdir("/proc/self/task")) - before)
"""


def test_few_new_words_start_no_thread(checkpoint: Path) -> None:
    command = [sys.executable, "-c", THREADS, str(checkpoint / "tokenizer.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


def test_texts_longer_than_a_block_lose_nothing(checkpoint: Path) -> None:
    encoder = Encoder(checkpoint / "tokenizer.json")
    short = "Maria Keller flew from Lisbon to Oslo , said John . "
    long = short * (RUN // 5)
    encoded, bounds = encoder.encode_texts([short, long, short])
    ids, words = _tokens(encoded, 0)
    again = RUN // 5
    assert _tokens(encoded, 1)[0] == ids * again
    assert _tokens(encoded, 1)[1] == [word + len(ids) * one for one in range(again) for word in words]
    assert _tokens(encoded, 2) == (ids, words)
    assert "".join(long[start:end] for start, end in bounds[len(words) : -len(words)]) == long.replace(" ", "")


def test_halves_of_surrogate_pairs_are_taken_as_the_replacement_character(checkpoint: Path) -> None:
    encoder = Encoder(checkpoint / "tokenizer.json")
    broken, whole = encoder.encode_words([["a\ud800b"]]), encoder.encode_words([["a\ufffdb"]])
    assert broken.ids.tolist() == whole.ids.tolist()


def test_no_texts(checkpoint: Path) -> None:
    encoder = Encoder(checkpoint / "tokenizer.json")
    encoded, bounds = encoder.encode_texts([])
    assert (encoded.ids.shape, encoded.text_start.tolist(), bounds.shape) == ((0,), [0], (0, 2))
    assert encoder.encode_words([]).word_start.tolist() == [0]
    assert encoder.encode_words([[], []]).text_start.tolist() == [0, 0, 0]


def test_long_words_are_not_kept(checkpoint: Path) -> None:
    encoder = Encoder(checkpoint / "tokenizer.json")
    words = ["Oslo", "x" * (LONGEST_KNOWN + 1), "Oslo"]
    first, again = encoder.encode_words([words]), encoder.encode_words([words])
    assert first.ids.tolist() == again.ids.tolist()
    assert set(encoder._known) == {"Oslo"}


def test_many_threads_get_what_one_gets(checkpoint: Path) -> None:
    texts = varied_sentences(300, seed=3)
    expected = Encoder(checkpoint / "tokenizer.json").encode_texts(texts)[0].ids.tolist()
    encoder = Encoder(checkpoint / "tokenizer.json")
    found: list[list[int]] = []
    threads = [
        threading.Thread(target=lambda: found.append(encoder.encode_texts(texts)[0].ids.tolist())) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 8


def test_a_file_that_is_no_tokenizer(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(BundleError, match="not a tokenizer"):
        Encoder(tmp_path / "tokenizer.json")


def _word_level(folder: Path, **changes: object) -> Path:
    """A tokenizer.json of three tokens."""
    special = {"[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]}}
    parts = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    framed = {"type": "TemplateProcessing", "single": parts, "pair": parts, "special_tokens": special}
    model = {"type": "WordLevel", "vocab": {"[UNK]": 0, "[CLS]": 1, "Oslo": 2}, "unk_token": "[UNK]"}
    value = {"version": "1.0", "added_tokens": [], "post_processor": framed, "model": model, **changes}
    file = folder / "tokenizer.json"
    file.write_text(json.dumps(value))
    return file


def test_the_largest_id_counts_special_tokens_whatever_the_vocabulary_says(tmp_path: Path) -> None:
    assert Encoder(_word_level(tmp_path)).largest_id == 2
    parts = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    special = {"[CLS]": {"id": "[CLS]", "ids": [77], "tokens": ["[CLS]"]}}
    beyond = {"type": "TemplateProcessing", "single": parts, "pair": parts, "special_tokens": special}
    assert Encoder(_word_level(tmp_path, post_processor=beyond)).largest_id == 77


def test_a_tokenizer_that_breaks_only_when_it_is_used_is_named(tmp_path: Path) -> None:
    no_unknown = {"type": "WordLevel", "vocab": {"[CLS]": 1, "a": 2}, "unk_token": "[UNK]"}
    encoder = Encoder(_word_level(tmp_path, model=no_unknown))
    with pytest.raises(BundleError, match=r"tokenizer\.json: not a tokenizer .*the checkpoint's"):
        encoder.encode_words([["Oslo"]])


def test_words_that_are_kept_are_bounded_and_forgetting_them_changes_nothing(tmp_path: Path) -> None:
    encoder = Encoder(_word_level(tmp_path))
    for start in range(0, MOST_KNOWN, 50_000):
        encoder.tokens_of_words([f"w{number}" for number in range(start, start + 50_000)])
        assert len(encoder._known) <= MOST_KNOWN
    assert encoder.tokens_of_words(["Oslo", "w0", "Oslo"]) == [(2,), (0,), (2,)]
    assert len(encoder._known) == 2
