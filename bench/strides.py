"""python -m bench strides BUNDLE --corpus FOLDER: the F1 of long documents in windows, by length and by stride.

Sentences are joined to documents of about so many words, tagged as documents, and cut into sentences again for scoring.
The runtime's default stride was chosen from this table. It prints Markdown; its last line is JSON.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.workloads.texts import read_corpus
from runtime.batch.windowing import Windowing
from runtime.bundle.certificate import Wanted
from runtime.command_line import Parser, run
from runtime.tagger import Tagger
from runtime.text.conll import Sentence
from runtime.text.scores import score_labels

PROG = "python -m bench strides"
DOCUMENT_WORDS = (50, 500, 5000, 20_000)
# Shares of a window that the next window reads again.
SHARES = (0.0, 0.125, 0.25, 0.5)
ALONE = "alone"

Documents = list[list[Sentence]]
FP32 = Wanted(precision="fp32")


def main(arguments: Sequence[str]) -> int:
    """Print the table and its JSON."""
    parser = Parser(prog=PROG, description="F1 of documents in windows, by stride, against sentences alone.")
    parser.add_argument("bundle", type=Path, help="what export made")
    parser.add_argument("--corpus", type=Path, required=True, help="CoNLL file, or folder with valid.txt")
    options = parser.parse_args(arguments)
    sentences = read_corpus(options.corpus)
    by_stride: dict[str, dict[str, float]] = {}
    for share in SHARES:
        with Tagger.open(options.bundle, candidate=FP32, windowing=Windowing(stride=0)) as tagger:
            stride = int(share * (tagger.max_length - 2))
        with Tagger.open(options.bundle, candidate=FP32, windowing=Windowing(stride=stride)) as tagger:
            by_stride[str(stride)] = dict(_row(tagger, sentences))
    _show(by_stride)
    print(json.dumps({"sentences": len(sentences), "f1": by_stride}))
    return 0


def _row(tagger: Tagger, sentences: Sequence[Sentence]) -> Iterator[tuple[str, float]]:
    yield ALONE, _f1(tagger, [[sentence] for sentence in sentences])
    for words in DOCUMENT_WORDS:
        yield str(words), _f1(tagger, documents(sentences, words))


def documents(sentences: Sequence[Sentence], words: int) -> Documents:
    """Group the sentences in their order; a group is complete once it has at least so many words."""
    groups: Documents = [[]]
    held = 0
    for sentence in sentences:
        if held >= words:
            groups.append([])
            held = 0
        groups[-1].append(sentence)
        held += len(sentence.words)
    return groups


def _f1(tagger: Tagger, joined: Documents) -> float:
    found = []
    labels = tagger.tag_words([[word for sentence in document for word in sentence.words] for document in joined])
    for document, answer in zip(joined, labels, strict=True):
        # Labels of a document are cut into those of its sentences, on which gold is given.
        ends = [0, *itertools.accumulate(len(sentence.words) for sentence in document)]
        found += [answer[start:end] for start, end in itertools.pairwise(ends)]
    gold = [sentence.labels for document in joined for sentence in document]
    return score_labels(gold, found).overall.f1


def _show(by_stride: dict[str, dict[str, float]]) -> None:
    columns = [ALONE, *map(str, DOCUMENT_WORDS)]
    print("| stride | " + " | ".join(f"{name} words" if name != ALONE else name for name in columns) + " |")
    print("|---|" + "---|" * len(columns))
    for stride, row in by_stride.items():
        print(f"| {stride} | " + " | ".join(f"{row[name]:.4f}" for name in columns) + " |")


if __name__ == "__main__":
    run(main, PROG)
