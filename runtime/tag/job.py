"""A job joins inputs, a tagger and an output as a command line asks.

The request is checked here: formats of the inputs, files that exist, an output that can be written. The module does
not know how formats are read or written, or how texts are tagged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from runtime.bundle.store import LARGEST_MANIFEST, MANIFEST
from runtime.errors import StorageError, UsageError
from runtime.system.files import read_regular
from runtime.tag.answers import Tagging
from runtime.tag.input.detect import (
    HEAD,
    WITH_COLUMNS,
    WITH_FIELDS,
    Input,
    Output,
    input_format,
    output_format,
    whole_lines,
)
from runtime.tag.input.item import Item
from runtime.tag.input.read import READERS, Reading, Start, conll_able, texts_as_items
from runtime.tag.input.source import STANDARD, Source
from runtime.tag.input.tables import as_json_lines
from runtime.tag.output.collisions import check_collisions
from runtime.tag.output.journal import Work, check_end, check_finished
from runtime.tag.output.sink import open_sink
from runtime.tag.request import JobRequest, Request
from runtime.tag.run import Run

AUTO = "auto"


class Job:
    """The checked request of a command line. As a context manager, it closes the output.

    Args:
        request: see runtime.tag.request.
        save_seconds: see runtime.tag.__main__.main.

    Raises:
        NerveError: a text is broken, an input cannot be read, the output cannot be written, or an option does not fit
            the formats.
    """

    def __init__(self, request: Request, *, save_seconds: float) -> None:
        asked = self.asked = request.job
        self.texts = list(texts_as_items(asked.texts))
        problem = next((item.problem for item in self.texts if item.problem), None)
        if problem and asked.on_error == "stop":
            raise problem
        names = [] if self.texts else asked.inputs or [STANDARD]
        self.sources = [Source(name) for name in names]
        self.kinds = [input_format(source) if asked.format == "auto" else asked.format for source in self.sources]
        self.to: Output = asked.to if asked.to != "auto" else output_format(asked.output, self.kinds)
        _check(request, self.sources, self.kinds, self.to)
        # Columns of CoNLL are parted in one way in a whole file, and its first lines say in which. A pipe is not looked
        # into before its turn: who writes several may write them one after the other.
        self._tabs = [
            kind == "conll" and source.can_be_read_again and _has_tabs(source)
            for source, kind in zip(self.sources, self.kinds)
        ]
        self.sink = open_sink(asked.output, self._work(request), resume=asked.resume, seconds=save_seconds)
        if asked.resume and not self.sink.partial:
            raise UsageError("--resume", f"{asked.output} is not a file that could be cut", "leave it out")
        if self.is_done:
            self._end_again()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sink.close()

    @property
    def is_done(self) -> bool:
        """Whether an earlier run has already done everything."""
        return self.sink.saved.complete

    def run(self, tagger: Tagging) -> None:
        """Tag everything that is left, and write it.

        Raises:
            NerveError: a line is broken and the request says to stop there; reading or writing fails.
        """
        Run(self.asked, self.items, self.sources, self.sink, tagger, to=self.to).all()

    def _end_again(self) -> None:
        """End as the earlier run would have, which had only the output's name left to give."""
        saved = self.sink.saved
        for index, (source, kind) in enumerate(zip(self.sources, self.kinds)):
            read = (saved.offset, saved.sha256) if index == saved.source else (0, hashlib.sha256().hexdigest())
            self._look_over(source, kind, saved.finished[index] if index < saved.source else read)
        self.sink.finish()

    def items(self) -> Iterator[Item]:
        """The items that are left to tag: all, or those that an earlier run has not done."""
        items = self._items()
        return map(conll_able, items) if self.to == "conll" else items

    def _items(self) -> Iterator[Item]:
        yield from self.texts
        saved, reading = self.sink.saved, _reading(self.asked)
        for index, (source, kind) in enumerate(zip(self.sources, self.kinds)):
            if index < saved.source:
                self._look_over(source, kind, saved.finished[index])
                continue
            tabs = self._tabs[index] if source.can_be_read_again else kind == "conll" and _has_tabs(source)
            start = Start(source.file, index, more=index + 1 < len(self.sources), tabs=tabs)
            with source.open() as opened:
                file = as_json_lines(kind, opened, source.file, most=self.asked.max_text)
                if index == saved.source and saved.items:
                    # The bytes that are done are read again, to see that they have not changed since.
                    self.sink.catch_up(source.blocks(file, saved.offset), source.file)
                    start = replace(start, line=saved.line, width=saved.width, document=saved.document)
                    if kind == "text":  # the file is a single item, which is done
                        check_end(source.blocks(file, 1), source.file)
                        continue
                yield from READERS[kind](source.lines(file, most=self.asked.max_text), start, reading)

    def _look_over(self, source: Source, kind: Input, finished: tuple[int, str]) -> None:
        """An input that is done: it must still be what was tagged."""
        with source.open() as opened:
            file = as_json_lines(kind, opened, source.file)
            check_finished(source.blocks(file, finished[0] + 1), finished, source.file)
        source.pass_over()

    def _work(self, request: Request) -> Work:
        """The options and inputs that must be the same in a run that goes on with this output."""
        options = request.job.identity() | request.model.identity()
        kinds = [f"{kind} by tabs" if tabs else kind for kind, tabs in zip(self.kinds, self._tabs)]
        options |= {"format": " ".join(kinds), "to": self.to, "bundle's manifest": _digest(request.model.bundle)}
        return Work(options, tuple((source.file, source.size) for source in self.sources))


def _check(request: Request, sources: Sequence[Source], kinds: Sequence[Input], to: Output) -> None:
    """Raise UsageError for options that do not fit the formats, and StorageError for a score file without a folder."""
    asked, fields = request.job, request.job.fields
    inputs = [source.name for source in sources if not source.is_standard]
    model = request.model
    kept = [place for place in (model.bundle, model.checkpoint, model.public_key) if place]
    check_collisions(inputs, asked.output, asked.score_file, kept=kept)
    if asked.score_file and not asked.score_file.absolute().parent.is_dir():
        raise StorageError(str(asked.score_file), "there is no such folder", "make it, or give another file")
    if asked.types and not asked.score:
        raise UsageError("--map", "there is no score to be made", "say --score, or leave it out")
    plain = [kind for kind in kinds if kind not in WITH_FIELDS and kind not in WITH_COLUMNS]
    if asked.score and plain:
        raise UsageError("--score", f"{plain[0]} holds no gold labels", "give CoNLL or JSONL, or leave --score out")
    given = {"--field": fields.text, "--words-field": fields.words, "--gold-field": fields.gold}
    for option, name in {**given, "--document-field": fields.document, "--answer-field": fields.answer}.items():
        if name != AUTO and not any(kind in WITH_FIELDS for kind in kinds):
            raise UsageError(option, "no input has fields, as JSONL and tables do", "say --format, or leave it out")
    if fields.answer != AUTO and to != "jsonl":
        raise UsageError("--answer-field", f"the output is {to}", "say --to jsonl, or leave it out")
    if request.model.decoding.aggregation == "none" and to == "conll":
        raise UsageError("--aggregation none", "it labels tokens of words", "say --to jsonl, or leave it out")
    if (asked.word_column, asked.gold_column) != (1, -1) and not any(kind in WITH_COLUMNS for kind in kinds):
        raise UsageError("column", "no input is CoNLL", "say --format conll, or leave it out")


def _has_tabs(source: Source) -> bool:
    from runtime.text.conll import tabs_separate  # not at the top: most inputs are no CoNLL

    return tabs_separate(whole_lines(source.head(HEAD)))


def _reading(asked: JobRequest) -> Reading:
    return Reading(
        fields=asked.fields,
        word_column=asked.word_column,
        gold_column=asked.gold_column,
        gold=asked.score,
        most=asked.max_text,
    )


def _digest(bundle: Path) -> str:
    """Digest of the bundle's manifest, which holds the digests of all its files; "" where there is no manifest.

    A third-party folder has none, and a missing bundle is reported when the tagger is opened.
    """
    try:
        return hashlib.sha256(read_regular(bundle / MANIFEST, most=LARGEST_MANIFEST)).hexdigest()
    except OSError:
        return ""
