"""Texts of odd characters, tagged in any company: one by one, together, in other chunks, as words, as a stream.

Right: what a text gets alone is what it gets in every company; entities are disjoint, in order, and are the characters
that their offsets say; and the labels of words spell the same entities.
"""

from __future__ import annotations

import random
from pathlib import Path

from runtime.decode.options import Decoding
from runtime.tagger import Tagger
from runtime.text.entity import Entity
from tests.fuzz.kind import Case, check
from tests.nasty import NASTY
from tests.runtime.tag.stand_in import open_stand_in

_PARTS = (
    *("Maria ", "Keller", " Lund", "Oslo", ". ", "? ", "\n", "\n\n", "\t", " ", "\u00a0", "\u200b", "\u0301", "x" * 40),
    *(
        "U.S. ",
        "Mr. ",
        "12. ",
        "(",
        ")",
        '"',
        "'s",
        "\ud800",
        "\u2028",
        "\x00",
        "\r\n",
        "\u65e5\u672c\u3002",
        "- ",
        "Bergen ",
    ),
)


def open_case(folder: Path) -> Case:
    """See the module."""
    taggers = {name: _with(folder, name) for name in ("word", "simple", "first", "average", "max", "none")}

    def case(chance: random.Random) -> None:
        texts = [_text(chance) for _ in range(chance.randrange(1, 6))]
        name = chance.choice((*["word"] * 5, *taggers))
        tagger = taggers[name]
        together = tagger.tag(texts)
        number = chance.randrange(len(texts))
        check(tagger.tag([texts[number]])[0] == together[number], "alone", texts[number])
        check(list(tagger.stream(iter(texts), chunk=chance.choice((1, 2, 3)))) == together, "in other chunks", texts)
        for text, found in zip(texts, together):
            _check(text, found, whole=name != "none")
        check(list(tagger.entities(texts[number])) == together[number], "as they are found", texts[number])
        words = texts[0].split()
        if words:
            labels = tagger.tag_words([words, words[:1]])
            check(len(labels[0]) == len(words) and labels[0] == tagger.tag_words([words])[0], "labels", words)

    return case


def _with(folder: Path, aggregation: str) -> Tagger:
    own = folder / aggregation
    own.mkdir()
    plain = open_stand_in(own)
    if aggregation == "word":
        return plain
    reading = Decoding(aggregation=aggregation)  # type: ignore[arg-type]  # one of its names
    encoder = plain._encoder
    return Tagger(encoder, plain.labels.labels, plain.backend, max_length=32, vocabulary=99, decoding=reading)


def _text(chance: random.Random) -> str:
    if chance.random() < 0.2:
        return chance.choice(NASTY)
    if chance.random() < 0.1:
        return "".join(chr(chance.randrange(0x250)) for _ in range(chance.randrange(60)))
    return "".join(chance.choices(_PARTS, k=chance.randrange(0, 25)))


def _check(text: str, found: list[Entity], *, whole: bool) -> None:
    end = 0
    for entity in found:
        check(end <= entity.start < entity.end <= len(text), "not in order, or empty", text, found)
        check(text[entity.start : entity.end] == entity.text, "other characters", text, entity)
        check(0 <= entity.score <= 1, "score", entity)
        check(not whole or entity.label in ("PER", "LOC"), "label", entity)
        end = entity.end
