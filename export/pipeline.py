"""The export pipeline, from a checkpoint to a sealed, certified bundle. It reads downwards."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import onnx
from transformers import PreTrainedModel

from export.certify.attest.attest_bundle import attest_all, tell_attestation
from export.certify.certify_bundle import certify_all, check_outcomes
from export.certify.corpus import NO_TEXT, Text
from export.certify.measure import Certifier
from export.certify.outcomes import Outcome, certificates_of, still_failed
from export.certify.reference import Reference
from export.certify.tokens import compare_tokens, compare_with_slow
from export.crf import read_elsewhere
from export.engines.api import open_portable_building
from export.engines.build_progress import Phases
from export.engines.bundle_engines import with_engines, with_portable
from export.engines.options import NO_ENGINES, TensorRTOptions, fulfilled
from export.graphs.packed import can_pack, packed_from_checkpoint
from export.graphs.padded import padded_from_checkpoint
from export.graphs.shared_weights import share_weights
from export.hf_tokenizer import save_tokenizer
from export.options import VariantOptions
from export.provenance import provenance
from export.reading.documents import Document
from export.reading.policies import readings_of, tell_readings
from export.report.ending import report, show_table
from export.staging import staging
from export.torch_model import load_model
from export.tune.kept_profiles import kept_profiles
from export.tune.speeds import tell_speeds, tuned
from export.unfinished import unfinished_of
from export.variants import variants_of
from runtime.bundle.checkpoint import Checkpoint
from runtime.bundle.store import CONFIG, TOKENIZER, Bundle, Graph, Manifest, digest_of, open_bundle, read_bundle, seal
from runtime.errors import BundleError, GateError, storage_error
from runtime.screen.display import detail, note, stage
from runtime.system.files import replace_folder

# Names without the checkpoint's: two bundles of one layout can be compared file by file.
PADDED, PACKED, WEIGHTS = "padded-fp32.onnx", "packed-fp32.onnx", "weights.data"
# What the license of the checkpoint's base asks to pass on; train.notices writes it.
NOTICE = "NOTICE.txt"


def make_bundle(
    checkpoint: Checkpoint,
    text: Text,
    variants: VariantOptions,
    *,
    output: Path,
    threads: int,
    tensorrt: TensorRTOptions = NO_ENGINES,
    documents: Sequence[Document] = (),
    elsewhere: Text = NO_TEXT,
) -> Bundle:
    """Export, certify, and put the bundle in place if it passed; otherwise what was there stays as it was.

    Args:
        checkpoint: what to export.
        text: to certify on.
        variants: lower precisions to make; none where the model cannot be packed.
        output: where the bundle goes.
        threads: CPUs to use.
        tensorrt: whether to build TensorRT engines, and how; the variants then have fp16.
        documents: of training text, to measure reading policies on; without any, none is measured.
        elsewhere: a second text to certify on, see export.certify.elsewhere.

    Raises:
        BackendError: a TensorRT engine is asked for and cannot be built.
        BundleError: a graph, or what a backend makes of it, is not what its name says.
        GateError: a graph, or every engine that is asked for, does not say what the checkpoint says.
    """
    with staging(output) as folder:
        checkpoint = _with_tokenizer(checkpoint, text, folder)
        with stage("load"):
            model = load_model(checkpoint.folder, read_elsewhere=read_elsewhere(checkpoint))
            for remark in _labels_said(checkpoint):
                note(remark)
        bundle = _exported(model, folder, checkpoint, variants, tensorrt, threads, unfinished_of(output))
        bundle, outcomes = _certified(bundle, checkpoint, model, (text, elsewhere), tensorrt, threads)
        bundle = _with_failures(bundle, outcomes, output)
        # A large model's weights would lie in memory beside those of every backend that is about to be timed.
        del model
        bundle = _tuned(bundle, checkpoint, threads)
        bundle = _with_profiles(bundle, output)
        if documents:
            bundle = _with_readings(bundle, documents, threads)
        seal(folder, bundle.manifest)
        rows = report(bundle, outcomes)
        replace_folder(folder, output)
        shutil.rmtree(unfinished_of(output), ignore_errors=True)
    show_table(rows, output)
    return replace(bundle, path=output)


def _labels_said(checkpoint: Checkpoint) -> list[str]:
    """What a person is told of labels that are not what most models have: a letter and a type each."""
    naming = checkpoint.label_set.naming
    said = {"types of their own": naming.alone, "padding, never an entity": naming.padding}
    return [f"labels in {naming.scheme.value}; {what}: {', '.join(names)}" for what, names in said.items() if names]


def seal_uncertified(folder: Path, checkpoint: Checkpoint, graphs: tuple[Graph, ...]) -> Bundle:
    """A bundle of graphs that lie in the folder, which can be opened, in order to be certified or timed.

    Raises:
        StorageError: no permission, or no space.
    """
    try:
        for name, source in ((TOKENIZER, checkpoint.tokenizer), (CONFIG, checkpoint.folder / CONFIG)):
            if source != folder / name:
                shutil.copyfile(source, folder / name)
        if (checkpoint.folder / NOTICE).is_file():
            shutil.copyfile(checkpoint.folder / NOTICE, folder / NOTICE)
    except OSError as error:
        raise storage_error(error) from error
    manifest = Manifest(
        checkpoint=checkpoint.source,
        labels=checkpoint.labels,
        max_length=checkpoint.max_length,
        vocabulary=checkpoint.vocabulary,
        files={file.name: digest_of(file) for file in sorted(folder.iterdir())},
        graphs=graphs,
        certificates=(),
        versions=provenance(),
        label_scheme=checkpoint.label_scheme,
        crf=checkpoint.crf,
    )
    seal(folder, manifest)
    return open_bundle(folder)


def _with_tokenizer(checkpoint: Checkpoint, text: Text, folder: Path) -> Checkpoint:
    """The checkpoint with the bundle's tokenizer, which transformers saved and which makes the same tokens."""
    with stage("tokenizer") as saving:
        saved, remarks = save_tokenizer(checkpoint, folder / TOKENIZER)
        compared = compare_tokens(saved.tokenizer, checkpoint.folder, text.words)
        saving.remark = f"the same tokens as in transformers for {compared:,} texts"
        for remark in remarks:
            note(remark)
        if not checkpoint.tokenizer.is_file():
            in_corpus, in_delicate = compare_with_slow(checkpoint.folder, text.words)
            note(f"it differs from the slow one in {in_corpus:,} of them and in {in_delicate} delicate strings")
    return saved


def _exported(
    model: PreTrainedModel,
    folder: Path,
    checkpoint: Checkpoint,
    variants: VariantOptions,
    tensorrt: TensorRTOptions,
    threads: int,
    unfinished: Path,
) -> Bundle:
    """All graphs and engines, attested, in a sealed bundle without certificates."""
    with stage("export"):
        graphs = _graphs(model, folder)
        if all(graph.layout == "padded" for graph in graphs):
            note(_padded_alone(checkpoint, variants))
    # These show stages of their own: fitting int8 to text and searching for what to leave out take minutes.
    lower = variants_of(variants, folder, graphs, checkpoint, model, threads=threads, unfinished=unfinished)
    graphs += tuple(variant.graph for variant in lower)
    with stage("seal"):
        for variant in lower:
            detail(variant.said)
        # Once all graphs are there, for they share one file of weights.
        _share_weights([folder / graph.file for graph in graphs])
        bundle = seal_uncertified(folder, checkpoint, graphs)
    # Attested before it is certified: certifying takes minutes, and a graph that is not what it says would waste them.
    with stage("attest"):
        attestations = attest_all(bundle, {variant.graph.file: variant.kept for variant in lower})
        for attestation in attestations:
            tell_attestation(attestation)
    bundle = replace(bundle, manifest=replace(bundle.manifest, attestations=attestations))
    if tensorrt.wanted or tensorrt.portable:
        bundle = _with_engines(bundle, tensorrt)
    return bundle


def _graphs(model: PreTrainedModel, folder: Path) -> tuple[Graph, ...]:
    """The fp32 graphs that this model can have. The padded one is first: it runs where nothing was measured."""
    padded = padded_from_checkpoint(model, folder / PADDED)
    return (padded, packed_from_checkpoint(model, folder / PACKED)) if can_pack(model) else (padded,)


def _share_weights(paths: list[Path]) -> None:
    try:
        share_weights(paths, paths[0].with_name(WEIGHTS))
        for path in paths:
            # By name, not as a model: only then are the files with the weights looked at, and 2 GB are no limit.
            onnx.checker.check_model(str(path))
    except OSError as error:
        raise storage_error(error) from error


def _padded_alone(checkpoint: Checkpoint, variants: VariantOptions) -> str:
    """What a person is told who may have asked for more."""
    without = f", and so without {' and '.join(variants.precisions)}" if variants.precisions else ""
    return f"padded alone, since rows of {checkpoint.architecture} cannot be packed{without}"


def _with_engines(bundle: Bundle, tensorrt: TensorRTOptions) -> Bundle:
    """The bundle with TensorRT engines; it is sealed once more, since certifying opens what is sealed."""
    with stage("tensorrt") as building:
        if tensorrt.wanted:
            bundle = with_engines(bundle, tensorrt)
        if tensorrt.portable:
            bundle = with_portable(bundle, tensorrt, open_portable_building(), Phases)
            said = "engines for Turing and others are" if tensorrt.turing else "engine is"
            building.remark = f"the portable {said} built and attested, not certified: that takes a GPU (docs/gpu.md)"
    seal(bundle.path, bundle.manifest)
    return bundle


def _certified(
    bundle: Bundle,
    checkpoint: Checkpoint,
    model: PreTrainedModel,
    texts: tuple[Text, Text],
    tensorrt: TensorRTOptions,
    threads: int,
) -> tuple[Bundle, tuple[Outcome, ...]]:
    """The bundle with the certificates of all candidates that passed on both texts, and what all came to.

    Raises:
        GateError: a graph did not, or every engine that is asked for did not.
    """
    text, elsewhere = texts
    with stage("reference") as asking:
        reference = Reference(checkpoint.folder, model, threads=threads)
        longest = checkpoint.max_length
        certifier = Certifier(reference, text, checkpoint.label_set, max_length=longest, elsewhere=elsewhere)
        asking.remark = f"{text.name}: {len(text.sentences):,} sentences, {sum(map(len, text.words)):,} words"
    outcomes = certify_all(bundle, certifier, threads=threads)
    check_outcomes(bundle, outcomes)
    certificates = certificates_of(outcomes)
    if not fulfilled(tensorrt, certificates):
        # Who asked for an engine would not notice that another backend answers, but for the speed.
        raise GateError(checkpoint.name, "no TensorRT engine says what the checkpoint says", "do without TensorRT")
    return replace(bundle, manifest=replace(bundle.manifest, certificates=certificates)), outcomes


def _with_failures(bundle: Bundle, outcomes: Sequence[Outcome], output: Path) -> Bundle:
    """The bundle with what its candidates fail on: now, and in the bundle before it if the files are the same.

    The same bytes would fail there again: exporting once more does not wash that off.
    """
    before = _manifest_in(output)
    held = {name: digest.sha256 for name, digest in bundle.manifest.files.items()}
    known = [one for one in before.failed if one.files.items() <= held.items()] if before else []
    return replace(bundle, manifest=replace(bundle.manifest, failed=still_failed(known, outcomes)))


def _with_profiles(bundle: Bundle, output: Path) -> Bundle:
    """The bundle with those profiles of the one before it that hold for it, too."""
    before = _manifest_in(output)
    kept = kept_profiles(before, bundle.manifest, bundle=str(output)) if before else ()
    return replace(bundle, manifest=replace(bundle.manifest, profiles=kept))


def _manifest_in(output: Path) -> Manifest | None:
    """The manifest of the bundle that is about to be replaced; None where there is none that can be read."""
    try:
        return read_bundle(output).manifest
    except BundleError:
        return None


def _tuned(bundle: Bundle, checkpoint: Checkpoint, threads: int) -> Bundle:
    """The bundle with the speed of every certified candidate on this machine."""
    with stage("tune"):
        speeds = tuned(bundle, threads=threads, checkpoint=checkpoint.folder)
        bundle = replace(bundle, manifest=replace(bundle.manifest, speeds=speeds))
        tell_speeds(bundle)
    return bundle


def _with_readings(bundle: Bundle, documents: Sequence[Document], threads: int) -> Bundle:
    """The bundle with what reading policies came to, sealed before, since measuring opens what is sealed."""
    seal(bundle.path, bundle.manifest)
    with stage("reading"):
        readings = readings_of(open_bundle(bundle.path, limited=True), documents, threads=threads)
        bundle = replace(bundle, manifest=replace(bundle.manifest, readings=readings))
        tell_readings(readings)
    return bundle
