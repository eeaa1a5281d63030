"""Certify: hold a candidate against the checkpoint, through the code that will serve it.

    python -m export.certify BUNDLE [--model CHECKPOINT] --corpus FOLDER

The candidate answers through Tagger on the file in the bundle; the checkpoint answers through export.reference, which
shares no code with it. What is measured:

    words, sentences            of the text
    left_out                    sentences longer than the model, which cannot be compared
    not_finite                  logits that are infinite or not a number
    changed_tags                words whose label differs; changed_per_10k: the same in 10,000 words
    largest_logit_difference, mean_logit_difference     over all words and labels of all three ways to ask (see below)
    relative_logit_difference   the largest difference over the largest logit of the checkpoint
    reference_*, candidate_*    entity precision, recall, F1 against gold, 0 to 1; None where gold has other types
    f1_lost                     reference F1 - candidate F1, in points (0.01)
    agreement                   entity F1 of the candidate against the checkpoint's answers, 0 to 1
    alone_changed_per_10k       the same with each sentence tagged alone
    rows_words, rows_changed_per_10k        sentences joined to rows of exactly ROW_LENGTHS word pieces
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from export.gate import GATE
from export.options import add_options, yield_cores
from export.show import show_certificate, stage
from export.source import checkpoint_folder
from export.text import Text, has_gold_for, read_text
from export.versions import versions
from runtime.bundle import MANIFEST, REMAKE, Bundle, Candidate, Certificate, open_bundle, seal
from runtime.checkpoint import describe, sha256_of_checkpoint
from runtime.choose import runnable
from runtime.cli import Parser, run
from runtime.errors import BackendError, BundleError
from runtime.score import score_labels
from runtime.spans import OUTSIDE
from runtime.tagger import Tagger

PROG = "python -m export.certify"
ROW_LENGTHS = (64, 128, 256, 512)
# Rows of each length: together some 20,000 words, so that a limit of 2 in 10,000 can be told from chance.
ROWS_OF_EACH = 24
# Words to fill those rows from, twice what they hold at one piece a word.
_ROW_WORDS = 2 * ROWS_OF_EACH * sum(ROW_LENGTHS)

if TYPE_CHECKING:
    from export.reference import Reference

Words = Sequence[Sequence[str]]
Figures = dict[str, float | int | None]


class Certifier:
    """Holds candidates against one checkpoint on one text. The checkpoint answers once, for all of them.

    Args:
        reference: the checkpoint.
        text: to compare on.
        labels: label names in the order of the logits.
        max_length: most word pieces of a row, special ones included.
    """

    def __init__(self, reference: Reference, text: Text, labels: Sequence[str], *, max_length: int) -> None:
        pieces = reference.pieces(text.words)
        kept = tuple(sentence for sentence, count in zip(text.sentences, pieces) if count <= max_length)
        self.left_out = len(text.sentences) - len(kept)
        self.text = replace(text, sentences=kept)
        self.labels = tuple(labels)
        self._outside = self.labels.index(OUTSIDE)
        self._rows = _full_rows(reference, self.text.words, [n for n in ROW_LENGTHS if n < max_length] + [max_length])
        self._expected = reference.word_logits(self.text.words)
        self._expected_rows = reference.word_logits(self._rows)
        self._gold = has_gold_for(text, labels)

    def check_labels(self, labels: Sequence[str]) -> None:
        """The bundle must name the logits as the checkpoint does; figures over indices cannot tell.

        Raises:
            BundleError: it does not.
        """
        if tuple(labels) != self.labels:
            found = f"its labels are {', '.join(labels)}; the checkpoint's are {', '.join(self.labels)}"
            raise BundleError(MANIFEST, found, REMAKE)

    def measure(self, tagger: Tagger) -> Figures:
        """The figures of the module's table for one candidate."""
        found = tagger.word_logits(self.text.words)
        alone = np.concatenate([tagger.word_logits([words]) for words in self.text.words])
        rows = tagger.word_logits(self._rows)
        return {
            "sentences": len(self.text.sentences),
            "left_out": self.left_out,
            "words": len(found),
            **self._changed_tags(found),
            **_difference(
                np.concatenate([self._expected, self._expected, self._expected_rows]),
                np.concatenate([found, alone, rows]),
            ),
            **self._scores(found),
            "alone_changed_per_10k": 1e4 * self._changed(self._expected, alone) / max(1, len(alone)),
            "rows_words": len(rows),
            "rows_changed_per_10k": 1e4 * self._changed(self._expected_rows, rows) / max(1, len(rows)),
        }

    def _changed_tags(self, found: NDArray[np.float32]) -> Figures:
        changed = self._changed(self._expected, found)
        return {"changed_tags": changed, "changed_per_10k": 1e4 * changed / max(1, len(found))}

    def _scores(self, found: NDArray[np.float32]) -> Figures:
        candidate, reference = self._names(found), self._names(self._expected)
        agreement = score_labels(reference, candidate).overall
        # Two answers without any entity agree, though the F1 of nothing is 0 by convention.
        figures: Figures = {"agreement": agreement.f1 if agreement.gold or agreement.found else 1.0}
        by_candidate = score_labels(self.text.gold, candidate).overall
        by_reference = score_labels(self.text.gold, reference).overall
        for name, score in (("reference", by_reference), ("candidate", by_candidate)):
            for figure in ("precision", "recall", "f1"):
                figures[f"{name}_{figure}"] = getattr(score, figure) if self._gold else None
        figures["f1_lost"] = 100 * (by_reference.f1 - by_candidate.f1) if self._gold else None
        return figures

    def _tags(self, logits: NDArray[np.float32]) -> NDArray[np.int64]:
        """Label indices; a word that the checkpoint gives no piece is outside. [words]"""
        return np.where(np.isnan(logits).any(axis=1), self._outside, logits.argmax(axis=1))

    def _changed(self, expected: NDArray[np.float32], found: NDArray[np.float32]) -> int:
        return int(np.count_nonzero(self._tags(expected) != self._tags(found)))

    def _names(self, logits: NDArray[np.float32]) -> list[list[str]]:
        """Label names, sentence by sentence."""
        names = [self.labels[tag] for tag in self._tags(logits).tolist()]
        starts = [0, *itertools.accumulate(map(len, self.text.words))]
        return [names[start:end] for start, end in itertools.pairwise(starts)]


def certify(bundle: Bundle, candidate: Candidate, certifier: Certifier, *, threads: int) -> Certificate:
    """Measure one candidate and hold it against the gate.

    Raises:
        BackendError, BundleError: the candidate cannot answer at all; there is nothing to certify.
    """
    with Tagger.open(
        bundle.path,
        backend=candidate.backend,
        precision=candidate.precision,
        file=candidate.file,
        threads=threads,
        allow_uncertified=True,
    ) as tagger:
        certifier.check_labels(tagger.labels.labels)
        measured = certifier.measure(tagger)
        bounds = GATE[candidate.precision]
        return Certificate(
            file=candidate.file,
            backend=candidate.backend,
            precision=candidate.precision,
            device=tagger.backend.device,
            versions=versions("torch", "transformers", "tokenizers", candidate.backend),
            corpus=certifier.text.name,
            corpus_sha256=certifier.text.sha256,
            measured=measured,
            limits={bound.figure: bound.limit for bound in bounds},
            passed=all(bound.holds(measured) for bound in bounds),
        )


def certify_all(bundle: Bundle, certifier: Certifier, *, threads: int) -> tuple[Certificate, ...] | None:
    """Certificates for every candidate of a bundle that this machine can run, printed as they come.

    None if one is refused, or fails the gate in its file's own precision. One that only computes in a lower precision
    than its file and fails is left out, and said to be: the file is as good as it was.
    """
    certificates = []
    for candidate in runnable(bundle):
        try:
            with stage("certify"):
                certificate = certify(bundle, candidate, certifier, threads=threads)
        except (BackendError, BundleError) as error:
            print(f"REFUSED: {candidate}: {error}")
            return None
        show_certificate(certificate)
        if certificate.passed:
            certificates.append(certificate)
        elif candidate.precision == bundle.graph_in(candidate.file).precision:
            return None
        else:
            print(f"LEFT OUT: {candidate}\n", flush=True)
    return tuple(certificates)


def main(arguments: Sequence[str]) -> int:
    """Certify an existing bundle once more; its old certificates stay if it fails."""
    options = _parser().parse_args(arguments)
    bundle = open_bundle(options.bundle)
    source = bundle.manifest.checkpoint
    folder = checkpoint_folder(options.model or source.name)
    if sha256_of_checkpoint(folder) != source.sha256:
        found = f"not the checkpoint that {options.bundle} was made from"
        raise BundleError(str(folder), found, "give its checkpoint with --model, or export this one")
    text = read_text(options.corpus, most=options.sentences)
    yield_cores()
    from export.graph import load_model
    from export.reference import Reference

    reference = Reference(folder, load_model(folder), threads=options.threads)
    description = describe(folder)
    certifier = Certifier(reference, text, description.labels, max_length=description.max_length)
    certificates = certify_all(bundle, certifier, threads=options.threads)
    if certificates is None:
        print(f"FAILED: {options.bundle} is as it was", file=sys.stderr)
        return 1
    seal(options.bundle, replace(bundle.manifest, certificates=certificates))
    return 0


def _parser() -> Parser:
    parser = Parser(prog=PROG, description="Hold the candidates of a bundle against its checkpoint.")
    parser.add_argument("bundle", type=Path, help="folder that export made")
    parser.add_argument("--model", default="", help="the checkpoint, if it is not where the manifest says")
    add_options(parser)
    return parser


def _difference(expected: NDArray[np.float32], found: NDArray[np.float32]) -> Figures:
    """How far logits lie apart, words without a piece left out. Both: [words, labels]"""
    known = ~np.isnan(expected)
    finite = known & np.isfinite(found)
    difference = np.abs(found[finite] - expected[finite])
    largest, scale = float(difference.max(initial=0)), float(np.abs(expected[known]).max(initial=0))
    return {
        "not_finite": int(np.count_nonzero(known & ~np.isfinite(found))),
        "largest_logit_difference": largest,
        "mean_logit_difference": float(difference.mean()) if len(difference) else 0.0,
        "relative_logit_difference": largest / scale if scale else 0.0,
    }


def _full_rows(reference: Reference, sentences: Words, lengths: Sequence[int]) -> list[tuple[str, ...]]:
    """ROWS_OF_EACH texts for each length that fill a row of it to the last cell, as far as the words reach."""
    words = [word for sentence in sentences for word in sentence]
    frame = reference.pieces([()])[0]
    sizes = [count - frame for count in reference.pieces([(word,) for word in words[:_ROW_WORDS]])]
    rows, at = [], 0
    for length in (length for length in lengths for _ in range(ROWS_OF_EACH)):
        row, room = [], length - frame
        # Words too large for the room that is left are passed over; small ones fill it up.
        while room and at < len(sizes):
            if sizes[at] <= room:
                row.append(words[at])
                room -= sizes[at]
            at += 1
        rows.append(tuple(row))
    return [row for row in rows if row]


if __name__ == "__main__":
    run(main, PROG)
