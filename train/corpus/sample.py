"""sample: a generated corpus of English news sentences with the labels PER, ORG, LOC and MISC in BIO.

    python -m train.corpus.sample --output FOLDER [--seed 42] [--train 8000] [--valid 3000]

Every sentence grows from sample_grammar and sample_words, so it needs no network and no license but Nerve's own.
Names and sentence shapes are split: the train part never uses those held out, the valid part uses them half of the
time, so that its score says how well names never seen are found. The same seed gives the same bytes everywhere.
It knows nothing of models, or of how the corpus is read.
"""

from __future__ import annotations

import argparse
import os
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from runtime.command_line import Parser, run
from runtime.text.conll import Sentence, write_conll
from train.corpus.sample_grammar import GRAMMAR
from train.corpus.sample_parser import Choice, Labeled, Node, Reference, choice_of
from train.corpus.sample_words import WORDS

# Read once by the quick start: sentences that all differ teach more than a third of them read three times.
TRAIN_SENTENCES = 8_000
# About 50,000 words: exports are certified on the valid part, and one changed label must show as 1 in 50,000.
VALID_SENTENCES = 3000

MIN_WORDS, MAX_WORDS = 3, 45
# Every fourth name and every tenth sentence shape are held out of the train part, so that valid can test for both.
_NAME_EVERY = 4
_SHAPE_EVERY = 10
# Lists shorter than this (weekdays, ordinals) are the language itself, and are shared.
_SHORT_LIST = 13
# How often the valid part takes a name, and a shape, that the train part never saw.
_HELD_OUT_NAMES = 0.5
_HELD_OUT_SHAPES = 0.1
_ALL_CAPITALS_SHARE = 0.4

# What may stand before the first word of a sentence, quoted or not: at most two marks.
_OPENINGS = frozenset({"", '"', '. "', ': "', '? "'})
# As heard: "an umbrella", but "a European", "a one" and "a Ukrainian".
_VOWEL = re.compile(r"[ai]|o(?!ne\b)|e(?!u)|u[nmp](?!i)")
_CLOSING = frozenset({",", ".", "?", ";", ":", ")", "--"})


@dataclass(frozen=True, slots=True)
class Pool:
    """What a rule or list gives: to both parts, and to the valid part alone where it is long enough to be split.

    `share` is how often the valid part takes what is held out, 0 to 1.
    """

    shared: Choice
    held_out: Choice
    share: float


@dataclass(slots=True)
class Draft:
    """A sentence while it grows."""

    words: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    entity: str = ""
    inside: bool = False
    joining: bool = False

    def add(self, word: str) -> None:
        """Put `word` at the end, with the label of the entity that is open."""
        if word == "~":
            self.joining = True
        elif self.joining:
            self.words[-1] += word
            self.joining = False
        else:
            self.words.append(word)
            self.labels.append(f"{'I' if self.inside else 'B'}-{self.entity}" if self.entity else "O")
            self.inside = True


class Writer:
    """Grows sentences by one stream of random numbers, with what is held out or without."""

    def __init__(self, *, seed: str, held_out: bool) -> None:
        # Random's own hash of a string seed: the same on every platform, whatever PYTHONHASHSEED says.
        self._random = random.Random(seed)
        self._held_out = held_out
        self._pools = _pools()

    def sentences(self, count: int, *, apart_from: Iterable[Sentence] = ()) -> list[Sentence]:
        """`count` sentences that differ, letter case apart, from each other and from those of `apart_from`."""
        seen = {_key(sentence) for sentence in apart_from}
        found: list[Sentence] = []
        while len(found) < count:
            sentence = self._sentence()
            key = _key(sentence)
            if MIN_WORDS <= len(key) <= MAX_WORDS and key not in seen:
                seen.add(key)
                found.append(sentence)
        return found

    def _sentence(self) -> Sentence:
        draft = Draft()
        self._grow(Reference("sentence"), draft)
        words, labels = _punctuated(draft)
        # Headlines and tables, which end in no full stop, are often set in capitals.
        if words[-1] not in _CLOSING and words[-1] != '"' and self._random.random() < _ALL_CAPITALS_SHARE:
            words = [word.upper() for word in words]
        return Sentence(tuple(_spelled(words, labels)), tuple(labels))

    def _grow(self, node: Node, draft: Draft) -> None:
        if isinstance(node, str):
            draft.add(node)
        elif isinstance(node, Reference):
            self._grow(self._pick(self._choice(node.name)), draft)
        elif isinstance(node, Choice):
            self._grow(self._pick(node), draft)
        elif isinstance(node, Labeled):
            self._grow_entity(node, draft)
        else:
            for part in node:
                self._grow(part, draft)

    def _grow_entity(self, node: Labeled, draft: Draft) -> None:
        if draft.entity:
            self._grow(node.body, draft)
            return
        draft.entity, draft.inside = node.label, False
        self._grow(node.body, draft)
        draft.entity = ""

    def _choice(self, name: str) -> Choice:
        pool = self._pools[name]
        held_out = self._held_out and self._random.random() < pool.share
        return pool.held_out if held_out else pool.shared

    def _pick(self, choice: Choice) -> Node:
        return self._random.choices(choice.options, cum_weights=choice.limits)[0]


def sample_corpus(
    *, seed: int = 42, train: int = TRAIN_SENTENCES, valid: int = VALID_SENTENCES
) -> tuple[list[Sentence], list[Sentence]]:
    """The train and the valid part, `train` and `valid` sentences long; no sentence occurs twice.

    The valid part depends on `seed` and `valid` alone, so a longer train part is measured on the same text.
    """
    valid_part = Writer(seed=f"valid {seed}", held_out=True).sentences(valid)
    train_part = Writer(seed=f"train {seed}", held_out=False).sentences(train, apart_from=valid_part)
    return train_part, valid_part


@cache
def _pools() -> dict[str, Pool]:
    pools = {name: _pool(list(entries), every=_NAME_EVERY, share=_HELD_OUT_NAMES) for name, entries in WORDS.items()}
    for name, text in GRAMMAR.items():
        pools[name] = _pool(_productions(text), every=_SHAPE_EVERY, share=_HELD_OUT_SHAPES)
    return pools


def _productions(text: str) -> list[str]:
    return text.strip().replace("\n  ", " ").splitlines()


def _pool(productions: list[str], *, every: int, share: float) -> Pool:
    if len(productions) < _SHORT_LIST:
        return Pool(choice_of(productions), choice_of(productions), 0.0)
    kept = [text for position, text in enumerate(productions, start=1) if position % every]
    return Pool(choice_of(kept), choice_of(productions[every - 1 :: every]), share)


def _key(sentence: Sentence) -> tuple[str, ...]:
    return tuple(word.lower() for word in sentence.words)


def _punctuated(draft: Draft) -> tuple[list[str], list[str]]:
    """Words and labels without the commas and full stops that another mark makes superfluous."""
    pairs = list(zip(draft.words, draft.labels))
    kept: list[tuple[str, str]] = []
    for position, (word, label) in enumerate(pairs):
        after = pairs[position + 1][0] if position + 1 < len(pairs) else "."
        before = kept[-1][0] if kept else ","
        doubled = word == "," and (after in _CLOSING or before == ",")
        ended = word == "." and before.endswith(".")
        if not doubled and not ended:
            kept.append((word, label))
    return [word for word, _ in kept], [label for _, label in kept]


def _spelled(words: list[str], labels: list[str]) -> list[str]:
    """`words` with "an" before a vowel, and a capital at the beginning of the sentence and of what is quoted."""
    spelled = list(words)
    for position, word in enumerate(words):
        after = words[position + 1] if position + 1 < len(words) else ""
        if word == "a" and labels[position] == "O" and _VOWEL.match(after.lower()):
            spelled[position] = "an"
        before = " ".join(words[max(0, position - 2) : position])
        if before in _OPENINGS and labels[position] == "O":
            spelled[position] = spelled[position][:1].upper() + spelled[position][1:]
    return spelled


def _write(parts: dict[Path, list[Sentence]]) -> None:
    """Every file of `parts` under a temporary name first, so that a failure leaves the old files alone."""
    temporary = {path: path.with_name(f".{path.name}.{os.getpid()}") for path in parts}
    try:
        for path, sentences in parts.items():
            write_conll(sentences, temporary[path])
        for path, written in temporary.items():
            written.replace(path)
    finally:
        for written in temporary.values():
            written.unlink(missing_ok=True)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} sentences asked for, at least 1 expected")
    return number


def main(arguments: Sequence[str]) -> int:
    """The command; returns the exit status."""
    parser = Parser(
        prog="python -m train.corpus.sample", description="Write the sample corpus as train.txt and valid.txt."
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where the two files go")
    parser.add_argument("--seed", type=int, default=42, help="another seed, another corpus (%(default)s)")
    parser.add_argument("--train", type=_count, default=TRAIN_SENTENCES, help="sentences to train on (%(default)s)")
    parser.add_argument("--valid", type=_count, default=VALID_SENTENCES, help="sentences to validate on (%(default)s)")
    options = parser.parse_args(arguments)
    train, valid = sample_corpus(seed=options.seed, train=options.train, valid=options.valid)
    folder: Path = options.output
    folder.mkdir(parents=True, exist_ok=True)
    _write({folder / "train.txt": train, folder / "valid.txt": valid})
    print(f"{folder}: {_summary('train', train)}; {_summary('valid', valid)}")
    return 0


def _summary(name: str, sentences: list[Sentence]) -> str:
    words = sum(len(sentence.words) for sentence in sentences)
    entities = sum(label.startswith("B-") for sentence in sentences for label in sentence.labels)
    return f"{name} {len(sentences)} sentences, {words} words, {entities} entities"


if __name__ == "__main__":
    run(main, "python -m train.corpus.sample")
