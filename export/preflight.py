"""What is checked before torch is loaded: whether a checkpoint can be exported, and whether there is anything to do.

It makes nothing, and knows nothing of graphs but what a manifest says of them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from export.certify.corpus import NO_TEXT, Text
from export.engines.options import TensorRTOptions, has_engines, has_portable
from export.options import VariantOptions
from export.provenance import provenance
from runtime.backends.registry import spec_of
from runtime.bundle.checkpoint import Checkpoint
from runtime.bundle.doubts import doubts
from runtime.bundle.gate import LIMITED_EVIDENCE
from runtime.bundle.store import Bundle, Candidate, Layout, Manifest, Precision, open_bundle
from runtime.encode.tokenizer import Encoder
from runtime.errors import BundleError, CheckpointError
from runtime.system.cpu import cpu_features
from runtime.system.gpu import gpu
from runtime.system.libraries import installed_version
from runtime.text.label_names import SCHEMES, SchemeName
from runtime.text.label_schemes import LabelSet

_ANY, _GPU = "", "onnxruntime"
_RTX = ("tensorrt-rtx-cu13",)
LOWER: dict[Precision, tuple[tuple[Layout, str], ...]] = {
    "int8": (("packed", _ANY),),
    "fp16": (("padded", _ANY), ("packed", _ANY), ("packed", _GPU), ("padded", _GPU)),
    "fp8": (("packed", _ANY),),
}
"""Lower precisions in the order in which they are made, and the graphs of each: layout, and what it is made for."""


# Bytes of a bundle's files times lengths, at most, where rows of one length have graphs of their own. A MiniLM's first
# length took 106 MB in int8, each further one 13 MB in fp32 and 29 in int8, where its bundle has 105 MB.
_COPIES = 3 * 2**30


def rows_to_cover(bundle: Bundle, candidate: Candidate) -> tuple[int, ...]:
    """The lengths of single rows that the candidate may have graphs for: the most that its weights leave room for.

    export.tune may take these or none; to certify every choice would take its time once for each.
    """
    weights = sum(digest.bytes for digest in bundle.manifest.files.values())
    fitting = [lengths for lengths in spec_of(candidate).row_lengths if weights * len(lengths) <= _COPIES]
    return max(fitting, key=len, default=())


def with_label_scheme(checkpoint: Checkpoint, scheme: SchemeName) -> Checkpoint:
    """The checkpoint with the scheme that its labels are in: the one given, or, with "", the one that they show.

    Raises:
        CheckpointError: they could be read in another way as well, and no scheme is given.
    """
    labels = LabelSet(checkpoint.labels, scheme)
    if doubtful := labels.naming.doubtful:
        problem = f"labels that could be a letter and a type, or a type alone: {', '.join(doubtful[:5])}"
        fix = f"say which scheme they are in with --label-scheme: {', '.join(SCHEMES)}"
        raise CheckpointError(str(checkpoint.folder / "config.json"), problem, fix)
    return replace(checkpoint, label_scheme=labels.scheme.value)


def check_tokenizer(checkpoint: Checkpoint) -> None:
    """Refuse a tokenizer that the runtime could not open, before anything is exported.

    A slow one is checked once export has converted it.

    Raises:
        CheckpointError: it is damaged, or gives out ids that the model's embedding table does not have.
    """
    # Export's own copy lies in a folder that nobody knows.
    own = checkpoint.tokenizer.parent == checkpoint.folder
    place = str(checkpoint.tokenizer if own else checkpoint.folder)
    if not checkpoint.tokenizer.is_file():
        return
    try:
        encoder = Encoder(checkpoint.tokenizer)
    except BundleError as error:
        raise CheckpointError(place, error.problem, "take an intact copy of it") from error
    # Such ids come up in few texts, so that certifying might not meet one.
    if encoder.largest_id >= checkpoint.vocabulary:
        problem = f"its ids reach {encoder.largest_id}, the model's embedding table ends at {checkpoint.vocabulary - 1}"
        raise CheckpointError(place, problem, "take the tokenizer that the checkpoint was trained with")


def is_up_to_date(
    output: Path,
    checkpoint: Checkpoint,
    text: Text,
    variants: VariantOptions,
    *,
    tensorrt: TensorRTOptions,
    elsewhere: Text = NO_TEXT,
) -> bool:
    """Whether a bundle already is what exporting again would make of it, or holds that and more.

    Args:
        output: the bundle, if there is one.
        checkpoint: what it must be made of.
        text: what it must be certified on.
        variants: lower precisions that it must hold.
        tensorrt: whether it must hold a TensorRT engine for this machine, or a portable one.
        elsewhere: what lower precisions must be certified on besides.
    """
    limited = text.least == LIMITED_EVIDENCE
    try:
        bundle = open_bundle(output, limited=limited)
    except BundleError:
        return False
    manifest = bundle.manifest
    # What the bundle failed on since then, the same graph would fail on again.
    vouched = not doubts(replace(manifest, failed=()), limited=limited)
    # Other versions of the libraries may write other graphs, and a certificate names those that it was measured with.
    made_alike = manifest.checkpoint == checkpoint.source and manifest.versions == provenance()
    return (
        made_alike
        and manifest.crf == checkpoint.crf
        and LabelSet(manifest.labels, manifest.label_scheme).scheme is checkpoint.label_set.scheme
        and vouched
        # Before there were such rows, certificates did not speak of them, and goal="latency" went without.
        and all(each.rows == rows_to_cover(bundle, each.candidate) for each in manifest.certificates)
        # Earlier certificates are of a residual stream in bf16, which changes more labels.
        and all(each.residual_in_fp32 for each in manifest.certificates if each.backend == "openvino")
        and _is_certified_here(manifest, text, elsewhere, variants)
        and _holds_graphs(manifest, variants)
        and (not tensorrt.wanted or has_engines(manifest, gpu(), installed_version("tensorrt")))
        and (not tensorrt.portable or _has_portable(manifest, tensorrt))
    )


def _has_portable(manifest: Manifest, tensorrt: TensorRTOptions) -> bool:
    return has_portable(manifest, installed_version("tensorrt_rtx", _RTX), turing=tensorrt.turing)


def _is_certified_here(manifest: Manifest, text: Text, elsewhere: Text, variants: VariantOptions) -> bool:
    """Whether there are certificates, all of that text, and those of what is asked for hold on this CPU."""
    # A bundle that was moved here from another CPU can hold certificates that say nothing about this one.
    on_text = all(
        certificate.corpus_sha256 == text.sha256 and certificate.elsewhere_sha256 in ("", elsewhere.sha256)
        for certificate in manifest.certificates
    )
    asked = [each for each in manifest.certificates if each.precision in (*variants.precisions, "fp32")]
    return bool(manifest.certificates) and on_text and all(each.holds_on(cpu_features()) for each in asked)


def _holds_graphs(manifest: Manifest, variants: VariantOptions) -> bool:
    """Whether every graph that is asked for is there."""
    held = {(graph.precision, graph.layout, graph.made_for, graph.seven_bit) for graph in manifest.graphs}
    wanted = {
        (precision, layout, made_for, variants.seven_bit and precision == "int8")
        for precision in variants.precisions
        for layout, made_for in LOWER[precision]
    }
    if "int8" in variants.precisions and variants.for_tensorrt:
        wanted.add(("int8", "packed", "tensorrt", False))
    # An architecture that cannot be packed has no graphs in lower precision, however often they are asked for.
    return held >= wanted or all(graph.layout == "padded" for graph in manifest.graphs)
