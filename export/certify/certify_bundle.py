"""Certify: hold a candidate against the checkpoint, through the code that will serve it.

    python -m export.certify BUNDLE [--model CHECKPOINT] --corpus FOLDER

A folder in Optimum's layout that others made becomes a bundle by it; see export.certify.import_folder. Otherwise:
the candidate answers through Tagger on the file in the bundle; the checkpoint answers through
export.certify.reference, which shares no code with it. What is measured:

    words                       of the text; those that the tokenizer turns into nothing are not counted
    sentences, distinct_sentences           of the text
    left_out                    sentences longer than the model, which cannot be compared
    not_finite                  logits that are infinite or not a number
    changed_labels              words whose label differs; changed_per_10k: the same in 10,000 words
    changed_per_10k_upper       95% upper bound of that rate; the gate judges the measured rate
    largest_logit_difference, mean_logit_difference     over all words and labels of all three ways to ask (see below)
    relative_logit_difference   the largest difference over the largest logit of the checkpoint
    reference_*, candidate_*    entity precision, recall, F1 against gold, 0 to 1, over the types that both know;
                                None where there is none
    f1_lost                     reference F1 - candidate F1, in points (0.01)
    agreement                   entity F1 of the candidate against the checkpoint's answers, 0 to 1
    alone_changed_per_10k       the same with each sentence tagged alone
    rows_words, rows_changed_per_10k        sentences joined to rows of exactly as many tokens as
                                            export.certify.full_rows says
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import PurePosixPath

from export.certify.cpu_requirements import cpu_requirements_of
from export.certify.measure import Certifier
from export.certify.probe import probe_of
from export.certify.report import show_certificate, stage, summary
from export.graphs.shared_weights import external_files
from export.provenance import versions
from runtime.backends.registry import version_of
from runtime.bundle.certificate import EXPORT_HERE
from runtime.bundle.doubts import interface_sha256
from runtime.bundle.gate import GATE
from runtime.bundle.store import CONFIG, REMAKE, TOKENIZER, Bundle, Candidate, Certificate, Graph, digest_of
from runtime.errors import BackendError, BundleError, GateError
from runtime.selection import runnable
from runtime.system.cpu import cpu_features
from runtime.tagger import Tagger

_WITHOUT = "leave its precision out, or report it if that is fp32"


def certify(bundle: Bundle, candidate: Candidate, certifier: Certifier, *, threads: int) -> Certificate:
    """Measure one candidate and hold it against the gate.

    Raises:
        BackendError, BundleError: the candidate cannot answer at all; there is nothing to certify.
    """
    with Tagger.open(bundle.path, candidate=candidate, threads=threads, allow_uncertified=True) as tagger:
        certifier.check_labels(tagger.labels.labels)
        measured = certifier.measure(tagger)
        bounds = GATE[candidate.precision]
        return Certificate(
            file=candidate.file,
            backend=candidate.backend,
            precision=candidate.precision,
            device=tagger.backend.device,
            versions=versions("torch", "transformers", "tokenizers") | {candidate.backend: version_of(candidate)},
            corpus=certifier.text.name,
            corpus_sha256=certifier.text.sha256,
            measured=measured,
            limits={bound.figure: bound.limit for bound in bounds},
            passed=all(bound.holds(measured) for bound in bounds),
            cpu_requirements=cpu_requirements_of(bundle, candidate, cpu_features()),
            entities=certifier.entities,
            files={name: _sha256(bundle, name) for name in sorted(files_of(bundle, candidate))},
            interface_sha256=interface_sha256(bundle.manifest),
            probe=probe_of(tagger),
        )


def files_of(bundle: Bundle, candidate: Candidate) -> set[str]:
    """Names of all files that the candidate's answers come from: tokenizer, configuration, graph, external weights.

    Raises:
        BundleError: the graph's weights lie outside the bundle.
    """
    names = {TOKENIZER, CONFIG, candidate.file}
    if not isinstance(bundle.part(candidate.file), Graph):
        return names
    for weights in external_files(bundle.file(candidate.file)):
        name = PurePosixPath(candidate.file).parent / weights
        if name.is_absolute() or ".." in name.parts:
            raise BundleError(candidate.file, f"its weights lie outside the bundle ({weights})", REMAKE)
        names.add(name.as_posix())
    return names


def _sha256(bundle: Bundle, name: str) -> str:
    """As it was verified when the bundle was opened; folders of others list no weights."""
    return (bundle.manifest.files.get(name) or digest_of(bundle.file(name))).sha256


def certify_all(bundle: Bundle, certifier: Certifier, *, threads: int) -> tuple[Certificate, ...]:
    """Certificates for every candidate of a bundle that this machine can run, printed as they come.

    Some candidates are left out, and said to be: a backend that cannot run a file which another one can (OpenVINO loads
    no DeBERTa), a GPU that answers wrongly or not at all, int8 on a CPU that cuts its sums off, and a precision below
    the file's own that fails or is refused: the file is as good as it was.

    Raises:
        GateError: a file answers wrongly in its own precision on the CPU, or no backend can run it in that.
    """
    return passing(bundle, runnable(bundle), lambda candidate: certify(bundle, candidate, certifier, threads=threads))


def passing(
    bundle: Bundle, tried: Sequence[Candidate], measure: Callable[[Candidate], Certificate]
) -> tuple[Certificate, ...]:
    """The same with the candidates given, and what measures one, which raises as certify does."""
    certificates: list[Certificate] = []
    void: set[str] = set()
    for candidate in tried:
        try:
            with stage("certify") as said:
                certificate = measure(candidate)
                said.append(summary(certificate))
        except (BackendError, BundleError) as error:
            print(f"REFUSED: {candidate}: {error}", flush=True)
            if isinstance(error, BundleError) and candidate.device == "cpu":
                raise GateError(str(candidate), f"it is refused ({error.problem})", error.fix) from error
            continue
        if certificate.passed:
            certificates.append(certificate)
        elif "no vnni" in certificate.cpu_requirements:
            print(f"  left out: this CPU cuts sums off; {EXPORT_HERE}", flush=True)
            void.add(candidate.file)
        elif _in_own_precision(bundle, candidate) and candidate.device == "cpu":
            show_certificate(certificate)
            raise GateError(str(candidate), "it does not say what the checkpoint says", _WITHOUT)
        else:
            print("  left out: its file is served in its own precision, or by other backends", flush=True)
    _check_complete(bundle, tried, certificates, void)
    return tuple(certificates)


def _check_complete(
    bundle: Bundle, tried: Sequence[Candidate], certificates: Sequence[Certificate], void: Collection[str]
) -> None:
    """Refuse a bundle with a file that nothing on this CPU is certified to run in its own precision."""
    passed = {certificate.file for certificate in certificates if _in_own_precision(bundle, certificate.candidate)}
    on_cpu = [candidate for candidate in tried if candidate.device == "cpu"]
    wanted = {candidate.file for candidate in on_cpu if _in_own_precision(bundle, candidate)}
    if lacking := sorted(wanted - passed - {*void}):
        raise GateError(lacking[0], "no backend of this machine runs it in its own precision", _WITHOUT)
    if not certificates:
        raise GateError(
            str(bundle.path), "no candidate passed that this machine can run", "see above for why each one is left out"
        )


def _in_own_precision(bundle: Bundle, candidate: Candidate) -> bool:
    return candidate.precision == bundle.part(candidate.file).precision
