"""The pipeline on a bundle answers as transformers' pipeline does: same calls, same dictionaries, same attributes."""

from __future__ import annotations

import copy
import itertools
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
import transformers as hf
from transformers.pipelines.pt_utils import KeyDataset
from transformers.pipelines.token_classification import AggregationStrategy

from runtime.backends.fake import Fake
from runtime.backends.pytorch_reference import PyTorch
from runtime.bundle.store import Bundle, Manifest, Source, open_bundle
from runtime.errors import UsageError
from runtime.integrations import pipeline
from runtime.integrations.hf_pipeline import CHUNK, Pipeline
from tests.conftest import ROOT
from tests.lookup import lookup_bundle
from tests.nasty import NASTY, varied_sentences
from tests.runtime.decode.test_hf_pipeline import MIXED, lively
from tests.tiny import LABELS, tiny_checkpoint

reference: Any = hf.pipeline  # its overloads know no plain strings
STRATEGIES = ("none", "simple", "first", "average", "max")
POSITIONS = 512
TEXTS = (*NASTY, *varied_sentences(60, seed=11))
WORDS = {"Angela": "B-PER", "Merkel": "I-PER", "Paris": "B-LOC", "Oslo": "I-LOC"}


class Pair:
    """transformers' pipeline on a tiny checkpoint, and ours on the same; in fp32 by PyTorch on both sides."""

    def __init__(self, folder: Path, architecture: str, labels: tuple[str, ...], **tokenizer: Any) -> None:
        made = tiny_checkpoint(folder, architecture=architecture, labels=labels, positions=POSITIONS, seed=3)
        checkpoint = lively(made)
        known = hf.AutoTokenizer.from_pretrained(checkpoint, **tokenizer)
        model = hf.AutoModelForTokenClassification.from_pretrained(checkpoint)
        self.theirs: Any = reference("ner", model=model, tokenizer=known, device="cpu")
        self.ours = Pipeline(bundle_of(checkpoint, labels), PyTorch(checkpoint, threads=torch.get_num_threads()))

    def assert_same(
        self,
        inputs: Sequence[Any],
        strategies: Sequence[str] = STRATEGIES,
        ignore: Sequence[str] = ("O",),
        **options: Any,
    ) -> int:
        """Both answer alike by each strategy, from one forward pass of theirs; returns how many answers there were."""
        count = 0
        outputs = [self._outputs(given, **options) for given in inputs]
        for strategy in strategies:
            named = AggregationStrategy(strategy)
            # A copy: with words, their postprocess adds to its offsets in place.
            expected = [self.theirs.postprocess(copy.deepcopy(each), named, list(ignore)) for each in outputs]
            found = self.ours(inputs, aggregation_strategy=strategy, ignore_labels=ignore, **options)
            for given, theirs, ours in zip(inputs, expected, found, strict=True):
                _assert_alike(theirs, ours, repr(given))
            count += sum(map(len, found))
        return count

    def _outputs(self, given: Any, **options: Any) -> list[Any]:
        """What their model says of an input."""
        preprocess, forward, _ = self.theirs._sanitize_parameters(**options)
        return [self.theirs.forward(each, **forward) for each in self.theirs.preprocess(given, **preprocess)]


def _assert_alike(theirs: Sequence[dict[str, Any]], ours: Sequence[dict[str, Any]], given: str) -> None:
    assert [without_score(each) for each in ours] == [without_score(each) for each in theirs], given
    assert [list(each) for each in ours] == [list(each) for each in theirs]
    found, expected = ([each["score"] for each in answers] for answers in (ours, theirs))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4, err_msg=given)


def without_score(answer: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in answer.items() if key != "score"}


def bundle_of(checkpoint: Path, labels: Sequence[str]) -> Bundle:
    """A checkpoint's folder as an opened bundle without graphs."""
    manifest = Manifest(
        checkpoint=Source(str(checkpoint), ""),
        labels=tuple(labels),
        max_length=POSITIONS,
        vocabulary=10**6,
        files={},
        graphs=(),
        certificates=(),
        versions={},
    )
    return Bundle(checkpoint, manifest)


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair(tmp_path_factory.mktemp("one") / "model", "bert", LABELS)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lookup_bundle(tmp_path_factory.mktemp("lookup") / "bundle", WORDS)


@pytest.mark.filterwarnings("ignore:Tokenizer does not support real words")
@pytest.mark.parametrize(("architecture", "labels"), [("bert", LABELS), ("roberta", MIXED), ("xlm-roberta", LABELS)])
def test_dictionaries_equal_the_pipelines(architecture: str, labels: tuple[str, ...], tmp_path: Path) -> None:
    both = Pair(tmp_path / "model", architecture, labels)
    assert both.assert_same(TEXTS) > 500, "the model is too quiet to test much"


@pytest.mark.parametrize("ignore", [[], ["O", "LOC", "B-PER"]])
def test_ignored_labels_are_those_of_the_pipeline(bert: Pair, ignore: list[str]) -> None:
    bert.assert_same(NASTY[:20], ignore=ignore)


@pytest.mark.filterwarnings("ignore:Tokenizer does not support real words")
@pytest.mark.parametrize(
    ("architecture", "tokenizer"), [("bert", {}), ("roberta", {"add_prefix_space": True}), ("xlm-roberta", {})]
)
def test_words_equal_the_pipelines(architecture: str, tokenizer: dict[str, Any], tmp_path: Path) -> None:
    both = Pair(tmp_path / "model", architecture, LABELS, **tokenizer)
    sentences = [text.split() for text in TEXTS[::2] if text.split()]
    for delimiter in (" ", "--"):
        both.assert_same(sentences, is_split_into_words=True, delimiter=delimiter)


def test_calls_equal_the_pipelines(bert: Pair) -> None:
    # Above, their steps are called one by one; here, the pipeline is.
    for strategy in STRATEGIES:
        texts = list(NASTY[:3])
        for theirs, ours in zip(
            bert.theirs(texts, aggregation_strategy=strategy), bert.ours(texts, aggregation_strategy=strategy)
        ):
            _assert_alike(theirs, ours, strategy)


def test_one_list_of_words_is_answered_with_a_list(bert: Pair) -> None:
    words = ["Anna", "Lund", "in", "Oslo"]
    found = bert.ours(words, is_split_into_words=True)
    assert [len(found), found[0]] == [1, bert.ours([words], is_split_into_words=True)[0]]
    assert len(bert.theirs(words, is_split_into_words=True)) == 1


def test_a_string_a_list_a_generator_and_a_data_set(bert: Pair) -> None:
    texts = list(TEXTS[:20])
    listed = bert.ours(texts)
    table = datasets.Dataset.from_dict({"text": texts})
    for text, found in zip(texts, listed):  # alone, its scores have other last digits
        _assert_alike(bert.ours(text), found, text)
    assert list(bert.ours(text for text in texts)) == listed
    assert list(bert.ours(KeyDataset(table, "text"))) == listed
    assert list(bert.ours(table["text"])) == listed
    assert len(bert.ours(KeyDataset(table, "text"))) == len(texts)
    assert [len(answers) for answers in bert.theirs(KeyDataset(table, "text"))] == [len(found) for found in listed]


def test_options_of_the_constructor_and_of_a_call(bundle: Path) -> None:
    pipe = pipeline("ner", bundle, aggregation_strategy="SIMPLE", ignore_labels=["O", "LOC"], batch_size=4, device=-1)
    text = "Angela Merkel in Paris"
    assert [found["word"] for found in pipe(text)] == ["Angela Merkel"]
    assert [found["word"] for found in pipe(text, ignore_labels=["O"], num_workers=2)] == ["Angela Merkel", "Paris"]
    assert [found["index"] for found in pipe(text, aggregation_strategy="none")] == [1, 2, 4]
    with pytest.warns(UserWarning, match="grouped_entities"):
        assert pipeline("ner", bundle, grouped_entities=True)(text) == pipe(text, ignore_labels=["O"])


def test_word_is_the_taggers_own_answer(bundle: Path) -> None:
    pipe = pipeline("token-classification", bundle, aggregation_strategy="word")
    expected = [{"entity_group": "PER", "word": "Angela Merkel", "start": 1, "end": 14}]
    assert [without_score(found) for found in pipe("(Angela Merkel) in Rome")] == expected
    of_words = pipe([["Angela", "Merkel", "in", "Rome"]], is_split_into_words=True, delimiter="_")[0]
    assert [(found["word"], found["start"], found["end"]) for found in of_words] == [("Angela_Merkel", 0, 13)]


def test_scores_go_into_json(bundle: Path) -> None:
    found = pipeline("ner", bundle)("Paris")
    assert json.loads(json.dumps(found)) == found
    assert found[0]["score"].item() == float(found[0]["score"])


def test_what_callers_read_off_it(bert: Pair, bundle: Path) -> None:
    theirs, ours = bert.theirs, bert.ours
    assert (ours.task, str(ours.device), ours.device.type) == (theirs.task, str(theirs.device), theirs.device.type)
    for name in ("id2label", "label2id", "num_labels", "model_type", "max_position_embeddings", "vocab_size"):
        assert getattr(ours.model.config, name) == getattr(theirs.model.config, name), name
    with pytest.raises(AttributeError, match="no 'colour'"):
        _ = ours.model.config.colour
    assert "colour" not in ours.model.config.to_dict()
    assert pipeline("token-classification", bundle).task == "token-classification"


@pytest.mark.parametrize("text", ["Maria Keller flew to Oslo", "xyzzy \u2603", ""])
def test_tokenizer_equals_that_of_transformers(bert: Pair, text: str) -> None:
    theirs, ours = bert.theirs.tokenizer, bert.ours.tokenizer
    ids = theirs.encode(text)
    assert (ours.encode(text), ours(text)["input_ids"]) == (ids, theirs(text)["input_ids"])
    assert ours.encode(text, add_special_tokens=False) == theirs.encode(text, add_special_tokens=False)
    assert (ours.tokenize(text), ours.convert_ids_to_tokens(ids)) == (
        theirs.tokenize(text),
        theirs.convert_ids_to_tokens(ids),
    )
    assert ours.convert_tokens_to_ids(ours.tokenize(text)) == theirs.convert_tokens_to_ids(theirs.tokenize(text))
    assert ours.convert_tokens_to_ids("no such") == theirs.convert_tokens_to_ids("no such")
    for skip in (False, True):
        assert ours.decode(ids, skip_special_tokens=skip) == theirs.decode(ids, skip_special_tokens=skip)
    assert (len(ours), ours.vocab_size, ours.get_vocab()) == (len(theirs), theirs.vocab_size, theirs.get_vocab())
    assert (ours.model_max_length, ours.is_fast) == (theirs.model_max_length, theirs.is_fast)


def test_a_generator_without_end_is_read_a_little_ahead(tmp_path: Path) -> None:
    read = 0

    def texts() -> Iterator[str]:
        nonlocal read
        for read in itertools.count(1):  # noqa: B007 - the loop's variable is the counter that is looked at
            yield "Oslo"

    pipe = _quiet_pipeline(tmp_path)
    answers = pipe(texts())
    assert [next(answers) for _ in range(5)] == [[]] * 5
    assert read <= 8 * CHUNK
    with pytest.raises(TypeError, match="no length"):
        len(answers)


def test_batch_size_1_answers_each_before_it_asks_for_the_next(tmp_path: Path) -> None:
    asked: list[str] = []

    def texts() -> Iterator[str]:
        for text in ("Oslo", "Lisbon", "Nairobi"):
            asked.append(text)
            yield text

    answers = _quiet_pipeline(tmp_path)(texts(), batch_size=1)
    for count in (1, 2, 3):
        next(answers)
        assert len(asked) == count


def test_a_long_text_is_read_whole(tmp_path: Path) -> None:
    checkpoint = tiny_checkpoint(tmp_path / "m")
    pipe = Pipeline(bundle_of(checkpoint, LABELS), Fake(len(LABELS), lambda ids: np.full_like(ids, 1)))
    text = "Oslo " * 2000
    for stride in (None, 0, 128):
        assert pipe(text, aggregation_strategy="none", stride=stride)[-1]["end"] == len(text) - 1


@pytest.mark.parametrize(
    ("options", "inputs", "message"),
    [
        ({"aggregation_strategy": "best"}, "a", "choose one of word, none, simple"),
        ({"stride": 62}, "a", "give 0 to 61"),
        ({"batch_size": 0}, "a", "batch_size: 0"),
        ({}, 3, "inputs: a value of type int is given"),
        ({}, {"inputs": "Paris"}, "inputs: a value of type dict is given"),
        ({}, b"Paris", "inputs: a value of type bytes is given"),
        ({}, [3], "is not a text"),
        ({"is_split_into_words": True}, [["a"], "b"], "not a list of words"),
        ({"is_split_into_words": True}, [["a"], [3]], "not a list of words"),
    ],
)
def test_what_is_wrong_is_said(bundle: Path, options: dict[str, Any], inputs: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        pipeline("ner", bundle)(inputs, **options)


@pytest.mark.parametrize("options", [{"task": "summarization"}, {"device": "cuda:1"}, {"stride": 9999}])
def test_what_is_wrong_with_the_constructor_is_said(bundle: Path, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        pipeline(**{"task": "ner", "model": bundle, **options})


def test_it_brings_neither_torch_nor_transformers(bundle: Path) -> None:
    code = (
        "import sys; from runtime.integrations import pipeline; "
        f"print(len(pipeline('ner', {str(bundle)!r})('Paris')), {{'torch', 'transformers'}} & {{*sys.modules}})"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("1 set()", "")


def test_a_real_bundle_answers_as_its_checkpoint(tiny_bundle: Path, tiny_model: Path) -> None:
    theirs: Any = reference("ner", model=str(tiny_model), device="cpu", aggregation_strategy="simple")
    ours = pipeline("ner", tiny_bundle, aggregation_strategy="simple")
    for text in varied_sentences(20, seed=2):
        assert [without_score(each) for each in ours(text)] == [without_score(each) for each in theirs(text)]


@pytest.mark.slow
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_real_text_is_answered_as_by_the_pipeline(conll: Path, strategy: str) -> None:
    checkpoint, made = ROOT / "build" / "conll-minilm", ROOT / "build" / "bundle"
    if not (checkpoint / "model.safetensors").is_file() or not made.is_dir():
        pytest.skip(f"there is no trained checkpoint at {checkpoint}, or no bundle of it at {made}")
    lines = (conll / "valid.txt").read_text(encoding="utf-8").split("\n\n")
    texts = [" ".join(row.split()[0] for row in block.splitlines()) for block in lines if block.strip()][:1000]
    theirs: Any = reference("ner", model=str(checkpoint), device="cpu", aggregation_strategy=strategy)
    found = pipeline("ner", made, aggregation_strategy=strategy)(texts)
    for text, ours, expected in zip(texts, found, theirs(texts), strict=True):
        assert [without_score(each) for each in ours] == [without_score(each) for each in expected], text


def _quiet_pipeline(folder: Path) -> Pipeline:
    """One that finds nothing, fast."""
    checkpoint = tiny_checkpoint(folder / "m")
    return Pipeline(bundle_of(checkpoint, LABELS), Fake(len(LABELS), lambda ids: np.zeros_like(ids)))


@pytest.fixture(scope="module", autouse=True)
def _quiet() -> Iterator[None]:
    before = hf.logging.get_verbosity()
    hf.logging.set_verbosity_error()
    yield
    hf.logging.set_verbosity(before)


def test_after_close_a_pipeline_refuses_what_it_is_asked(bundle: Path) -> None:
    """It used the backend bare: after `close`, or in a forked process, that crashes or hangs."""
    opened = open_bundle(bundle)
    inner = Fake(len(opened.manifest.labels), np.zeros_like)
    pipe = Pipeline(opened, inner)
    assert pipe("Paris") == []
    pipe.close()
    pipe.close()
    with pytest.raises(UsageError, match="tagger: it is closed"):
        pipe("Paris")
    assert inner.closed
