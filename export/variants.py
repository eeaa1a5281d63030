"""Variants: graphs in lower precision, made of the fp32 graphs and training text.

    fp16    one of each layout; of the packed layout also one with ONNX Runtime's fused operators, and one in its
            packing mode. Which is fastest is measured on the GPU. Where it is asked for, one for Turing, whose
            classifier is in fp16, too.
    fp8     made of the packed one in fp16
    int8    made of the packed one in fp32

A model whose rows cannot be packed has none of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from transformers import PreTrainedModel

from export.graphs.fp16 import fp16_from_graph
from export.graphs.ort_attention import fused_graph, with_fused_attention
from export.graphs.ort_remove_padding import packing_graph, without_padding
from export.graphs.packed import packed_encoder
from export.options import VariantOptions
from export.provenance import provenance
from export.quantize.activations import text_batches
from export.quantize.fp8 import fp8_from_graph
from export.quantize.int8 import Quantized, int8_from_graph
from export.quantize.int8_gpu import gpu_int8_from_graph
from export.quantize.mixed_precision import TuningSplit
from export.unfinished import digest, kept_for
from runtime.batch.batches import Batch
from runtime.bundle.attestation import KeptLayer
from runtime.bundle.checkpoint import Checkpoint
from runtime.bundle.store import Graph, Precision, digest_of
from runtime.encode.tokenizer import Encoder
from runtime.screen.display import stage
from runtime.system.cpu import cpu_features

# Made with fp16, for ONNX Runtime on a GPU: its fused operators, and padding removed by the graph.
FUSED, PACKING = "packed-fused-fp16.onnx", "padded-packing-fp16.onnx"
FILES: dict[Precision, str] = {"fp16": "packed-fp16.onnx", "fp8": "packed-fp8.onnx", "int8": "packed-int8.onnx"}
INT8_GPU = "packed-int8-tensorrt.onnx"
ALL_FP16 = "packed-all-fp16.onnx"
PADDED_FP16 = "padded-fp16.onnx"
# Batches of 512 tokens on which fp16 is checked for overflow. That is enough: every sentence has the largest
# activations, in its special tokens.
_BATCHES = 20


@dataclass(frozen=True, slots=True)
class Variant:
    """A graph in lower precision, the layers that it keeps in higher precision, and a line for the user about both."""

    graph: Graph
    kept: tuple[KeptLayer, ...]
    said: str


def variants_of(
    variants: VariantOptions,
    folder: Path,
    graphs: Sequence[Graph],
    checkpoint: Checkpoint,
    model: PreTrainedModel,
    *,
    threads: int,
    unfinished: Path,
) -> list[Variant]:
    """Write the graphs of the variants beside those that they are made of.

    Args:
        variants: which.
        folder: where the graphs lie.
        graphs: in fp32, at most one of each layout.
        checkpoint: what they were made of.
        model: the same in PyTorch.
        threads: CPUs to use.
        unfinished: where the work on int8 is kept until all is done, see export.unfinished.

    Raises:
        BackendError: int8 needs OpenVINO, which is not installed.
        BundleError: fp16 cannot hold this model's activations.
        CorpusError: not enough training text.
    """
    made: list[Variant] = []
    if all(graph.layout == "padded" for graph in graphs):
        return made  # such models compute their positions, and fp16 is too coarse for these
    for precision, graph in itertools.product(variants.precisions, graphs):
        source = folder / graph.file
        if precision == "fp16":
            with stage("fp16") as making:
                making.remark = graph.layout
                made += fp16_variants(
                    source, graph, checkpoint, variants.sentences, threads=threads, turing=variants.for_turing
                )
        elif precision == "fp8" and graph.layout == "packed":
            made.append(_on_fp16(fp8_from_graph, FILES["fp8"], variants, source, graph, checkpoint, threads))
        elif graph.layout == "packed":
            made.append(_int8(variants, source, folder / FILES[precision], checkpoint, model, threads, unfinished))
    if "int8" in variants.precisions and variants.for_tensorrt:
        packed = next(graph for graph in graphs if graph.layout == "packed")
        made.append(
            _on_fp16(gpu_int8_from_graph, INT8_GPU, variants, folder / packed.file, packed, checkpoint, threads)
        )
    return made


def _int8(
    variants: VariantOptions,
    source: Path,
    output: Path,
    checkpoint: Checkpoint,
    model: PreTrainedModel,
    threads: int,
    unfinished: Path,
) -> Variant:
    quickly = "int8" in variants.tried
    kept = kept_for(
        unfinished,
        # The checkpoint is in the graph.
        graph=digest_of(source).sha256,
        tokenizer=digest_of(checkpoint.tokenizer).sha256,
        sentences=digest(variants.sentences),
        seven_bit=variants.seven_bit,
        quickly=quickly,
        # Sums in another order have other last bits.
        threads=threads,
        cpu=sorted(cpu_features()),
        versions=provenance(),
    )
    longest, labels = checkpoint.max_length, len(checkpoint.labels)
    tuning = TuningSplit(checkpoint.tokenizer, variants.sentences, max_length=longest, labels=labels, unfinished=kept)
    made = int8_from_graph(
        source,
        output,
        tuning,
        quickly_by=packed_encoder(model) if quickly else None,
        vocabulary=checkpoint.vocabulary,
        threads=threads,
        seven_bit=variants.seven_bit,
    )
    return _variant(made)


def _variant(made: Quantized) -> Variant:
    changed, precision = made.changed, made.graph.precision
    said = f"{changed.per_10k:.1f} labels in 10,000 changed on {changed.words:,} words of the tuning split"
    return Variant(made.graph, made.kept, f"{precision}: {said}")


def fp16_variants(
    source: Path,
    graph: Graph,
    checkpoint: Checkpoint,
    sentences: Sequence[Sequence[str]],
    *,
    threads: int,
    most: int = _BATCHES,
    turing: bool = False,
) -> list[Variant]:
    """The fp16 graphs of a layout, beside the source.

    Args:
        source: the graph in fp32.
        graph: what the manifest says of it.
        checkpoint: what it was made of.
        sentences: words of training text.
        threads: CPUs to use.
        most: batches on which fp16 is checked for overflow; 0 where the weights are random, and nothing could overflow.
        turing: make the packed graph for Turing, too.

    Raises:
        BundleError: fp16 cannot hold this model's activations.
    """
    encoder, longest = Encoder(checkpoint.tokenizer), checkpoint.max_length
    batches = text_batches(encoder, sentences, max_length=longest, most=most, layout=graph.layout) if most else []
    if graph.layout == "padded":
        return [_fp16(source, PADDED_FP16, graph, batches, threads)]
    # All three, since which one is fastest differs from GPU to GPU.
    plain = _fp16(source, FILES["fp16"], graph, batches, threads)
    made = [plain, _fused(source, graph, threads), _packing(source, graph, threads)]
    return [*made, _all_fp16(source, graph, batches, threads)] if turing else made


def _on_fp16(
    quantize: Callable[..., Quantized],
    file: str,
    variants: VariantOptions,
    source: Path,
    packed: Graph,
    checkpoint: Checkpoint,
    threads: int,
) -> Variant:
    """A graph in 8 bits for GPUs, which is made of the one in fp16."""
    made = quantize(
        source,
        source.with_name(FILES["fp16"]),
        source.with_name(file),
        packed,
        checkpoint.tokenizer,
        variants.sentences,
        max_length=checkpoint.max_length,
        labels=len(checkpoint.labels),
        threads=threads,
    )
    return _variant(made)


def _fp16(source: Path, name: str, graph: Graph, batches: Sequence[Batch], threads: int) -> Variant:
    fp16 = fp16_from_graph(source, source.with_name(name), graph, batches, threads=threads)
    if not batches:
        return Variant(fp16.graph, (), f"fp16: no text was run to see how near activations come to its end ({name})")
    tensor, size = fp16.nearest
    return Variant(fp16.graph, (), f"fp16: activations reach {size:,.0f} ({name}, {tensor}), and 65,504 is the end")


def _all_fp16(source: Path, graph: Graph, batches: Sequence[Batch], threads: int) -> Variant:
    """The packed graph for Turing, whose matrix multiplications are all in fp16 under TensorRT for RTX."""
    fp16 = fp16_from_graph(source, source.with_name(ALL_FP16), graph, batches, threads=threads, classifier="fp16")
    said = f"fp16: {ALL_FP16} has its classifier in fp16, too, for Turing under TensorRT for RTX"
    return Variant(replace(fp16.graph, made_for="tensorrt-rtx"), (), said)


def _fused(source: Path, packed: Graph, threads: int) -> Variant:
    """The packed graph with fused operators. The plain one vouches for its activations: it moves the same biases."""
    fused, output = fused_graph(packed), source.with_name(FUSED)
    fp16 = fp16_from_graph(source, output, fused, (), threads=threads, change=with_fused_attention)
    said = f"fp16: {FUSED} has few kernels, for ONNX Runtime on a GPU"
    return Variant(fp16.graph, (), said)


def _packing(source: Path, packed: Graph, threads: int) -> Variant:
    """The packed graph in ONNX Runtime's packing mode. The plain one vouches for its activations, too."""
    packing, output = packing_graph(packed), source.with_name(PACKING)
    fp16 = fp16_from_graph(source, output, packing, (), threads=threads, change=without_padding)
    said = f"fp16: {PACKING} removes its padding by itself, for ONNX Runtime on a GPU"
    return Variant(fp16.graph, (), said)
