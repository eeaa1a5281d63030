"""Any text at all: never a crash, offsets that hold, and answers that depend on nothing but the text."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from runtime.backends.fake import Fake
from runtime.bundle.certificate import Wanted
from runtime.decode.options import STRATEGIES, Decoding
from runtime.encode.tokenizer import Encoder
from runtime.tagger import Tagger
from runtime.text.entity import Entity
from tests.nasty import NASTY
from tests.tiny import LABELS, TEXT, tiny_checkpoint

MAX_LENGTH = 24
WORDS = sorted({word for line in TEXT for word in line.split()})
FRAGMENTS = (
    *(
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\U0001f1f3\U0001f1f4",
        "\u2764\ufe0f",
        "e\u0301",
        "\u0301\u0302",
        "\u200b",
    ),
    *(
        "\ud800",
        "\udfff",
        "\udc80",
        "\ud83d\ude00",
        "\r\n",
        "\t",
        "\x00",
        "\u202e",
        "\u05d0\u05d1",
        "\u0645\u0631",
        "\u4e2d\u6587",
    ),
    *(
        "\ufeff",
        "\u00a0",
        "\u3000",
        "\u2028",
        "\u00ad",
        "##",
        "[SEP]",
        "<s>",
        "</s>",
        "\u2581",
        "\u0120",
        "U.S.",
        "J.",
        "'s",
        "...",
    ),
    *(" ", " ", " ", "  "),
)
ANYTHING = st.text(st.characters(exclude_categories=()), max_size=8)
TOKENS = st.lists(st.one_of(st.sampled_from(WORDS), st.sampled_from(FRAGMENTS), ANYTHING), max_size=8)
TEXTS = st.lists(TOKENS.map("".join), max_size=3)


def _rule(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Labels as good as random, but the same for the same token: entities everywhere."""
    return ids * 2654435761 % 2**32 % len(LABELS)


def _tagger(folder: Path, decoding: Decoding) -> Tagger:
    backend = Fake(len(LABELS), _rule)
    encoder = Encoder(folder / "tokenizer.json")
    return Tagger(encoder, LABELS, backend, max_length=MAX_LENGTH, vocabulary=10**6, decoding=decoding)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    kinds = ("bert", "roberta", "xlm-roberta")
    return [tiny_checkpoint(tmp_path_factory.mktemp("m") / kind, architecture=kind) for kind in kinds]


@pytest.fixture(scope="module")
def by_words(folders: list[Path]) -> list[Tagger]:
    return [_tagger(folder, Decoding(constrained=constrained)) for folder in folders for constrained in (False, True)]


@pytest.fixture(scope="module")
def by_tokens(folders: list[Path]) -> list[Tagger]:
    return [_tagger(folder, Decoding(aggregation=strategy)) for folder in folders for strategy in STRATEGIES]


def _assert_offsets_hold(text: str, entities: Sequence[Entity]) -> None:
    end = 0
    for entity in entities:
        assert end <= entity.start < entity.end <= len(text)
        assert text[entity.start : entity.end] == entity.text
        assert entity.text.strip() == entity.text
        assert 0 < entity.score <= 1
        end = entity.end


def _check_words(tagger: Tagger, texts: list[str]) -> None:
    together = tagger.tag(texts)
    for text, entities in zip(texts, together, strict=True):
        _assert_offsets_hold(text, entities)
    assert together == list(tagger.stream(iter(texts), chunk=1))
    assert together[::-1] == list(tagger.stream(texts[::-1], chunk=2))


def _check_tokens(tagger: Tagger, texts: list[str]) -> None:
    together = tagger.tag(texts)
    for text, entities in zip(texts, together, strict=True):
        assert all(text[entity.start : entity.end] == entity.text for entity in entities)
        assert [entity.start for entity in entities] == sorted(entity.start for entity in entities)
    assert together == [tagger.tag([text])[0] for text in texts]


_relaxed = settings(deadline=None, suppress_health_check=list(HealthCheck))


@settings(_relaxed, max_examples=1600)
@given(texts=TEXTS, choice=st.integers(0, 5))
def test_any_text_is_tagged_and_offsets_hold(by_words: list[Tagger], texts: list[str], choice: int) -> None:
    _check_words(by_words[choice], texts)


@settings(_relaxed, max_examples=400)
@given(texts=TEXTS, choice=st.integers(0, 14))
def test_any_text_is_tagged_as_the_pipeline_would(by_tokens: list[Tagger], texts: list[str], choice: int) -> None:
    _check_tokens(by_tokens[choice], texts)


@pytest.mark.slow
@settings(_relaxed, max_examples=80_000)
@given(texts=TEXTS, choice=st.integers(0, 5))
def test_many_more_texts(by_words: list[Tagger], texts: list[str], choice: int) -> None:
    _check_words(by_words[choice], texts)


@pytest.mark.slow
@settings(_relaxed, max_examples=20_000)
@given(texts=TEXTS, choice=st.integers(0, 14))
def test_many_more_texts_by_tokens(by_tokens: list[Tagger], texts: list[str], choice: int) -> None:
    _check_tokens(by_tokens[choice], texts)


@pytest.mark.parametrize("number", range(6))
def test_nasty_texts(by_words: list[Tagger], number: int) -> None:
    _check_words(by_words[number], [*NASTY, "".join(NASTY), "\n".join(NASTY[::-1])])


def _spans(found: Sequence[Sequence[Entity]]) -> list[list[tuple[str, int, int]]]:
    return [[(entity.label, entity.start, entity.end) for entity in entities] for entities in found]


def _scores(found: Sequence[Sequence[Entity]]) -> list[float]:
    return [entity.score for entities in found for entity in entities]


def test_a_real_engine_answers_alike_whatever_stands_beside(tiny_bundle: Path) -> None:
    # Floats are summed in another order with other neighbors and threads: scores differ in the sixth digit.
    def tagger(threads: int) -> Tagger:
        return Tagger.open(tiny_bundle, candidate=Wanted(backend="onnxruntime", precision="fp32"), threads=threads)

    chance = random.Random(11)
    texts = [*NASTY, *("".join(chance.choices((*WORDS, *FRAGMENTS), k=chance.randint(1, 40))) for _ in range(150))]
    expected = tagger(1).tag(texts)
    for text, entities in zip(texts, expected, strict=True):
        _assert_offsets_hold(text, entities)
    two = tagger(2)
    shuffled = chance.sample(range(len(texts)), len(texts))
    in_place: list[list[Entity]] = [[] for _ in texts]
    for number, entities in zip(shuffled, two.stream((texts[number] for number in shuffled), chunk=7)):
        in_place[number] = entities
    for found in (in_place, [entities for text in texts for entities in two.tag([text])]):
        assert _spans(found) == _spans(expected)
        np.testing.assert_allclose(_scores(found), _scores(expected), atol=1e-5)
