"""Bundles for the GPU check: graphs in fp32 and fp16, TensorRT engines, and a graph in fp8. Nothing is certified here.

They are made without the export command, because that needs Optimum, which fits few versions of transformers.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.gpu.models import sentences_in

# Shapes of engines (rows, length) and TensorRT's level of effort: what a check has the time for.
_PROFILES = ((128, 64), (1, 64), (32, 128), (1, 128), (4, 512), (1, 512))
_LEVEL = 2
# Batches on which fp16 is searched for overflow.
SEARCHED = 4


def make_bundle(checkpoint: Path, folder: Path, corpus: Path, *, searched: int = SEARCHED) -> list[str]:
    """Make a sealed bundle: packed graphs and, where Optimum can make it, a padded one; all in fp32 and fp16.

    Args:
        checkpoint: its folder.
        folder: of the bundle.
        corpus: a folder with train.txt.
        searched: batches on which fp16 is searched for overflow; each is run in fp32 on the CPU. 0: no search.

    Returns:
        Lines about what was left out, and how near activations come to fp16's largest number.
    """
    from export.graphs.packed import packed_from_checkpoint
    from export.graphs.shared_weights import share_weights
    from export.pipeline import PACKED, WEIGHTS, seal_uncertified
    from export.torch_model import load_model
    from export.variants import fp16_variants
    from runtime.bundle.checkpoint import open_checkpoint
    from runtime.system.libraries import available_threads

    folder.mkdir(parents=True)
    model, source = load_model(checkpoint), open_checkpoint(checkpoint)
    padded, said = _padded(model, folder)
    graphs = [*padded, packed_from_checkpoint(model, folder / PACKED)]
    words = _words(corpus)
    for graph in tuple(graphs):
        file, threads = folder / graph.file, available_threads()
        for variant in fp16_variants(file, graph, source, words, threads=threads, most=searched):
            said.append(variant.said)
            graphs.append(variant.graph)
    share_weights([folder / graph.file for graph in graphs], folder / WEIGHTS)
    _attest(folder, seal_uncertified(folder, source, tuple(graphs)).manifest)
    return said


def _padded(model: Any, folder: Path) -> tuple[list[Any], list[str]]:
    """Return the padded graph in fp32; or none, and a line that says why."""
    from export.graphs.padded import padded_from_checkpoint
    from export.pipeline import PADDED

    try:
        return [padded_from_checkpoint(model, folder / PADDED)], []
    except Exception as error:  # Optimum fits few versions of transformers, and packed graphs do without it
        (folder / PADDED).unlink(missing_ok=True)
        return [], [f"no padded graph: {error!r:.200}"]


def _attest(folder: Path, manifest: Any) -> None:
    """Attest the packed graphs, which is what TensorRT engines are made of."""
    from export.certify.attest.graph import attest_graph
    from runtime.bundle.store import seal

    packed = [graph for graph in manifest.graphs if graph.layout == "packed"]
    attested = tuple(attest_graph(folder / graph.file, graph) for graph in packed)
    seal(folder, replace(manifest, attestations=attested))


def add_engines(folder: Path) -> list[str]:
    """Build TensorRT engines into a bundle of make_bundle, and return a line about each."""
    from export.engines.bundle_engines import with_engines
    from export.engines.options import TensorRTOptions
    from runtime.bundle.manifest import Profile
    from runtime.bundle.store import open_bundle, seal

    profiles = tuple(Profile(*shape) for shape in _PROFILES)
    made = with_engines(open_bundle(folder), TensorRTOptions(wanted=True, level=_LEVEL, profiles=profiles))
    seal(folder, made.manifest)
    return [f"{one.file}: {one.built_for}, {len(one.profiles)} shapes, {one.layers}" for one in made.manifest.engines]


def make_fp8_bundle(bundle: Path, folder: Path, corpus: Path) -> list[str]:
    """Make a sealed bundle with the graph in fp8 alone, from the graphs of a bundle of make_bundle.

    No layer is kept in higher precision: the speed depends on the shape only, and the gate is for real checkpoints.
    """
    from export.certify.attest.graph import attest_graph
    from export.pipeline import PACKED
    from export.quantize.fp8 import fp8_from_graph
    from export.variants import FILES
    from runtime.bundle.store import CONFIG, TOKENIZER, digest_of, open_bundle, seal
    from runtime.system.libraries import available_threads

    folder.mkdir()
    held = open_bundle(bundle)
    for name in (TOKENIZER, CONFIG):
        shutil.copyfile(held.file(name), folder / name)
    made = fp8_from_graph(
        held.file(PACKED),
        held.file(FILES["fp16"]),
        folder / FILES["fp8"],
        held.graph_in(PACKED),
        held.file(TOKENIZER),
        _words(corpus),
        max_length=held.manifest.max_length,
        labels=len(held.manifest.labels),
        threads=available_threads(),
        goal=10_000,
    )
    files = {name: digest_of(folder / name) for name in (TOKENIZER, CONFIG, made.graph.file)}
    attested = attest_graph(folder / made.graph.file, made.graph, kept=made.kept)
    alone = replace(held.manifest, files=files, graphs=(made.graph,), attestations=(attested,), engines=())
    seal(folder, alone)
    return [f"{made.graph.file}: {made.changed.per_10k:.1f} labels in 10,000 changed on held-out text"]


def _words(corpus: Path) -> Sequence[Sequence[str]]:
    return [words for words, _ in sentences_in(corpus / "train.txt")]
