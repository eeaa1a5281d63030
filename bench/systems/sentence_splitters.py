"""Libraries that cut a text into sentences, for comparison with runtime.text.sentences; each is imported when used."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence

Spans = Sequence[tuple[int, int]]
"""(first, one past the last) code point of each sentence, in order and disjoint."""
Splitter = Callable[[str], Spans]


def installed_splitters() -> dict[str, Splitter]:
    """Those that are installed, by the name of their package."""
    return {name: splitter for name, splitter in _SPLITTERS.items() if importlib.util.find_spec(name)}


def _sentencex(text: str) -> Spans:
    import sentencex

    return [(each["start_index"], each["end_index"]) for each in sentencex.get_sentence_boundaries("en", text)]


def _syntok(text: str) -> Spans:
    from syntok import segmenter

    sentences = [sentence for paragraph in segmenter.analyze(text) for sentence in paragraph if sentence]
    return [(sentence[0].offset, sentence[-1].offset + len(sentence[-1].value)) for sentence in sentences]


def _blingfire(text: str) -> Spans:
    import blingfire

    spans: Spans = blingfire.text_to_sentences_and_offsets(text)[1]
    return spans


def _pysbd(text: str) -> Spans:
    import pysbd

    return [(each.start, each.end) for each in pysbd.Segmenter(language="en", char_span=True).segment(text)]


_SPLITTERS: dict[str, Splitter] = {
    "sentencex": _sentencex,
    "syntok": _syntok,
    "blingfire": _blingfire,
    "pysbd": _pysbd,
}
