"""One pass over the items of a job: their answers are written as they come, broken lines dealt with, scores counted.

The module does not know how formats are read or written, or how texts are tagged.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from runtime.errors import BugError, CorpusError
from runtime.system.files import write_atomically
from runtime.tag.answers import LongAnswer, Tagging, answers, is_part_of_document
from runtime.tag.input.detect import Output
from runtime.tag.input.item import Item
from runtime.tag.input.source import Source
from runtime.tag.options import PROG
from runtime.tag.output.sink import Sink
from runtime.tag.output.write import Writer, open_writer
from runtime.tag.progress import Progress
from runtime.tag.request import JobRequest
from runtime.text.answer import Answer

if TYPE_CHECKING:
    from runtime.text.label_schemes import LabelSet
    from runtime.text.scores import Scorer

# Bytes of input after which answers are written, so that a chunk of long documents does not fill the memory.
_MOST_BYTES = 1 << 20
# Bytes of the output that are written at once for a long text.
_BLOCK = 1 << 16


class Run:
    """See the module.

    Args:
        asked: the choices for the job.
        items: gives those that are left to tag; nothing else holds on to them, so that an error closes their file.
        sources: the inputs that they come from.
        sink: takes the output.
        tagger: gives the answers.
        to: format of the output.
    """

    def __init__(
        self,
        asked: JobRequest,
        items: Callable[[], Iterator[Item]],
        sources: Sequence[Source],
        sink: Sink,
        tagger: Tagging,
        *,
        to: Output,
    ) -> None:
        self._asked, self._items, self._sources, self._sink, self._tagger = asked, items, sources, sink, tagger
        self._policy = asked.on_error
        self._writer: Writer = open_writer(to, tagger.labels)
        self._left_out = sink.saved.left_out
        self._scorer = _scorer(asked, sink, tagger.labels) if asked.score else None
        sizes = [source.size for source in sources]
        self._progress = Progress(sum(sizes) if all(sizes) else 0, wanted=asked.progress)

    def all(self) -> None:
        """Tag and write everything.

        Raises:
            NerveError: a line is broken and the request says to stop there; reading or writing fails.
        """
        if not self._sink.saved.output:
            self._sink.write(self._writer.head())
        # A person who types lines waits for each answer; a file is tagged in chunks, which is faster.
        talks = any(source.is_standard for source in self._sources) and sys.stdin.isatty()
        chunk, stop = 1 if talks else self._asked.chunk, self._policy == "stop"
        waiting: list[tuple[Item, Answer]] = []
        for item, answer in answers(self._tagger, self._items(), chunk=chunk, stop=stop):
            if item.problem and stop:
                self._stop(item, waiting)
            if isinstance(answer, LongAnswer):
                self._write_all(waiting)
                self._write_long(item, answer)
                continue
            if waiting and not self._is_one_document(item, waiting[-1][0]) and self._is_full(waiting, chunk):
                self._write_all(waiting)  # of a document, which had to be whole
            waiting.append((item, answer))
            if not (self._tagger.in_context and item.document) and self._is_full(waiting, chunk):
                self._write_all(waiting)
        self._write_all(waiting)
        self._sink.write(self._writer.tail())
        scores = self._scores()
        if self._asked.score_file and self._scorer:
            # Before the output has its name: a run that is killed between the two is done, and would not write it.
            write_atomically(self._asked.score_file, scores.encode())
        self._sink.finish()
        self._progress.clear()
        self._say(scores)

    def _is_one_document(self, item: Item, before: Item) -> bool:
        """Whether a run could not go on between the two: the one would miss the other as its context."""
        return self._tagger.in_context and is_part_of_document(item, before)

    def _is_full(self, waiting: Sequence[tuple[Item, Answer]], chunk: int) -> bool:
        return len(waiting) >= chunk or sum(len(item.raw) for item, _ in waiting) >= _MOST_BYTES

    def _write_all(self, answered: list[tuple[Item, Answer]]) -> None:
        """Write answered items, and empty the list. A killed run can go on after them."""
        self._put(b"".join([self._entry(item, answer) for item, answer in answered]), [item for item, _ in answered])
        answered.clear()

    def _write_long(self, item: Item, answer: LongAnswer) -> None:
        """Write a long text as its entities are found. A killed run can go on after it, and not within it."""
        parts: list[bytes] = []
        size = 0
        for part in self._writer.long(item, answer.entities):
            parts.append(part)
            size += len(part)
            if size >= _BLOCK:
                self._sink.write(b"".join(parts))
                parts, size = [], 0
        self._put(b"".join(parts), [item])

    def _put(self, data: bytes, items: Sequence[Item]) -> None:
        """Write the last bytes of these items."""
        self._sink.write(data, items)
        self._sink.save(left_out=self._left_out, score=self._scorer.counts() if self._scorer else {})
        self._progress.update(len(items), sum(source.position for source in self._sources))

    def _entry(self, item: Item, answer: Answer) -> bytes:
        if not item.problem:
            if self._scorer and item.kind == "words":
                self._scorer.add(item.gold, answer.labels)
            return self._writer.entry(item, answer)
        self._left_out += 1
        if self._policy == "record":
            return self._writer.broken(item)
        self._progress.clear()
        print(f"{PROG}: warning: {item.problem}; left out", file=sys.stderr)
        return b""

    def _stop(self, item: Item, waiting: Sequence[tuple[Item, Answer]]) -> None:
        """Write the answers before a broken item, and raise its error, which says how to go on where that is possible.

        They are correct, but for those of the item's document: its sentences were read without this one.
        """
        self._write_all([each for each in waiting if not self._is_one_document(item, each[0])])
        self._progress.clear()
        problem = item.problem
        if problem is None:
            raise BugError(f"stopped at {item.place}, which is not broken")
        if not self._sink.stop(item):
            raise problem
        fix = f"{problem.fix}; the answers before it are in {self._sink.partial}, and --resume goes on from there"
        raise CorpusError(problem.subject, problem.problem, fix)

    def _scores(self) -> str:
        """The table of the scores; "" where none is asked for."""
        if not self._scorer:
            return ""
        from runtime.tag.scoring import score_report  # not at the top: see _scorer

        return score_report(self._scorer)

    def _say(self, scores: str) -> None:
        """Print how many items were broken, how many sentences came again, and the scores that no file takes."""
        if self._left_out:
            done = "are marked in the output" if self._policy == "record" else "were left out"
            print(f"{PROG}: warning: {self._left_out:,} broken lines or sentences {done}", file=sys.stderr)
        repeats = self._tagger.repeats
        if repeats.asked:
            share = repeats.repeated / repeats.asked
            print(
                f"{PROG}: {repeats.repeated:,} of {repeats.asked:,} sentences came again ({share:.1%})", file=sys.stderr
            )
        if not self._scorer:
            return
        from runtime.tag.scoring import score_advice

        if advice := score_advice(self._scorer, self._tagger.labels):
            print(f"{PROG}: warning: {advice}", file=sys.stderr)
        if not self._asked.score_file:
            print(scores, end="", file=sys.stderr)


def _scorer(asked: JobRequest, sink: Sink, labels: LabelSet) -> Scorer:
    from runtime.tag.scoring import open_scorer  # not at the top: it would delay the answer to a single sentence

    return open_scorer(labels, asked.types, sink.saved.score)
