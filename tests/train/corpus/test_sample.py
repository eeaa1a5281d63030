"""The sample corpus: the same everywhere, as large and as varied as it says, valid BIO, and held-out names in valid."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from runtime.text.conll import Sentence, read_conll
from runtime.text.label_schemes import bio_from_labels, spans_of_labels
from train.corpus.sample import MAX_WORDS, MIN_WORDS, TRAIN_SENTENCES, VALID_SENTENCES, sample_corpus
from train.corpus.sample_grammar import GRAMMAR
from train.corpus.sample_words import WORDS

ROOT = Path(__file__).parents[3]
TYPES = {"PER", "ORG", "LOC", "MISC"}

Corpus = tuple[list[Sentence], list[Sentence]]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return sample_corpus()


def command(*arguments: str, hash_seed: str = "0") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    line = [sys.executable, "-m", "train.corpus.sample", *arguments]
    return subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def entities(sentences: list[Sentence]) -> list[tuple[str, str]]:
    """(type, words) of every entity."""
    return [
        (name, " ".join(sentence.words[start:end]).lower())
        for sentence in sentences
        for name, start, end in spans_of_labels(sentence.labels)
    ]


def key(sentence: Sentence) -> str:
    return " ".join(sentence.words).lower()


def test_the_default_corpus_has_the_size_it_promises(corpus: Corpus) -> None:
    train, valid = corpus
    assert (len(train), len(valid)) == (TRAIN_SENTENCES, VALID_SENTENCES)
    assert 48_000 <= sum(len(sentence.words) for sentence in valid) <= 54_000


def test_sentences_are_as_long_as_news_sentences(corpus: Corpus) -> None:
    for part in corpus:
        lengths = [len(sentence.words) for sentence in part]
        assert min(lengths) >= MIN_WORDS
        assert max(lengths) <= MAX_WORDS
        assert 14 <= sum(lengths) / len(lengths) <= 19
        assert sum(length > 30 for length in lengths) > len(lengths) / 50


def test_labels_are_bio_of_the_four_types(corpus: Corpus) -> None:
    for sentence in (*corpus[0], *corpus[1]):
        assert bio_from_labels(sentence.labels) == list(sentence.labels)
        assert {label[2:] for label in sentence.labels if label != "O"} <= TYPES


def test_all_four_types_are_frequent_and_some_sentences_have_none(corpus: Corpus) -> None:
    for part in corpus:
        counts = Counter(name for name, _ in entities(part))
        assert set(counts) == TYPES
        assert min(counts.values()) > counts.total() / 10
        bare = sum(set(sentence.labels) == {"O"} for sentence in part) / len(part)
        assert 0.12 < bare < 0.22


def test_no_sentence_occurs_twice(corpus: Corpus) -> None:
    keys = [key(sentence) for part in corpus for sentence in part]
    assert len(set(keys)) == len(keys)


def test_much_of_valid_is_names_that_train_never_uses(corpus: Corpus) -> None:
    train, valid = corpus
    known = {words for _, words in entities(train)}
    known_words = {word for sentence in train for word in sentence.words}
    found = entities(valid)
    assert sum(words not in known for _, words in found) > 0.5 * len(found)
    unseen = [words for _, words in found if not any(part in known_words for part in words.split())]
    assert len(unseen) > 0.2 * len(found)


def test_one_name_has_several_roles(corpus: Corpus) -> None:
    roles: dict[str, set[str]] = {}
    for name, words in entities(corpus[0]):
        for word in words.split():
            roles.setdefault(word, set()).add(name)
    assert {"PER", "LOC"} <= roles["jordan"]
    assert {"ORG", "LOC"} <= roles["paris"]
    assert sum(len(types) > 1 for types in roles.values()) > 200


def test_words_are_split_as_in_conll(corpus: Corpus) -> None:
    words = {word for part in corpus for sentence in part for word in sentence.words}
    assert {"'s", "n't", "U.S.", '"'} <= words
    assert not [word for word in words if re.search(r"\w[,;?!]$|[\s~{}<>|\[\]]|\w's$", word)]


def test_marks_are_never_doubled(corpus: Corpus) -> None:
    for sentence in (*corpus[0], *corpus[1]):
        assert not re.search(r", [,.?;:]|\. \.$", " ".join(sentence.words)), sentence.words


def test_the_same_seed_gives_the_same_sentences_and_another_seed_others() -> None:
    first = sample_corpus(seed=7, train=50, valid=40)
    assert sample_corpus(seed=7, train=50, valid=40) == first
    other = sample_corpus(seed=8, train=50, valid=40)
    assert not set(first[0]) & set(other[0])
    assert not set(first[1]) & set(other[1])


def test_valid_does_not_depend_on_the_length_of_train() -> None:
    assert sample_corpus(train=5, valid=40)[1] == sample_corpus(train=60, valid=40)[1]


def test_every_rule_and_list_is_defined_once_and_used() -> None:
    used = {name for text in GRAMMAR.values() for name in re.findall(r"\{(\w+)\}", text)}
    assert not GRAMMAR.keys() & WORDS.keys()
    assert used | {"sentence"} == GRAMMAR.keys() | WORDS.keys()


def test_entities_of_the_grammar_have_known_types() -> None:
    assert {label for text in GRAMMAR.values() for label in re.findall(r"\{(\w+):", text)} == TYPES


def test_the_command_writes_both_parts_the_same_whatever_the_hash_seed(tmp_path: Path) -> None:
    for hash_seed in ("1", "2"):
        done = command("--output", str(tmp_path / hash_seed), "--train", "30", "--valid", "20", hash_seed=hash_seed)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.count("\n") == 1
        assert "train 30 sentences" in done.stdout
    assert sorted(path.name for path in (tmp_path / "1").iterdir()) == ["train.txt", "valid.txt"]
    for name in ("train.txt", "valid.txt"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()
    train, valid = sample_corpus(train=30, valid=20)
    assert list(read_conll(tmp_path / "1" / "train.txt")) == train
    assert list(read_conll(tmp_path / "1" / "valid.txt")) == valid


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--output"),
        (("--output", "x", "--train", "0"), "at least 1"),
        (("--output", "x", "--valid", "many"), "--valid"),
        (("--output", "x", "--seed", "1.5"), "--seed"),
        (("--output", "x", "--color", "red"), "--color"),
    ],
)
def test_a_bad_command_line_is_one_line_and_status_2(arguments: tuple[str, ...], said: str) -> None:
    done = command(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


def test_a_folder_that_is_a_file_is_one_line_and_status_2(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    done = command("--output", str(tmp_path / "taken"), "--train", "5", "--valid", "5")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert str(tmp_path / "taken") in done.stderr
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_failure_leaves_nothing_half_written(tmp_path: Path) -> None:
    # A folder where valid.txt should go cannot be replaced by a file.
    (tmp_path / "valid.txt").mkdir()
    done = command("--output", str(tmp_path), "--train", "5", "--valid", "5")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert {path.name for path in tmp_path.iterdir()} <= {"train.txt", "valid.txt"}
