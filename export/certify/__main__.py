"""python -m export.certify: hold the candidates of a bundle against its checkpoint once more."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from export.certify.certify_bundle import certify_all, check_outcomes
from export.certify.corpus import check_evidence, counted, read_text
from export.certify.elsewhere import elsewhere_text
from export.certify.measure import Certifier
from export.certify.outcomes import Outcome, certificates_of, still_failed, still_vouched
from export.crf import read_elsewhere, with_crf
from export.options import add_options
from export.preflight import check_tokenizer, with_label_scheme
from export.report.ending import report, show_table
from export.report.write import check_reports, outcomes_of
from export.staging import exclusive
from export.tune.kept_profiles import kept_profiles
from runtime.bundle.checkpoint import Checkpoint
from runtime.bundle.doubts import doubts
from runtime.bundle.hub import find_checkpoint
from runtime.bundle.store import TOKENIZER, Bundle, Manifest, open_bundle, read_bundle, seal
from runtime.bundle.third_party import is_third_party, open_third_party
from runtime.command_line import Parser, run
from runtime.errors import BundleError, GateError
from runtime.screen.display import stage
from runtime.screen.opening import screen
from runtime.system.libraries import yield_cores
from runtime.text.label_schemes import LabelSet

PROG = "python -m export.certify"


def main(arguments: Sequence[str]) -> int:
    """Certify an existing bundle once more, or for the first time a folder that others made.

    If it fails, the old certificates stay, but what failed is written down and no longer served; or no bundle comes
    to be.
    """
    options = _parser().parse_args(arguments)
    with screen(verbose=options.verbose), exclusive(options.bundle) as place:
        return _certify(options, place)


def _certify(options: Namespace, place: Path) -> int:
    bundle, checkpoint = _opened(place, options)
    check_reports(place)
    labels = checkpoint.label_set
    check_tokenizer(checkpoint)
    text = read_text(options.corpus, most=options.sentences, limited=options.limited_evidence, labels=labels)
    check_evidence(text, labels, counted(text))
    elsewhere = elsewhere_text(options.elsewhere, text, limited=options.limited_evidence, labels=labels)
    yield_cores()
    from export.certify.reference import Reference
    from export.certify.tokens import compare_tokens
    from export.torch_model import load_model

    try:
        with stage("reference"):
            # Before anything else: with other tokens, no figure would tell why the answers differ.
            compare_tokens(bundle.file(TOKENIZER), checkpoint.folder, text.words)
            model = load_model(checkpoint.folder, read_elsewhere=read_elsewhere(checkpoint))
            reference = Reference(checkpoint.folder, model, threads=options.threads)
            longest = checkpoint.max_length
            certifier = Certifier(reference, text, labels, max_length=longest, elsewhere=elsewhere)
        certified, outcomes = _certified(bundle, certifier, checkpoint, options.threads)
    except GateError as error:
        print(f"FAILED: {error}\n{_after(bundle, options.bundle)}", file=sys.stderr)
        return 1
    profiles = kept_profiles(bundle.manifest, certified.manifest, bundle=str(options.bundle))
    certified = replace(certified, path=place, manifest=replace(certified.manifest, profiles=profiles))
    seal(place, certified.manifest)
    show_table(report(certified, outcomes), options.bundle)
    return 0


def _certified(
    bundle: Bundle, certifier: Certifier, checkpoint: Checkpoint, threads: int
) -> tuple[Bundle, tuple[Outcome, ...]]:
    """The bundle with new certificates, and what each candidate came to; a third-party folder becomes a bundle.

    Raises:
        GateError: a graph of a bundle, or every graph of a third-party folder, does not say what the checkpoint says.
    """
    if bundle.manifest.checkpoint.sha256 != checkpoint.sha256:
        from export.certify.import_folder import imported

        return imported(bundle, certifier, checkpoint, threads=threads)
    outcomes = certify_all(bundle, certifier, threads=threads)
    manifest = replace(bundle.manifest, failed=still_failed(bundle.manifest.failed, outcomes))
    try:
        check_outcomes(bundle, outcomes)
    except GateError:
        sealed = read_bundle(bundle.path)
        # With another scheme or CRF, another model was measured than the one that is served.
        if _says_of_labels(sealed.manifest) == _says_of_labels(manifest):
            before = outcomes_of(sealed)
            barred = replace(sealed, manifest=replace(sealed.manifest, failed=manifest.failed))
            seal(bundle.path, barred.manifest)
            report(barred, before)
        raise
    others = still_vouched(bundle.manifest.certificates, outcomes, doubts(manifest, limited=True))
    return replace(bundle, manifest=replace(manifest, certificates=(*certificates_of(outcomes), *others))), outcomes


def _says_of_labels(manifest: Manifest) -> tuple[object, ...]:
    """What turns logits into entities."""
    return LabelSet(manifest.labels, manifest.label_scheme).scheme, manifest.crf


def _after(bundle: Bundle, name: Path) -> str:
    """What a failure has changed: candidates that are not served any more, or nothing."""
    failed = () if is_third_party(bundle.path) else read_bundle(bundle.path).manifest.failed
    new = [str(one.candidate) for one in failed if one not in bundle.manifest.failed]
    return f"not served any more: {', '.join(new)}" if new else f"{name} is as it was"


def _opened(path: Path, options: Namespace) -> tuple[Bundle, Checkpoint]:
    """A bundle or a third-party folder, and its checkpoint.

    Raises:
        BundleError: it was made from another checkpoint, or nobody says from which.
        CheckpointError: what its labels mean cannot be told, and nobody says it.
    """
    model: str = options.model
    if is_third_party(path):
        if not model:
            problem = "export did not make it, so that its checkpoint is not known"
            raise BundleError(str(path), problem, "give the checkpoint with --model")
        checkpoint = with_label_scheme(find_checkpoint(model), options.label_scheme)
        return open_third_party(path), with_crf(checkpoint, options.crf)
    bundle = open_bundle(path)
    source = bundle.manifest.checkpoint
    checkpoint = replace(find_checkpoint(model or source.pinned), name=source.name)
    if checkpoint.sha256 != source.sha256:
        problem = f"not the checkpoint that {path} was made from"
        raise BundleError(str(checkpoint.folder), problem, "give its checkpoint with --model, or export this one")
    checkpoint = with_label_scheme(checkpoint, options.label_scheme or bundle.manifest.label_scheme)
    checkpoint = with_crf(checkpoint, options.crf or ("words" if bundle.manifest.crf else ""))
    manifest = replace(bundle.manifest, label_scheme=checkpoint.label_scheme, crf=checkpoint.crf)
    return replace(bundle, manifest=manifest), checkpoint


def _parser() -> Parser:
    parser = Parser(prog=PROG, description="Hold the candidates of a bundle against its checkpoint.")
    parser.add_argument("bundle", type=Path, help="folder that export made, or in Optimum's layout")
    parser.add_argument("--model", default="", help="the checkpoint, if it is not where the manifest says")
    add_options(parser)
    return parser


if __name__ == "__main__":
    run(main, PROG)
