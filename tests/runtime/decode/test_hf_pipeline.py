"""The five aggregation strategies give what transformers' pipeline gives; where it is wrong, the default is right."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers as hf
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, processors
from transformers.pipelines.token_classification import AggregationStrategy

from runtime.backends.fake import Fake
from runtime.backends.pytorch_reference import PyTorch
from runtime.decode.hf_pipeline import disjoint, entities_from_tokens
from runtime.decode.options import AGGREGATIONS, STRATEGIES, Aggregation, Decoding, Strategy
from runtime.encode.hf_pipeline import RawTokens
from runtime.encode.tokenizer import Encoder
from runtime.errors import UsageError
from runtime.readers import PipelineReader
from runtime.tag.input.item import Item, as_words
from runtime.tag.output.html_page import Page
from runtime.tagger import Tagger
from runtime.text.answer import Answer
from runtime.text.conll import read_conll
from runtime.text.entity import Entity
from runtime.text.label_schemes import LabelSet
from tests.nasty import NASTY, varied_sentences
from tests.tiny import LABELS, tiny_checkpoint

ROOT = Path(__file__).parents[3]
POSITIONS = 512
Found = tuple[str, int, int, float]
MIXED = ("O", "B-LOC", "I-LOC", "S-ORG", "E-PER", "time-of-day", "I-PER", "B-", "LOC")
"""Labels that no scheme would mix: the pipeline has an answer for each of them."""


class Reference:
    """transformers' pipeline on a checkpoint: one forward pass a text, every strategy's answer from it."""

    def __init__(self, checkpoint: Path, tokenizer: hf.PreTrainedTokenizerFast | None = None) -> None:
        tokenizer = tokenizer or hf.AutoTokenizer.from_pretrained(checkpoint)
        model = hf.AutoModelForTokenClassification.from_pretrained(checkpoint)
        self.labels = [str(model.config.id2label[index]) for index in range(model.config.num_labels)]
        self._pipe = hf.pipeline("token-classification", model=model, tokenizer=tokenizer, device="cpu")

    def answers(self, text: str, strategies: Sequence[str] = STRATEGIES) -> dict[str, list[Found]]:
        """All groups, as with `ignore_labels=[]`."""
        with warnings.catch_warnings():  # it warns that its words are guesses
            warnings.simplefilter("ignore")
            inputs = list(self._pipe.preprocess(text, is_split_into_words=False))
            outputs = [self._pipe.forward(one) for one in inputs]
            return {
                strategy: [
                    (
                        entity.get("entity_group") or entity.get("entity") or "",
                        entity["start"],
                        entity["end"],
                        float(entity["score"]),
                    )
                    for entity in self._pipe.postprocess(outputs, AggregationStrategy(strategy), [])
                ]
                for strategy in strategies
            }


def lively(checkpoint: Path) -> Path:
    """Random weights say much the same of every token; louder ones make every label win somewhere."""
    file = checkpoint / "model.safetensors"
    weights = load_file(file)
    loud = {
        name: tensor * 40 if "classifier" in name and tensor.dim() == 2 else tensor for name, tensor in weights.items()
    }
    save_file(loud, file, metadata={"format": "pt"})
    return checkpoint


def _tagger(checkpoint: Path, aggregation: Aggregation, labels: Sequence[str]) -> Tagger:
    backend = PyTorch(checkpoint, threads=torch.get_num_threads())
    return Tagger(
        Encoder(checkpoint / "tokenizer.json"),
        labels,
        backend,
        max_length=POSITIONS,
        vocabulary=10**6,
        decoding=Decoding(aggregation=aggregation),
    )


def _groups(tagger: Tagger, texts: Sequence[str], *, alone: bool = False) -> list[list[Entity]]:
    """What the pipeline gives with `ignore_labels=[]`, of texts together or one by one."""
    reader = tagger.reader
    assert isinstance(reader, PipelineReader)
    parts = [[text] for text in texts] if alone else [texts]
    tokens = map(reader.tokenize, parts)
    return [found for each in tokens for found in reader.groups(each, reader.run(each))]


def _disjoint(found: Sequence[Found]) -> list[Found]:
    """Entities alone, each without what one before it has, by characters."""
    taken: set[int] = set()
    kept = []
    for label, start, end, score in found:
        own = sorted({*range(start, end)} - taken)
        if label != "O" and own:
            kept.append((label, own[0], end, score))
            taken |= {*own}
    return kept


def _found(entities: Sequence[Entity]) -> list[Found]:
    return [(entity.label, entity.start, entity.end, entity.score) for entity in entities]


def _assert_same(texts: Sequence[str], expected: Sequence[Sequence[Found]], found: Sequence[Sequence[Entity]]) -> None:
    for text, theirs, ours in zip(texts, expected, map(_found, found), strict=True):
        assert [entity[:3] for entity in ours] == [entity[:3] for entity in theirs], repr(text)
        np.testing.assert_allclose([e[3] for e in ours], [e[3] for e in theirs], rtol=0, atol=1e-4, err_msg=repr(text))


@pytest.mark.parametrize(("architecture", "labels"), [("bert", LABELS), ("roberta", MIXED), ("xlm-roberta", LABELS)])
def test_all_strategies_equal_the_pipeline(architecture: str, labels: tuple[str, ...], tmp_path: Path) -> None:
    made = tiny_checkpoint(tmp_path / "model", architecture=architecture, labels=labels, positions=POSITIONS, seed=3)
    checkpoint = lively(made)
    reference = Reference(checkpoint)
    texts = [*NASTY, *varied_sentences(160, seed=5)]
    answers = [reference.answers(text) for text in texts]
    for strategy in STRATEGIES:
        tagger = _tagger(checkpoint, strategy, labels)
        _assert_same(texts, [answer[strategy] for answer in answers], _groups(tagger, texts))
        # The tagger's own promise: in order, disjoint, not empty. The pipeline's answers are not, for some texts.
        _assert_same(texts, [_disjoint(answer[strategy]) for answer in answers], tagger.tag(texts))
    seen = {entity[0] for answer in answers for entity in answer["none"]}
    assert len(seen) >= len(labels) - 2, f"the model is too quiet to test much: {seen}"


def test_no_texts_and_texts_without_tokens(tmp_path: Path) -> None:
    checkpoint = tiny_checkpoint(tmp_path / "model")
    for strategy in STRATEGIES:
        tagger = _tagger(checkpoint, strategy, LABELS)
        assert tagger.tag([]) == []
        assert tagger.tag(["", "  ", "\u200b"]) == [[], [], []]


@pytest.mark.slow
def test_all_strategies_equal_the_pipeline_on_real_text(conll: Path) -> None:
    checkpoint = ROOT / "build" / "conll-minilm"
    if not (checkpoint / "model.safetensors").is_file():
        pytest.skip(f"there is no trained checkpoint at {checkpoint}")
    _assert_same_on_real_text(checkpoint, conll / "valid.txt")


def _assert_same_on_real_text(checkpoint: Path, file: Path) -> None:
    texts = [*NASTY, *(" ".join(sentence.words) for sentence in read_conll(file))]
    reference = Reference(checkpoint)
    answers = [reference.answers(text) for text in texts]
    for strategy in STRATEGIES:
        # One text at a time, as the pipeline runs them. Beside others, the last digits of the logits change, and with
        # them a label that leads by no more than that: in one text of 3,296 with a random classifier, by 4e-7.
        found = _groups(_tagger(checkpoint, strategy, reference.labels), texts, alone=True)
        _assert_same(texts, [answer[strategy] for answer in answers], found)


# Below: what the pipeline is known to get wrong, each beside the default's answer. The engine is a fake that labels
# tokens as told, so that only the aggregation can be right or wrong.


class Told:
    """A tagger and a pipeline's post-processing over one tokenizer and one labelling of tokens."""

    def __init__(
        self, folder: Path, architecture: str, labels: tuple[str, ...], change: processors.ByteLevel | None = None
    ) -> None:
        self.checkpoint = tiny_checkpoint(folder, architecture=architecture, labels=labels)
        file = self.checkpoint / "tokenizer.json"
        self.tokenizer = Tokenizer.from_file(str(file))
        if change is not None:
            self.tokenizer.post_processor = change
            self.tokenizer.save(str(file))
        self.labels = labels

    def tag(
        self, text: str, labelled: dict[str, str], aggregation: Aggregation, max_length: int = 64
    ) -> list[tuple[str, str]]:
        """(label, text) of each entity; `labelled` gives tokens, by their text in the vocabulary, their labels."""
        found = self.entities(text, labelled, Decoding(aggregation=aggregation), max_length)
        return [(entity.label, entity.text) for entity in found]

    def entities(self, text: str, labelled: dict[str, str], decoding: Decoding, max_length: int = 64) -> list[Entity]:
        """The same as entities."""
        label = np.zeros(10**4, np.int64)
        for token, name in labelled.items():
            number = self.tokenizer.token_to_id(token)
            assert number is not None, f"no token {token!r}"
            label[number] = self.labels.index(name)
        tagger = Tagger(
            Encoder(self.checkpoint / "tokenizer.json"),
            self.labels,
            Fake(len(self.labels), lambda ids: label[ids]),
            max_length=max_length,
            vocabulary=10**6,
            decoding=decoding,
        )
        return tagger.tag([text])[0]


def test_two_tokens_of_one_character_are_one_entity_that_html_shows_once(tmp_path: Path) -> None:
    """An emoji is several byte-level tokens; of each the pipeline made an entity with the same characters."""
    told = Told(tmp_path / "m", "roberta", BIO)
    text = "\U0001f3e6"
    tokens = told.tokenizer.encode(text, add_special_tokens=False).tokens
    labelled = {token: ("B-ORG", "B-LOC")[number % 2] for number, token in enumerate(tokens)}
    assert len(tokens) > 2
    for aggregation in ("none", "simple"):
        found = told.entities(text, labelled, Decoding(aggregation=aggregation))
        assert len(found) == 1
        item = Item(file="x", line=1, kind="text", text=text)
        page = Page(LabelSet(BIO)).entry(item, Answer(found)).decode()
        assert re.sub("<b>.*?</b>|<[^>]*>", "", page).strip() == text


def test_what_lies_outside_of_entities_is_given_where_it_is_asked_for(tmp_path: Path) -> None:
    """As `ignore_labels=[]` of the pipeline; written as CoNLL it is outside, as it was."""
    told = Told(tmp_path / "m", "bert", BIO)
    found = told.entities("the Oslo line", {"Oslo": "B-LOC"}, Decoding(aggregation="first", outside=True))
    assert [(entity.label, entity.text) for entity in found] == [("O", "the"), ("LOC", "Oslo"), ("O", "line")]
    item = Item(file="x", line=1, kind="text", text="the Oslo line")
    assert as_words(item, Answer(found))[1] == ["O", "B-LOC", "O"]
    with pytest.raises(UsageError, match="outside: aggregation 'word'"):
        Decoding(outside=True)


def test_what_is_outside_takes_no_character_from_an_entity() -> None:
    """Two tokens of a byte-level tokenizer can share one: asked for "O", too, an entity lost it, or was gone."""
    text = "née Orr"
    places = [("O", 0, 2), ("PER", 1, 3), ("O", 2, 4), ("O", 3, 6), ("LOC", 5, 6), ("O", 6, 6)]
    found = [Entity(label, text[start:end], start, end, 1.0) for label, start, end in places]
    told = disjoint(found)
    assert [entity for entity in told if entity.label != "O"] == disjoint([e for e in found if e.label != "O"])
    assert [(e.label, e.start, e.end) for e in told] == [
        ("O", 0, 1),
        ("PER", 1, 3),
        ("O", 3, 4),
        ("O", 4, 5),
        ("LOC", 5, 6),
    ]
    assert all(entity.text == text[entity.start : entity.end] for entity in told)


def test_padding_is_no_entity_of_a_tagger(tmp_path: Path) -> None:
    """kamalkraj/BERT-NER #9: the pipeline gives X and [SEP] as entities."""
    told = Told(tmp_path / "m", "bert", ("O", "B-LOC", "I-LOC", "X", "[SEP]"))
    labelled = {"Oslo": "B-LOC", "river": "X", "the": "[SEP]"}
    for aggregation in AGGREGATIONS:
        found = told.entities("the Oslo river", labelled, Decoding(aggregation=aggregation))
        assert [entity.text for entity in found] == ["Oslo"]


BIO = ("O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER")


def test_words_at_punctuation_are_whole(tmp_path: Path) -> None:
    # transformers#11887, #27876: with WordPiece every hyphen is a word, and splits the entity around it.
    told = Told(tmp_path / "m", "bert", BIO)
    labelled = {"Oslo": "B-LOC", "Lisbon": "O"}
    assert told.tag("the Oslo-Lisbon line", {**labelled, ".": "O"}, "first") == [("LOC", "Oslo")]
    assert told.tag("the Oslo-Lisbon line", labelled, "word") == [("LOC", "Oslo-Lisbon")]


def test_full_stop_is_no_part_of_an_entity(tmp_path: Path) -> None:
    # transformers#18738, #27876: without a prefix, whatever has no blank between is one word, punctuation too.
    told = Told(tmp_path / "m", "roberta", BIO)
    labelled = {"\u0120Oslo": "B-LOC"}
    assert told.tag("In Oslo, today", labelled, "first") == [("LOC", "Oslo,")]
    assert told.tag("In Oslo, today", labelled, "word") == [("LOC", "Oslo")]


def test_entity_does_not_begin_with_a_blank(tmp_path: Path) -> None:
    # transformers#18111: tokens that own the blank before them hand it on to the entity.
    untrimmed = Told(tmp_path / "b", "roberta", BIO, processors.ByteLevel(trim_offsets=False))
    assert untrimmed.tag("In Oslo today", {"\u0120Oslo": "B-LOC"}, "simple") == [("LOC", " Oslo")]
    assert untrimmed.tag("In Oslo today", {"\u0120Oslo": "B-LOC"}, "word") == [("LOC", "Oslo")]


def test_tokens_that_disagree_do_not_split_a_word(tmp_path: Path) -> None:
    # transformers#23322, #27876: every B, inside a word too, begins an entity.
    told = Told(tmp_path / "m", "bert", BIO)
    tokens = told.tokenizer.encode("Harbourbank", add_special_tokens=False).tokens
    assert len(tokens) > 1
    labelled = dict.fromkeys(tokens, "B-ORG")
    assert len(told.tag("Harbourbank", labelled, "simple")) == len(tokens)
    assert told.tag("Harbourbank", labelled, "word") == [("ORG", "Harbourbank")]


def test_entities_of_iobes_are_whole(tmp_path: Path) -> None:
    told = Told(tmp_path / "m", "bert", ("O", "B-PER", "I-PER", "E-PER", "S-PER"))
    labelled = {"Maria": "B-PER", "Keller": "E-PER"}
    assert told.tag("Maria Keller", labelled, "simple") == [("PER", "Maria"), ("PER", "Keller")]
    assert told.tag("Maria Keller", labelled, "word") == [("PER", "Maria Keller")]


@pytest.mark.parametrize("aggregation", ["word", "simple", "first", "average", "max"])
def test_entity_at_a_window_border_is_neither_cut_nor_doubled(aggregation: Aggregation, tmp_path: Path) -> None:
    told = Told(tmp_path / "m", "bert", BIO)
    text = "the river " * 12 + "Maria Keller " * 2 + "the river " * 12
    labelled = {"Maria": "B-PER", "Keller": "I-PER"}
    for max_length in range(6, 20):
        expected = [("PER", "Maria Keller")] * 2
        assert told.tag(text, labelled, aggregation, max_length=max_length) == expected


def test_pipeline_with_stride_cuts_an_entity_at_a_window_border(tmp_path: Path) -> None:
    # What the pipeline does with long texts: windows that do not overlap halve an entity. Ours, above, does not.
    checkpoint = tiny_checkpoint(tmp_path / "m", labels=("O", "I-PER"), positions=12)
    weights = load_file(checkpoint / "model.safetensors")
    weights["classifier.bias"] = torch.tensor([0.0, 9.0])
    save_file(weights, checkpoint / "model.safetensors", metadata={"format": "pt"})
    pipe = hf.pipeline(
        "token-classification", model=str(checkpoint), aggregation_strategy="simple", stride=0, device="cpu"
    )
    text = "Maria Keller " * 8
    assert len(pipe(text)) > 1
    tagger = Tagger(
        Encoder(checkpoint / "tokenizer.json"),
        ("O", "I-PER"),
        PyTorch(checkpoint, threads=torch.get_num_threads()),
        max_length=12,
        vocabulary=10**6,
    )
    assert [entity.text for entity in tagger.tag([text])[0]] == [text.strip()]


def test_max_takes_the_first_of_equally_sure_tokens() -> None:
    probabilities = np.array([[0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.3, 0.3, 0.4]], np.float32)
    assert _aggregate(probabilities, "max") == [("A", 0, 3)]


def test_average_can_choose_what_no_token_would() -> None:
    probabilities = np.array([[0.0, 0.4, 0.6], [0.6, 0.4, 0.0]], np.float32)
    assert _aggregate(probabilities, "average") == [("A", 0, 2)]


def _aggregate(probabilities: NDArray[np.float32], strategy: Strategy) -> list[tuple[str, int, int]]:
    """One text whose tokens are one character each and all of one word."""
    count = len(probabilities)
    bounds = np.stack([np.arange(count), np.arange(1, count + 1)], axis=1).astype(np.int32)
    tokens = RawTokens(np.zeros(count, np.int64), np.array([0, count]), bounds, np.arange(count) > 0)
    found = entities_from_tokens(
        probabilities, tokens, ("O", "B-A", "B-B"), ["x" * count], strategy=strategy, least=np.zeros(3)
    )
    return [(entity.label, entity.start, entity.end) for entity in found[0]]


@pytest.fixture(scope="module", autouse=True)
def _quiet() -> Iterator[None]:
    before = hf.logging.get_verbosity()
    hf.logging.set_verbosity_error()
    yield
    hf.logging.set_verbosity(before)
