"""Certify: hold a candidate against the checkpoint, through the code that will serve it.

    python -m export.certify BUNDLE [--model CHECKPOINT] --corpus FOLDER [--elsewhere FILE]

A folder in Optimum's layout that others made becomes a bundle by it; see export.certify.import_folder. Otherwise:
the candidate answers through Tagger on the file in the bundle; the checkpoint answers through
export.certify.reference, which shares no code with it. What is measured:

    words                       of the text; those that the tokenizer turns into nothing are not counted
    sentences, distinct_sentences           of the text
    left_out                    sentences longer than the model, which cannot be compared
    not_finite                  logits that are infinite or not a number
    changed_labels              words whose label differs; changed_per_10k: the same in 10,000 words
    changed_per_10k_upper       95% upper bound of that rate; the gate judges the measured rate
    largest_logit_difference, mean_logit_difference     over all words and labels of all ways to ask (see below)
    relative_logit_difference   the largest difference over the largest logit of the checkpoint
    reference_*, candidate_*    entity precision, recall, F1 against gold, 0 to 1, over the types that both know;
                                None where there is none
    f1_lost                     reference F1 - candidate F1, in points (0.01)
    agreement                   entity F1 of the candidate against the checkpoint's answers, 0 to 1
    alone_changed_per_10k       changed_per_10k with each sentence tagged alone; where rows of one length have graphs of
                                their own for that (see runtime.backends.base), through these too, alone and three in a
                                call, and the worst counts
    sure_words                  words whose label has a probability of 0.95 or more by the checkpoint
    sure_changed                of these, labels that differ all the same; where most do, of all ways to ask
    margin_median, margin_90, margin_largest    probability of the checkpoint's first label less that of its second,
                                where labels differ: the median, the 90% quantile and the largest; None where none does
    elsewhere_*                 figures of this table for a second text, which nothing was fitted to; measured where the
                                gate asks for it, see export.certify.elsewhere
    rows_words, rows_changed_per_10k        sentences joined to rows of exactly as many tokens as
                                            export.certify.full_rows says
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import PurePosixPath

from export.certify.cpu_requirements import cpu_requirements_of
from export.certify.measure import Certifier
from export.certify.outcomes import Outcome, certificates_of, measured, reason_of
from export.certify.probe import probe_of
from export.certify.report import show_certificate, summary
from export.graphs.shared_weights import external_files
from export.preflight import rows_to_cover
from export.provenance import versions
from runtime.backends.registry import version_of
from runtime.batch.batches import ON_CPU
from runtime.bundle.certificate import EXPORT_HERE
from runtime.bundle.doubts import interface_sha256
from runtime.bundle.gate import GATE, is_held_elsewhere
from runtime.bundle.profile import RunProfile
from runtime.bundle.store import (
    CONFIG,
    REMAKE,
    TOKENIZER,
    Bundle,
    Candidate,
    Certificate,
    Graph,
    Precision,
    digest_of,
)
from runtime.errors import BackendError, BundleError, GateError
from runtime.screen.display import detail, stage
from runtime.selection import runnable
from runtime.system.cpu import cpu_features
from runtime.system.files import name_for_others
from runtime.tagger import Tagger

_CUTS_OFF = "this CPU cuts sums off"
_WITHOUT = "leave its precision out, or report it if that is fp32"


def certify(bundle: Bundle, candidate: Candidate, certifier: Certifier, *, threads: int) -> Certificate:
    """Measure one candidate and hold it against the gate.

    Raises:
        BackendError, BundleError: the candidate cannot answer at all; there is nothing to certify.
    """
    rows = rows_to_cover(bundle, candidate)
    with ExitStack() as opened:
        tagger = opened.enter_context(
            Tagger.open(bundle.path, candidate=candidate, threads=threads, allow_uncertified=True)
        )
        for_one_text = [opened.enter_context(_with_rows(bundle, candidate, rows, threads))] if rows else []
        certifier.check_labels(tagger.labels.labels)
        figures = certifier.measure(tagger, for_one_text=for_one_text)
        held_elsewhere = is_held_elsewhere(candidate.precision)
        if held_elsewhere:
            figures |= certifier.measure_elsewhere(tagger)
        bounds = GATE[candidate.precision]
        return Certificate(
            file=candidate.file,
            backend=candidate.backend,
            precision=candidate.precision,
            device=tagger.backend.device,
            versions=versions("torch", "transformers", "tokenizers") | {candidate.backend: version_of(candidate)},
            corpus=name_for_others(certifier.text.name),
            corpus_sha256=certifier.text.sha256,
            measured=figures,
            limits={bound.figure: bound.limit for bound in bounds},
            passed=all(bound.holds(figures) for bound in bounds),
            cpu_requirements=cpu_requirements_of(bundle, candidate, cpu_features()),
            entities=certifier.entities,
            files={name: _sha256(bundle, name) for name in sorted(files_of(bundle, candidate))},
            interface_sha256=interface_sha256(bundle.manifest),
            probe=probe_of(tagger),
            elsewhere=name_for_others(certifier.elsewhere.name) if held_elsewhere else "",
            elsewhere_sha256=certifier.elsewhere.sha256 if held_elsewhere else "",
            rows=rows,
            residual_in_fp32=candidate.backend == "openvino",  # as runtime.backends.openvino_cpu runs what is new
        )


def _with_rows(bundle: Bundle, candidate: Candidate, rows: tuple[int, ...], threads: int) -> Tagger:
    """The candidate as goal="latency" opens it once export.tune has found that rows of one length pay off."""
    profile = RunProfile("one-text", candidate, "latency", threads, 1, ON_CPU.slots, rows)
    return Tagger.open(bundle.path, profile=profile, threads=threads, allow_uncertified=True)


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


def certify_all(bundle: Bundle, certifier: Certifier, *, threads: int) -> tuple[Outcome, ...]:
    """What every candidate of a bundle that this machine can run comes to.

    Some candidates are left out: those whose backend cannot run a file which another one can (OpenVINO loads no
    DeBERTa), a GPU that answers wrongly or not at all, int8 on a CPU that cuts its sums off, and a precision below the
    file's own that fails or is refused: the file is as good as it was. Whether that will do, check_outcomes says.
    """
    return passing(bundle, runnable(bundle), lambda candidate: certify(bundle, candidate, certifier, threads=threads))


def passing(
    bundle: Bundle, tried: Sequence[Candidate], measure: Callable[[Candidate], Certificate]
) -> tuple[Outcome, ...]:
    """The same with the candidates given, and what measures one, which raises as certify does."""
    outcomes: list[Outcome] = []
    with stage("certify", total=len(tried)) as certifying:
        for candidate in tried:
            certifying.step(str(candidate))
            outcomes.append(_outcome(bundle, candidate, measure))
        certifying.remark = f"{len(certificates_of(outcomes))} of {len(tried)} candidates kept"
    return tuple(outcomes)


def _outcome(bundle: Bundle, candidate: Candidate, measure: Callable[[Candidate], Certificate]) -> Outcome:
    """Measure one candidate. It has a fault if it is a file in its own precision on the CPU, and fails."""
    try:
        certificate = measure(candidate)
    except (BackendError, BundleError) as error:
        detail(f"REFUSED: {candidate}: {error}")
        if isinstance(error, BundleError) and candidate.device == "cpu":
            fault = GateError(str(candidate), f"it is refused ({error.problem})", error.fix)
            return Outcome(candidate, False, "it is refused", fault=fault)
        return Outcome(candidate, False, f"{candidate.backend} cannot run it")
    detail(summary(certificate))
    if certificate.passed:
        return measured(certificate, kept=True, reason="kept")
    if "no vnni" in certificate.cpu_requirements:
        detail(f"left out: this CPU cuts sums off; {EXPORT_HERE}")
        return measured(certificate, kept=False, reason=_CUTS_OFF)
    if _in_own_precision(bundle, candidate) and candidate.device == "cpu":
        show_certificate(certificate)
        wrong = GateError(str(candidate), "it does not say what the checkpoint says", _WITHOUT)
        return replace(measured(certificate, kept=False, reason=reason_of(certificate)), fault=wrong)
    return measured(certificate, kept=False, reason=reason_of(certificate))


def check_outcomes(bundle: Bundle, outcomes: Sequence[Outcome], *, may_fail: Collection[Precision] = ()) -> None:
    """Refuse a bundle with a file that answers wrongly, or that nothing on this CPU runs in its own precision.

    Args:
        bundle: with all files that were tried.
        outcomes: of its candidates.
        may_fail: precisions whose files nobody relies on: where they fail, they are not served, and that is all.

    Raises:
        GateError: the first such file.
    """
    relied_on = [each for each in outcomes if bundle.part(each.candidate.file).precision not in may_fail]
    own = [each for each in relied_on if _in_own_precision(bundle, each.candidate)]
    served = {each.candidate.file for each in own if each.kept}
    for each in relied_on:
        # Two backends round a graph in 8 bits differently: one may pass where the other fails by a label. In fp32 there
        # is no such luck, and what answers wrongly once is wrong.
        if each.fault and (each.candidate.precision == "fp32" or each.candidate.file not in served):
            raise each.fault
    # Of a file whose sums this CPU cuts off, nothing can be said here.
    passed = {each.candidate.file for each in own if each.kept or each.reason == _CUTS_OFF}
    wanted = {each.candidate.file for each in own if each.candidate.device == "cpu"}
    if lacking := sorted(wanted - passed):
        raise GateError(lacking[0], "no backend of this machine runs it in its own precision", _WITHOUT)
    if not certificates_of(outcomes):
        raise GateError(
            str(bundle.path), "no candidate passed that this machine can run", "--verbose says why each is left out"
        )


def _in_own_precision(bundle: Bundle, candidate: Candidate) -> bool:
    return candidate.precision == bundle.part(candidate.file).precision
