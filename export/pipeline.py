"""The export pipeline, from a checkpoint to a sealed, certified bundle. It reads downwards."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import onnx
from transformers import PreTrainedModel

from export.certify.attest.attest_bundle import attest_all, show_attestation
from export.certify.certify_bundle import certify_all
from export.certify.corpus import Text
from export.certify.measure import Certifier
from export.certify.reference import Reference
from export.certify.report import stage
from export.engines.bundle_engines import with_engines
from export.engines.options import NO_ENGINES, TensorRTOptions, fulfilled
from export.graphs.packed import can_pack, packed_from_checkpoint
from export.graphs.padded import padded_from_checkpoint
from export.graphs.shared_weights import share_weights
from export.provenance import provenance
from export.staging import staging
from export.torch_model import load_model
from export.tune import show_speeds, tuned
from export.variants import VariantOptions, variants_of
from runtime.bundle.checkpoint import Description
from runtime.bundle.store import CONFIG, TOKENIZER, Bundle, Graph, Manifest, Source, digest_of, open_bundle, seal
from runtime.errors import storage_error
from runtime.system.files import replace_folder

PADDED, PACKED, WEIGHTS = "padded-fp32.onnx", "packed-fp32.onnx", "weights.data"


def make_bundle(
    checkpoint: Path,
    source: Source,
    description: Description,
    text: Text,
    variants: VariantOptions,
    *,
    output: Path,
    threads: int,
    tensorrt: TensorRTOptions = NO_ENGINES,
) -> bool:
    """Export, certify, and put the bundle in place if it passed; otherwise what was there stays as it was.

    Args:
        checkpoint: its folder.
        source: what the manifest says of it.
        description: its labels and limits.
        text: to certify on.
        variants: lower precisions to make; none where the model cannot be packed.
        output: where the bundle goes.
        threads: CPUs to use.
        tensorrt: whether to build engines, and how; the variants then has fp16.

    Returns:
        Whether every file passed the gate, and an engine, where one is asked for.

    Raises:
        BackendError: an engine is asked for and TensorRT cannot build it; nothing is written.
        BundleError: a graph, or what an engine makes of it, is not what its name says; nothing is written either.
    """
    with staging(output) as folder:
        with stage("load"):
            model = load_model(checkpoint)
        bundle = _written(model, folder, checkpoint, source, description, variants, tensorrt, threads)
        with stage("reference"):
            reference = Reference(checkpoint, model, threads=threads)
            certifier = Certifier(reference, text, description.labels, max_length=description.max_length)
        certificates = certify_all(bundle, certifier, threads=threads)
        if certificates is None or not fulfilled(tensorrt, certificates):
            if certificates:
                print("FAILED: no TensorRT engine says what the checkpoint says; leave --tensorrt out to do without")
            print(f"FAILED: nothing was written, {output} is as it was")
            return False
        bundle = replace(bundle, manifest=replace(bundle.manifest, certificates=certificates))
        # A large model's weights would lie in memory beside those of every engine that is about to be timed.
        del model, reference, certifier
        with stage("tune"):
            speeds = tuned(bundle, threads=threads, checkpoint=checkpoint)
            bundle = replace(bundle, manifest=replace(bundle.manifest, speeds=speeds))
        show_speeds(bundle)
        seal(folder, bundle.manifest)
        replace_folder(folder, output)
    print(json.dumps({"bundle": str(output), "certified": [str(c.candidate) for c in certificates]}))
    return True


def seal_uncertified(
    folder: Path, checkpoint: Path, source: Source, description: Description, graphs: tuple[Graph, ...]
) -> Bundle:
    """A bundle of graphs that lie in the folder, which can be opened, in order to be certified or timed.

    Raises:
        StorageError: no permission, or no space.
    """
    try:
        for name in (TOKENIZER, CONFIG):
            shutil.copyfile(checkpoint / name, folder / name)
    except OSError as error:
        raise storage_error(error) from error
    manifest = Manifest(
        checkpoint=source,
        labels=description.labels,
        max_length=description.max_length,
        vocabulary=description.vocabulary,
        files={file.name: digest_of(file) for file in sorted(folder.iterdir())},
        graphs=graphs,
        certificates=(),
        versions=provenance(),
    )
    seal(folder, manifest)
    return open_bundle(folder)


def _written(
    model: PreTrainedModel,
    folder: Path,
    checkpoint: Path,
    source: Source,
    description: Description,
    variants: VariantOptions,
    tensorrt: TensorRTOptions,
    threads: int,
) -> Bundle:
    """All graphs and engines, attested, in a sealed bundle without certificates."""
    with stage("export") as said:
        graphs = _graphs(model, folder)
        lower = variants_of(variants, folder, graphs, checkpoint / TOKENIZER, description, threads=threads)
        graphs += tuple(variant.graph for variant in lower)
        _share_weights([folder / graph.file for graph in graphs])
        said += [variant.said for variant in lower]
        said += [f"{graph.file}: opset {graph.opset}, inputs {', '.join(graph.inputs)}" for graph in graphs]
        if all(graph.layout == "padded" for graph in graphs):
            without = f", and so without {' and '.join(variants.precisions)}" if variants.precisions else ""
            said.append(f"padded alone, since rows of {description.architecture} cannot be packed{without}")
    with stage("seal"):
        bundle = seal_uncertified(folder, checkpoint, source, description, graphs)
    with stage("attest"):
        attestations = attest_all(bundle, {variant.graph.file: variant.kept for variant in lower})
    bundle = replace(bundle, manifest=replace(bundle.manifest, attestations=attestations))
    if tensorrt.wanted:
        with stage("tensorrt"):
            bundle = with_engines(bundle, tensorrt)
        seal(folder, bundle.manifest)
    for attestation in bundle.manifest.attestations:
        show_attestation(attestation)
    return bundle


def _graphs(model: PreTrainedModel, folder: Path) -> tuple[Graph, ...]:
    """The fp32 graphs that this model can have. The padded one is first: it runs where nothing was measured."""
    padded = padded_from_checkpoint(model, folder / PADDED)
    return (padded, packed_from_checkpoint(model, folder / PACKED)) if can_pack(model) else (padded,)


def _share_weights(paths: list[Path]) -> None:
    try:
        share_weights(paths, paths[0].with_name(WEIGHTS))
        for path in paths:
            onnx.checker.check_model(str(path))
    except OSError as error:
        raise storage_error(error) from error
