"""Certify: hold a candidate against the checkpoint, through the code that will serve it.

    python -m export.certify BUNDLE [--model CHECKPOINT] --corpus FOLDER

A folder in Optimum's layout that others made becomes a bundle by it; see export.adopt. Otherwise:
the candidate answers through Tagger on the file in the bundle; the checkpoint answers through export.reference, which
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
    rows_words, rows_changed_per_10k        sentences joined to rows of exactly as many word pieces as
                                            export.rows says
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from export.gate import GATE
from export.needs import needs_of
from export.options import add_options, yield_cores
from export.rows import full_rows, row_lengths
from export.show import show_certificate, stage
from export.source import checkpoint_folder
from export.text import Text, has_gold_for, read_text
from export.versions import versions
from runtime.bundle import MANIFEST, REMAKE, Bundle, Candidate, Certificate, Source, open_bundle, seal
from runtime.checkpoint import describe, sha256_of_checkpoint
from runtime.choose import installed_version, runnable
from runtime.cli import Parser, run
from runtime.errors import BackendError, BundleError
from runtime.foreign import is_foreign, open_foreign
from runtime.manifest import NARROWER
from runtime.processor import abilities
from runtime.score import score_labels
from runtime.spans import OUTSIDE
from runtime.tagger import Tagger

PROG = "python -m export.certify"

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
        self._rows = full_rows(reference, self.text.words, row_lengths(max_length))
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
        device=candidate.device,
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
            versions=versions("torch", "transformers", "tokenizers")
            | {candidate.backend: installed_version(candidate.backend)},
            corpus=certifier.text.name,
            corpus_sha256=certifier.text.sha256,
            measured=measured,
            limits={bound.figure: bound.limit for bound in bounds},
            passed=all(bound.holds(measured) for bound in bounds),
            needs=needs_of(bundle, candidate, abilities()),
        )


def certify_all(bundle: Bundle, certifier: Certifier, *, threads: int) -> tuple[Certificate, ...] | None:
    """Certificates for every candidate of a bundle that this machine can run, printed as they come.

    None if a file answers wrongly in its own precision on the CPU, or no engine can run it in that. Left out, and said
    to be, is an engine that cannot run a file which another one can (OpenVINO loads no DeBERTa), a card that answers
    wrongly or not at all, int8 on a processor that cuts its sums off, and a precision below the file's own that fails
    or is refused: the file is as good as it was.
    """
    return passing(bundle, runnable(bundle), lambda candidate: certify(bundle, candidate, certifier, threads=threads))


def passing(
    bundle: Bundle, tried: Sequence[Candidate], measure: Callable[[Candidate], Certificate]
) -> tuple[Certificate, ...] | None:
    """The same with the candidates given, and what measures one, which raises as certify does."""
    certificates: list[Certificate] = []
    void: set[str] = set()
    for candidate in tried:
        try:
            with stage("certify"):
                certificate = measure(candidate)
        except (BackendError, BundleError) as error:
            print(f"REFUSED: {candidate}: {error}\n", flush=True)
            if isinstance(error, BundleError) and candidate.device == "cpu":
                return None
            continue
        show_certificate(certificate)
        if certificate.passed:
            certificates.append(certificate)
        elif "no vnni" in certificate.needs:
            print(f"LEFT OUT: {candidate}: this processor cuts sums off; {NARROWER}\n", flush=True)
            void.add(candidate.file)
        elif _in_own_precision(bundle, candidate) and candidate.device == "cpu":
            return None
        else:
            print(f"LEFT OUT: {candidate}\n", flush=True)
    passed = {certificate.file for certificate in certificates if _in_own_precision(bundle, certificate.candidate)}
    on_cpu = [candidate for candidate in tried if candidate.device == "cpu"]
    wanted = {candidate.file for candidate in on_cpu if _in_own_precision(bundle, candidate)}
    return tuple(certificates) if certificates and passed >= wanted - void else None


def _in_own_precision(bundle: Bundle, candidate: Candidate) -> bool:
    return candidate.precision == bundle.part(candidate.file).precision


def main(arguments: Sequence[str]) -> int:
    """Certify an existing bundle once more, or for the first time a folder that others made.

    If it fails, the old certificates stay, or no bundle comes to be.
    """
    options = _parser().parse_args(arguments)
    bundle, folder, source = _opened(options.bundle, options.model)
    text = read_text(options.corpus, most=options.sentences)
    yield_cores()
    from export.graph import load_model
    from export.reference import Reference

    reference = Reference(folder, load_model(folder), threads=options.threads)
    description = describe(folder)
    certifier = Certifier(reference, text, description.labels, max_length=description.max_length)
    if bundle.manifest.checkpoint == source:
        certificates = certify_all(bundle, certifier, threads=options.threads)
        certified = certificates and replace(bundle, manifest=replace(bundle.manifest, certificates=certificates))
    else:
        from export.adopt import adopted

        length = description.max_length
        certified = adopted(bundle, certifier, source, max_length=length, threads=options.threads)
    if not certified:
        print(f"FAILED: {options.bundle} is as it was", file=sys.stderr)
        return 1
    seal(options.bundle, certified.manifest)
    return 0


def _opened(path: Path, model: str) -> tuple[Bundle, Path, Source]:
    """A bundle or a foreign folder, the folder of its checkpoint, and what to say of that in the manifest.

    Raises:
        BundleError: it was made from another checkpoint, or nobody says from which.
    """
    if is_foreign(path):
        if not model:
            found = "export did not make it, so that its checkpoint is not known"
            raise BundleError(str(path), found, "give the checkpoint with --model")
        folder = checkpoint_folder(model)
        describe(folder)
        return open_foreign(path), folder, Source(model, sha256_of_checkpoint(folder))
    bundle = open_bundle(path)
    source = bundle.manifest.checkpoint
    folder = checkpoint_folder(model or source.name)
    if sha256_of_checkpoint(folder) != source.sha256:
        found = f"not the checkpoint that {path} was made from"
        raise BundleError(str(folder), found, "give its checkpoint with --model, or export this one")
    return bundle, folder, source


def _parser() -> Parser:
    parser = Parser(prog=PROG, description="Hold the candidates of a bundle against its checkpoint.")
    parser.add_argument("bundle", type=Path, help="folder that export made, or in Optimum's layout")
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


if __name__ == "__main__":
    run(main, PROG)
