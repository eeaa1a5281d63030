"""Reading policies: what the model sees of a text, and that answers depend on the text alone."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from runtime.backends.fake import Fake
from runtime.batch.batches import Batch
from runtime.batch.windowing import Policy, Windowing
from runtime.decode.options import BY_WORD, Decoding
from runtime.encode.tokenizer import Encoder
from runtime.errors import TextError, UsageError
from runtime.tagger import Tagger
from runtime.text.entity import Entity
from runtime.text.sentences import split_sentences
from runtime.text.words import split_words
from tests.tiny import LABELS, TEXT, tiny_checkpoint

MAX_LENGTH = 24
SENTENCES, WINDOWS = Windowing(policy="sentences"), Windowing(policy="windows")
TEXTS = ("Maria Keller flew from Lisbon to Oslo. Nobody was hurt! Why?", "Anna Lund joined. Peter left\n\nOslo", "Oslo")


class Mixing(Fake):
    """A token's label depends on every token of its window, as a model's does; it keeps the windows it was given."""

    def __init__(self, *, streams: int = 1) -> None:
        super().__init__(len(LABELS), lambda ids: ids, layout="packed", streams=streams)
        self.windows: list[tuple[int, ...]] = []

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        labels = np.zeros_like(batch.input_ids)
        for row, segment in itertools.product(range(len(labels)), range(batch.segment_ids.max() + 1)):
            inside = batch.segment_ids[row] == segment
            ids = batch.input_ids[row][inside]
            self.windows += [tuple(ids.tolist())] * bool(len(ids))
            labels[row][inside] = (ids * 2654435761 + ids.sum()) % 2**32 % len(LABELS)
        return np.where(labels[..., None] == np.arange(len(LABELS)), np.float32(5), np.float32(0))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return Encoder(tiny_checkpoint(tmp_path_factory.mktemp("m") / "bert") / "tokenizer.json")


def _short(policy: str) -> Windowing:
    return Windowing(policy=policy, context=4 if policy == "context" else "auto")  # type: ignore[arg-type]


def _tagger(encoder: Encoder, windowing: Windowing, *, decoding: Decoding = BY_WORD, streams: int = 1) -> Tagger:
    backend = Mixing(streams=streams)
    return Tagger(
        encoder, LABELS, backend, max_length=MAX_LENGTH, vocabulary=10**6, windowing=windowing, decoding=decoding
    )


def _windows(tagger: Tagger) -> list[tuple[int, ...]]:
    assert isinstance(tagger.backend, Mixing)
    return sorted(tagger.backend.windows)


def _framed(encoder: Encoder, tokens: Iterable[int]) -> tuple[int, ...]:
    return (*encoder.special_tokens.prefix, *tokens, *encoder.special_tokens.suffix)


def _words_of_sentences(text: str) -> list[list[str]]:
    words = split_words(text)
    inside = ([text[a:b] for a, b in words if start <= a < end] for start, end in split_sentences(text))
    return [found for found in inside if found]


def _tokens(encoder: Encoder, words: Sequence[str]) -> list[int]:
    found: list[int] = encoder.encode_words([words]).ids.tolist()
    return found


def test_each_sentence_is_read_by_itself(encoder: Encoder) -> None:
    tagger = _tagger(encoder, SENTENCES)
    tagger.tag(TEXTS)
    sentences = [words for text in TEXTS for words in _words_of_sentences(text)]
    assert len(sentences) == 7
    assert _windows(tagger) == sorted(_framed(encoder, _tokens(encoder, words)) for words in sentences)


@pytest.mark.parametrize("context", [1, 3, 10, 64])
def test_each_sentence_is_read_with_its_neighbors(encoder: Encoder, context: int) -> None:
    tagger = _tagger(encoder, Windowing(policy="context", context=context))
    text = "Oslo fell. Anna left it. Peter was hurt. Why?"
    tagger.tag([text, "Lisbon"])
    parts = [_tokens(encoder, words) for words in _words_of_sentences(text)]
    everything = list(itertools.chain(*parts))
    ends = list(itertools.accumulate(map(len, parts)))
    expected = [_framed(encoder, _tokens(encoder, ["Lisbon"]))]
    for part, end in zip(parts, ends):
        start, room = end - len(part), MAX_LENGTH - 2 - len(part)
        left, right = min(context, start), min(context, len(everything) - end)
        left = min(left, max(room - right, room // 2))
        right = min(right, room - left)
        expected.append(_framed(encoder, everything[start - left : end + right]))
    assert _windows(tagger) == sorted(expected)


def test_a_text_that_fits_is_read_whole_in_windows(encoder: Encoder) -> None:
    tagger = _tagger(encoder, WINDOWS)
    tagger.tag(["Oslo fell. Anna left it."])
    assert len(_windows(tagger)) == 1


def test_sentences_are_the_default(encoder: Encoder) -> None:
    assert _tagger(encoder, Windowing()).tag(TEXTS) == _tagger(encoder, SENTENCES).tag(TEXTS)


@pytest.mark.parametrize("windowing", [SENTENCES, Windowing(policy="context", context=5), WINDOWS])
def test_one_sentence_gives_what_it_gives_alone(encoder: Encoder, windowing: Windowing) -> None:
    for line in (*TEXT, "Oslo", "", " \n"):
        tagger = _tagger(encoder, windowing)
        expected = tagger.tag_words([[line[start:end] for start, end in split_words(line)]])[0]
        assert [entity.text for entity in tagger.tag([line])[0]] == _entities_of(tagger, line, expected)


def _entities_of(tagger: Tagger, line: str, labels: Sequence[str]) -> list[str]:
    index = np.array([tagger.labels.labels.index(label) for label in labels], np.int64)
    words = split_words(line)
    spans = tagger.labels.spans(index, np.arange(len(index)) == 0)
    return [line[words[s][0] : words[e - 1][1]] for s, e in zip(spans.start.tolist(), spans.end.tolist())]


def test_a_sentence_longer_than_the_model_is_read_in_windows(encoder: Encoder) -> None:
    long = "Oslo and Lisbon and Nairobi " * 20
    tagger = _tagger(encoder, SENTENCES)
    tagger.tag([f"Anna left. {long}. Peter came."])
    sizes = [len(window) for window in _windows(tagger)]
    assert max(sizes) == MAX_LENGTH
    assert sizes.count(MAX_LENGTH) > 4
    assert _framed(encoder, _tokens(encoder, ["Anna", "left", "."])) in _windows(tagger)


def test_no_entity_reaches_over_the_end_of_a_sentence(encoder: Encoder) -> None:
    everywhere = Fake(len(LABELS), lambda ids: np.full_like(ids, LABELS.index("I-LOC")))
    tagger = Tagger(encoder, LABELS, everywhere, max_length=MAX_LENGTH, vocabulary=10**6)
    found = tagger.tag(["Anna left. Oslo fell!\n\nLisbon"])[0]
    assert [entity.text for entity in found] == ["Anna left.", "Oslo fell!", "Lisbon"]


def test_texts_in_the_pipelines_way_are_read_whole(encoder: Encoder) -> None:
    first = Decoding(aggregation="first")
    assert _tagger(encoder, Windowing(), decoding=first).tag(TEXTS) == _tagger(encoder, WINDOWS, decoding=first).tag(
        TEXTS
    )
    with pytest.raises(UsageError, match="reading: sentences, and aggregation 'first' reads texts whole"):
        _tagger(encoder, SENTENCES, decoding=first)


def test_a_context_that_is_asked_for_is_read(encoder: Encoder) -> None:
    asked = _tagger(encoder, Windowing(context=5))
    assert asked.in_context
    assert asked.tag(TEXTS) == _tagger(encoder, Windowing(policy="context", context=5)).tag(TEXTS)
    with pytest.raises(UsageError, match="reading: context, and aggregation 'first' reads texts whole"):
        _tagger(encoder, Windowing(context=5), decoding=Decoding(aggregation="first"))


@pytest.mark.parametrize("policy", ["sentences", "windows"])
def test_a_policy_without_context_refuses_one(policy: Policy) -> None:
    problem = f"context: 5 tokens, and reading by {policy} takes none; read in context, or leave the number of tokens"
    with pytest.raises(UsageError, match=problem):
        Windowing(policy=policy, context=5)


@pytest.mark.parametrize("wrong", [{"policy": "lines"}, {"policy": "context", "context": 0}])
def test_policies_that_there_are_not(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=r"reading: unknown: 'lines'; choose one of auto, sen|context: 0 tokens"):
        Windowing(**wrong)  # type: ignore[arg-type]


_ANY = st.lists(
    st.one_of(
        st.sampled_from([word for line in TEXT for word in line.split()]),
        st.sampled_from([". ", ".", "! ", "\n", "\n\n", " ", "\u3002", "1. ", "2. ", "U.S. ", "\ud800"]),
        st.text(st.characters(exclude_categories=()), max_size=6),
    ),
    max_size=25,
).map("".join)  # fmt: skip


def _assert_sound(text: str, entities: Sequence[Entity]) -> None:
    end = 0
    for entity in entities:
        assert end <= entity.start < entity.end <= len(text)
        assert text[entity.start : entity.end] == entity.text
        end = entity.end


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    texts=st.lists(_ANY, max_size=4), policy=st.sampled_from(["sentences", "context", "windows"]), bound=st.booleans()
)
def test_answers_depend_on_the_text_alone(encoder: Encoder, texts: list[str], policy: str, bound: bool) -> None:
    windowing = _short(policy)
    decoding = Decoding(constrained=bound)
    together = _tagger(encoder, windowing, decoding=decoding).tag(texts)
    for text, entities in zip(texts, together, strict=True):
        _assert_sound(text, entities)
    busy = _tagger(encoder, windowing, decoding=decoding, streams=2)
    assert together == list(busy.stream(iter(texts), chunk=1))
    assert together[::-1] == list(busy.stream(texts[::-1], chunk=2))
    assert together == [busy.tag([text])[0] for text in texts]


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts=st.lists(_ANY, max_size=4))
def test_any_text_is_read_sentence_by_sentence(encoder: Encoder, texts: list[str]) -> None:
    tagger = _tagger(encoder, SENTENCES)
    tagger.tag(texts)
    sentences = [_tokens(encoder, words) for text in texts for words in _words_of_sentences(text)]
    fitting = [_framed(encoder, tokens) for tokens in sentences if 0 < len(tokens) <= MAX_LENGTH - 2]
    if len(fitting) == sum(bool(tokens) for tokens in sentences):
        assert _windows(tagger) == sorted(fitting)


def test_a_long_text_is_read_in_sections_as_it_is_as_a_whole(encoder: Encoder) -> None:
    rule = Fake(len(LABELS), lambda ids: ids * 2654435761 % 2**32 % len(LABELS))

    def tagger(windowing: Windowing) -> Tagger:
        return Tagger(encoder, LABELS, rule, max_length=MAX_LENGTH, vocabulary=10**6, windowing=windowing)

    text = " ".join(TEXT) * 350  # some 120,000 code points
    by_section = tagger(SENTENCES)
    [found] = by_section.tag([text])
    assert len(found) > 1000
    _assert_sound(text, found)
    assert list(by_section.entities(text)) == found
    assert by_section.tag(["Oslo", text, "Lisbon"])[1] == found
    # Here a token has its label whatever stands beside, so that a sentence's last word tells where it was cut.
    context = tagger(Windowing(policy="context", context=2))
    assert context.tag([text]) == [found]
    assert list(context.entities(text)) == found


def test_a_long_text_is_refused_where_a_sentence_is_too_long(encoder: Encoder) -> None:
    text = "Oslo fell. " * 9500 + "Oslo and Lisbon " * 20 + ". Anna left."
    tagger = _tagger(encoder, Windowing(policy="sentences", long="error"))
    answers = tagger.stream(["Oslo", text])
    next(answers)
    with pytest.raises(TextError, match=r"text 2: \d+ tokens, this model takes 22 at once"):
        next(answers)


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts=st.lists(st.sampled_from(TEXTS), max_size=6), policy=st.sampled_from(["sentences", "context", "windows"]))
def test_sentences_that_come_again_are_answered_once_and_alike(encoder: Encoder, texts: list[str], policy: str) -> None:
    windowing = _short(policy)
    backend = Mixing()
    remembering = Tagger(
        encoder, LABELS, backend, max_length=MAX_LENGTH, vocabulary=10**6, windowing=windowing, remember=100
    )
    twice = remembering.tag(texts), remembering.tag(texts)
    assert twice == (_tagger(encoder, windowing).tag(texts),) * 2
    if policy == "sentences":
        assert len(backend.windows) == len(set(backend.windows))
        assert remembering.repeats.asked == 2 * sum(len(split_sentences(text)) for text in texts)
