"""The tagger as users hold it: its documented examples, its options, long texts, many threads, bounded memory."""

from __future__ import annotations

import doctest
import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from seqeval.metrics import f1_score

import runtime.tagger
from runtime.backends.fake import Fake
from runtime.batch.batches import Batch
from runtime.batch.windowing import Policy, Windowing
from runtime.decode.options import AGGREGATIONS, BY_WORD, Aggregation, Decoding
from runtime.encode.tokenizer import Encoder
from runtime.errors import BundleError, TextError, UsageError
from runtime.tagger import CHUNK, Tagger
from runtime.text.answer import Document
from runtime.text.conll import read_conll
from runtime.text.label_schemes import LabelSet
from runtime.text.words import split_words
from tests.conftest import ROOT
from tests.lookup import lookup_bundle
from tests.nasty import varied_sentences
from tests.tiny import LABELS, tiny_checkpoint

WORDS = {"Angela": "B-PER", "Merkel": "I-PER", "Paris": "B-LOC", "Oslo": "I-LOC"}
TEXT = "Angela Merkel visited Paris."
BOUND = Decoding(constrained=True)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lookup_bundle(tmp_path_factory.mktemp("lookup") / "bundle", WORDS)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint(tmp_path_factory.mktemp("tiny") / "model")


def _busy(
    folder: Path, *, max_length: int = 64, decoding: Decoding = BY_WORD, stride: int | Literal["auto"] = "auto"
) -> Tagger:
    """A tagger that finds entities everywhere."""
    backend = Fake(len(LABELS), lambda ids: ids * 2654435761 % 2**32 % len(LABELS))
    encoder = Encoder(folder / "tokenizer.json")
    return Tagger(
        encoder,
        LABELS,
        backend,
        max_length=max_length,
        vocabulary=10**6,
        windowing=Windowing(stride=stride),
        decoding=decoding,
    )


def test_examples_in_the_documentation(bundle: Path) -> None:
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner()
    for test in finder.find(runtime.tagger, extraglobs={"bundle": bundle}):
        runner.run(test)
    assert runner.tries >= 7
    assert runner.failures == 0


def test_public_name_is_the_tagger_and_brings_no_torch() -> None:
    code = (
        "import sys, runtime; before = 'numpy' in sys.modules; from runtime import Tagger, Entity, NerveError; "
        "heavy = {'torch', 'transformers', 'onnxruntime'} & {*sys.modules}; print(before, Tagger.__module__, heavy)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("False runtime.tagger set()", "")


def test_module_without_that_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Taggers'"):
        _ = runtime.Taggers


def test_thresholds_and_ignored_types(bundle: Path) -> None:
    def found(**options: object) -> tuple[list[str], list[list[str]]]:
        with Tagger.open(bundle, decoding=Decoding(**options)) as tagger:  # type: ignore[arg-type]
            return [e.text for e in tagger.tag([TEXT])[0]], tagger.tag_words([["Angela", "Merkel", "in", "Paris"]])

    assert found() == (["Angela Merkel", "Paris"], [["B-PER", "I-PER", "O", "B-LOC"]])
    assert found(ignore=["LOC"]) == (["Angela Merkel"], [["B-PER", "I-PER", "O", "O"]])
    assert found(thresholds={"PER": 0.999}) == (["Paris"], [["O", "O", "O", "B-LOC"]])
    assert found(thresholds={"PER": 0.5, "LOC": 0.5}, ignore={"LOC", "PER"}) == ([], [["O"] * 4])


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_they_hold_for_every_aggregation(bundle: Path, aggregation: Aggregation) -> None:
    with Tagger.open(bundle, decoding=Decoding(aggregation=aggregation, ignore=["LOC"])) as tagger:
        assert {entity.label.removeprefix("B-").removeprefix("I-") for entity in tagger.tag([TEXT])[0]} == {"PER"}


def test_constraints_hold_in_text_and_words(bundle: Path) -> None:
    with Tagger.open(bundle) as free, Tagger.open(bundle, decoding=BOUND) as bound:
        assert free.tag_words([["in", "Oslo"]]) == [["O", "I-LOC"]]
        [[_, label]] = bound.tag_words([["in", "Oslo"]])
        assert label != "I-LOC"
        assert [entity.text for entity in free.tag(["in Oslo"])[0]] == ["Oslo"]
        assert bound.tag(["in Oslo"]) == [[]]  # O at 2.5 is the best that is allowed
        assert bound.tag([TEXT]) == free.tag([TEXT])


def test_options_that_there_are_not(bundle: Path) -> None:
    with pytest.raises(UsageError, match="'words'; choose one of word, none, simple, first, average, max"):
        Tagger.open(bundle, decoding=Decoding(aggregation="words"))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="constraints hold between words"):
        Tagger.open(bundle, decoding=Decoding(aggregation="first", constrained=True))
    with pytest.raises(UsageError, match="no entity type 'ORG' in this model; choose among LOC, PER"):
        Tagger.open(bundle, decoding=Decoding(ignore=["ORG"]))
    with pytest.raises(UsageError, match="stride: 62; give 0 to 61"):
        Tagger.open(bundle, windowing=Windowing(stride=62))


def test_vocabulary_too_small_for_the_tokenizer(tiny: Path) -> None:
    encoder = Encoder(tiny / "tokenizer.json")
    with pytest.raises(BundleError, match="embedding table ends at 9"):
        Tagger(encoder, LABELS, Fake(7, lambda ids: ids * 0), max_length=64, vocabulary=10)


def test_order_is_kept_and_reading_ahead_is_bounded(tiny: Path) -> None:
    tagger = _busy(tiny)
    texts = varied_sentences(2 * CHUNK + 3, seed=8)
    read = 0

    def source() -> Iterator[str]:
        nonlocal read
        for text in texts:
            read += 1
            yield text

    expected = tagger.tag(texts)
    for number, entities in enumerate(tagger.stream(source(), chunk=10)):
        assert read <= number + 6 * 10
        assert entities == expected[number]
    read = 0
    for number, entities in enumerate(tagger.stream(source(), chunk=1)):
        assert read == number + 1
        assert entities == expected[number]


def test_documents_do_not_wait_for_a_chunk_of_them(tiny: Path) -> None:
    tagger = _busy(tiny)
    read = 0

    def source() -> Iterator[str]:
        nonlocal read
        while True:
            read += 1
            yield "Oslo and Lisbon . " * 40_000

    next(tagger.stream(source()))
    assert read <= 6


def test_text_that_fits_is_tagged_as_it_is_alone_and_long_text_as_a_whole(tiny: Path) -> None:
    roomy = _busy(tiny, max_length=10_000)
    texts = ["", "Oslo", *varied_sentences(20, seed=4), " ".join(varied_sentences(60, seed=5))]
    for stride in (0, 1, 7, 20):
        assert _busy(tiny, max_length=24, stride=stride).tag(texts) == roomy.tag(texts)


@pytest.mark.parametrize("decoding", [Decoding(), Decoding(constrained=True), Decoding(aggregation="first")])
def test_blocks_of_a_long_text_fit_together(tiny: Path, decoding: Decoding) -> None:
    text = "Maria Keller flew from Lisbon to Oslo , said John Abara . " * 3000  # some 80,000 tokens, more than a block
    windows, whole = _busy(tiny, decoding=decoding), _busy(tiny, max_length=10**6, decoding=decoding)
    assert windows.tag([text, "Oslo", text]) == whole.tag([text, "Oslo", text])
    words = [text[start:end] for start, end in split_words(text)]
    assert windows.tag_words([words, ["\u200b"], []]) == whole.tag_words([words, ["\u200b"], []])


@pytest.mark.parametrize("aggregation", ["word", "simple"])
def test_long_text_is_an_error_if_asked_for(tiny: Path, aggregation: str) -> None:
    decoding = Decoding(aggregation=aggregation)  # type: ignore[arg-type]
    backend = Fake(len(LABELS), lambda ids: ids % len(LABELS))
    encoder = Encoder(tiny / "tokenizer.json")
    tagger = Tagger(
        encoder, LABELS, backend, max_length=24, vocabulary=10**6, windowing=Windowing(long="error"), decoding=decoding
    )
    answers = tagger.stream(["Oslo", "Lisbon", "Oslo " * 50, "Lisbon"])
    assert len(next(answers) + next(answers)) == len(tagger.tag(["Oslo"])[0] + tagger.tag(["Lisbon"])[0])
    with pytest.raises(TextError, match=r"text 3: [\d,]+ tokens, this model takes 22 at once"):
        next(answers)
    with pytest.raises(TextError, match="text 2: "):
        tagger.tag_words([["Oslo"], ["Oslo"] * 50])


def test_a_string_is_no_list_of_texts(tiny: Path) -> None:
    tagger = _busy(tiny)
    with pytest.raises(UsageError, match=r"texts: one string is given \('Maria'\.\.\.\); give a list, even of one"):
        tagger.tag("Maria")
    with pytest.raises(UsageError, match="one string is given"):
        next(tagger.stream("Maria"))
    for given in ("Maria", ["Maria Keller"]):
        with pytest.raises(UsageError, match="one string is given"):
            tagger.tag_words(given)
        with pytest.raises(UsageError, match="one string is given"):
            tagger.word_logits(given)


def test_what_is_no_text_is_refused_by_every_method(tiny: Path) -> None:
    tagger: Any = _busy(tiny)
    for method in (tagger.tag, tagger.tag_words, tagger.tag_documents, tagger.word_logits, tagger.entities):
        for given in (1, None, b"Oslo", [1], [b"Oslo"], [[[1]]], ["Oslo", 1, "Lund"], ["Oslo"] * CHUNK + [1]):
            with pytest.raises(UsageError):
                method(given)
    for lazy in (tagger.stream, tagger.answers):
        for wrong in (1, [1], ["Oslo", b"Lund"]):
            with pytest.raises(UsageError):
                list(lazy(wrong))
    with pytest.raises(UsageError, match=rf"text {CHUNK + 1}: a value of type int is given"):
        tagger.tag(["Oslo"] * CHUNK + [1])


def test_generators_and_arrays_of_strings_are_read_as_lists(tiny: Path) -> None:
    tagger: Any = _busy(tiny)
    texts = varied_sentences(20, seed=4)
    words = [text.split() for text in texts]
    assert tagger.tag(text for text in texts) == tagger.tag(np.array(texts)) == tagger.tag(texts)
    assert tagger.tag(np.array(texts[:1])) == tagger.tag(texts[:1])
    assert tagger.tag_words(iter(each) for each in words) == tagger.tag_words(words)
    np.testing.assert_array_equal(tagger.word_logits(iter(words)), tagger.word_logits(words))


def test_questions_of_all_kinds_are_answered_in_order(tiny: Path) -> None:
    tagger = _busy(tiny)
    texts = varied_sentences(40, seed=3)
    words = [text.split() for text in varied_sentences(40, seed=9)]
    mixed = [question for pair in zip(texts, words) for question in (*pair, None)]
    for chunk in (1, 7, CHUNK):
        found = list(tagger.answers(mixed, chunk=chunk))
        assert [answer.entities for answer in found[::3]] == tagger.tag(texts)
        assert [answer.labels for answer in found[1::3]] == tagger.tag_words(words)
        assert all(not answer.entities and not answer.labels for answer in found[2::3])


def test_paths_can_be_strings(bundle: Path) -> None:
    with Tagger.open(str(bundle)) as tagger:
        assert [entity.text for entity in tagger.tag([TEXT])[0]] == ["Angela Merkel", "Paris"]


def test_words_that_are_nothing_are_outside(tiny: Path) -> None:
    tagger = _busy(tiny)
    assert tagger.tag_words([["\u200b", "\u00ad"], [], ["\u0000"]]) == [["O", "O"], [], ["O"]]
    assert tagger.tag_words([]) == []
    assert tagger.word_logits([]).shape == (0, len(LABELS))
    assert tagger.word_logits([["\u200b"]]).tolist() == [[0.0] + [-1e4] * 6]


@pytest.mark.parametrize("decoding", [Decoding(), Decoding(constrained=True), Decoding(aggregation="average")])
def test_eight_threads_get_what_one_gets(tiny: Path, decoding: Decoding) -> None:
    texts = varied_sentences(400, seed=6)
    tagger = _busy(tiny, decoding=decoding)
    shares = [texts[number::8] for number in range(8)]
    expected = [_busy(tiny, decoding=decoding).tag(share) for share in shares]
    found: dict[int, object] = {}

    def work(number: int) -> None:
        found[number] = [tagger.tag(shares[number]) for _ in range(3)]

    _run_all([threading.Thread(target=work, args=(number,)) for number in range(8)])
    assert found == {number: [expected[number]] * 3 for number in range(8)}


def test_eight_threads_share_one_engine(bundle: Path) -> None:
    with Tagger.open(bundle, threads=1) as tagger:
        expected = tagger.tag([TEXT] * 20)
        found: list[object] = []
        _run_all([threading.Thread(target=lambda: found.append(tagger.tag([TEXT] * 20))) for _ in range(8)])
    assert found == [expected] * 8


def _run_all(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.slow
@pytest.mark.parametrize("options", ["", "constrained=True"])
def test_ten_megabytes_in_bounded_memory(tiny: Path, options: str) -> None:
    # Measured in a process of its own: peak memory never falls. English text took 154 MiB, constrained 350 MiB.
    code = f"""
import random, resource
from pathlib import Path
from runtime.backends.fake import Fake
from runtime.decode.options import Decoding
from runtime.encode.tokenizer import Encoder
from runtime.tagger import Tagger
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
chance = random.Random(0)
words = ["".join(chance.choices("etaoinshrdlu", k=chance.randint(1, 9))) for _ in range(60_000)]
labels = ("O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER", "B-MISC", "I-MISC")
tagger = Tagger(Encoder(Path({str(tiny / "tokenizer.json")!r})), labels, Fake(9, lambda ids: ids % 9 * (ids % 5 == 0)),
                max_length=512, vocabulary=10**6, decoding=Decoding({options}))
text = " ".join(chance.choices(words, k=1_750_000))
assert len(text) > 10_000_000
tagger.tag([text[:1000]])
before = peak()
assert len(tagger.tag([text])[0]) > 1000
print(peak() - before)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert int(done.stdout) < (900 if options else 600)  # the tiny tokenizer makes four tokens a word


@pytest.mark.slow
def test_effect_of_constraints_is_printed(conll: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Entity F1 with and without, on valid.txt and wikigold, by the trained checkpoint's bundle."""
    place = ROOT / "build" / "conll-bundle"
    if not place.is_dir():
        pytest.skip(f"there is no bundle at {place}")
    with Tagger.open(place) as free, Tagger.open(place, decoding=BOUND) as bound:
        for file in (conll / "valid.txt", conll.parent / "wikigold" / "wikigold.txt"):
            sentences = list(read_conll(file))
            gold = [list(sentence.labels) for sentence in sentences]
            words = [sentence.words for sentence in sentences]
            answers = [free.tag_words(words), bound.tag_words(words)]
            changed = sum(one != other for one, other in zip(*answers))
            before, after = (f1_score(gold, found) for found in answers)
            figures = f"F1 {before:.4f}, constrained {after:.4f}, {changed} of {len(words)} sentences changed"
            with capsys.disabled():
                print(f"\n{file.name}: {figures}")
            rules = LabelSet(bound.labels.labels).transitions()
            names = {name: number for number, name in enumerate(bound.labels.labels)}
            for labels in answers[1]:
                tags = [names[label] for label in labels]
                assert not tags or (rules.first[tags[0]] and all(rules.step[a, b] for a, b in itertools.pairwise(tags)))


def test_sentences_of_a_document_are_context_for_each_other(tiny: Path) -> None:
    """As given words, with the neighbors that the same sentences have in one text; and never across documents."""
    sentences = [words.split() for words in ("Maria Keller flew", "Oslo fell", "Lund met Anna", "Nairobi")]
    seen: list[list[int]] = []

    class Seen(Fake):
        def logits(self, batch: Batch) -> NDArray[np.float32]:
            seen.extend(batch.input_ids[batch.segment_ids == 0][:, None].T.tolist())
            return super().logits(batch)

    def opened(policy: Policy) -> Tagger:
        encoder = Encoder(tiny / "tokenizer.json")
        backend = Seen(len(LABELS), lambda ids: ids % len(LABELS))
        windowing = Windowing(policy=policy, context=3 if policy == "context" else "auto")
        return Tagger(encoder, LABELS, backend, max_length=64, vocabulary=10**6, windowing=windowing)

    alone, context = opened("sentences"), opened("context")
    documents = [sentences[:3], sentences[3:], []]
    assert alone.tag_documents(documents) == context.tag_documents(documents)
    assert [label for document in alone.tag_documents(documents) for label in document] == alone.tag_words(sentences)
    seen.clear()
    alone.tag_documents([sentences[:2]])
    without = sum(len(ids) for ids in seen)
    seen.clear()
    context.tag_documents([sentences[:2]])
    both = sum(len(ids) for ids in seen)
    seen.clear()
    context.tag_documents([sentences[:1], sentences[1:2]])
    assert sum(len(ids) for ids in seen) == without < both


def test_a_sentence_of_a_document_can_be_refused(bundle: Path) -> None:
    with Tagger.open(bundle, windowing=Windowing(policy="context", long="error")) as tagger:
        long = ["Paris"] * (tagger.max_length + 1)
        (answer,) = tagger.answers([Document([["Paris"], long, ["Oslo"]])])
        assert [bool(sentence.refused) for sentence in answer.sentences] == [False, True, False]
        assert [list(sentence.labels) for sentence in answer.sentences] == [["B-LOC"], [], ["I-LOC"]]
        with pytest.raises(TextError, match="tokens, this model takes"):
            tagger.tag_documents([[["Paris"], long]])


def test_a_refused_sentence_of_documents_has_its_number_among_all(tiny: Path) -> None:
    """It was counted anew in each chunk of documents."""
    backend = Fake(len(LABELS), lambda ids: ids % len(LABELS))
    windowing = Windowing(policy="sentences", long="error")
    tagger = Tagger(
        Encoder(tiny / "tokenizer.json"), LABELS, backend, max_length=64, vocabulary=10**6, windowing=windowing
    )
    documents = [[["Oslo"]]] * (CHUNK + 2) + [[["Oslo"], ["Oslo"] * 200]]
    with pytest.raises(TextError, match=f"text {CHUNK + 4}: "):
        tagger.tag_documents(documents)
