"""The precision ladder: graphs in lower precision, made of a packed fp32 graph and training text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from export.activations import text_batches
from export.fused import fused_from_graph
from export.half import fp16_from_graph
from export.quantize import int8_from_graph
from runtime.attested import Left
from runtime.bundle import Graph, Precision
from runtime.checkpoint import Description
from runtime.encode import Encoder
from runtime.pack import Batch

# Attentions as one operator each; made with fp16, for ONNX Runtime on a card.
FUSED = "packed-fused-fp16.onnx"
FILES: dict[Precision, str] = {"fp16": "packed-fp16.onnx", "int8": "packed-int8.onnx"}
# Batches of 512 word pieces on which fp16 is searched for overflow; the largest activations come in every sentence.
_BATCHES = 20


@dataclass(frozen=True, slots=True)
class Ladder:
    """Which lower precisions to make, and of what.

    Attributes:
        precisions: of FILES.
        sentences: words of training text; they must not be those that are certified on.
    """

    precisions: tuple[Precision, ...] = ()
    sentences: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Rung:
    """A graph in lower precision, what it leaves in higher, and a line about how it went."""

    graph: Graph
    left: tuple[Left, ...]
    said: str


def rungs(
    ladder: Ladder, source: Path, packed: Graph, tokenizer: Path, description: Description, *, threads: int
) -> list[Rung]:
    """Write the graphs of the ladder beside the source.

    Args:
        ladder: which.
        source: the fp32 graph of packed layout.
        packed: what the manifest says of it.
        tokenizer: the checkpoint's tokenizer.json.
        description: of the checkpoint.
        threads: processors to use.

    Raises:
        BackendError: int8 needs OpenVINO, which is not installed.
        BundleError: fp16 cannot hold this model's activations.
        CorpusError: not enough training text.
    """
    made = []
    for precision in ladder.precisions:
        output = source.with_name(FILES[precision])
        if precision == "int8":
            made.append(_int8(ladder, source, output, tokenizer, description, threads))
        else:
            made += _fp16(ladder, source, output, packed, tokenizer, description, threads)
    return made


def _int8(ladder: Ladder, source: Path, output: Path, tokenizer: Path, description: Description, threads: int) -> Rung:
    quantised = int8_from_graph(
        source,
        output,
        tokenizer,
        ladder.sentences,
        max_length=description.max_length,
        vocabulary=description.vocabulary,
        labels=len(description.labels),
        threads=threads,
    )
    changed = quantised.changed
    said = f"int8: {changed.per_10k:.1f} tags in 10,000 changed on {changed.words:,} words of held-out training text"
    return Rung(quantised.graph, quantised.left, said)


def _fp16(
    ladder: Ladder,
    source: Path,
    output: Path,
    packed: Graph,
    tokenizer: Path,
    description: Description,
    threads: int,
) -> list[Rung]:
    batches = text_batches(Encoder(tokenizer), ladder.sentences, max_length=description.max_length, most=_BATCHES)
    half = fp16_from_graph(source, output, packed, batches, threads=threads)
    name, size = half.nearest
    said = f"fp16: activations reach {size:,.0f} ({name}), and 65,504 is the end"
    return [Rung(half.graph, (), said), fused_rung(source, packed, batches, threads=threads)]


def fused_rung(source: Path, packed: Graph, batches: Sequence[Batch], *, threads: int) -> Rung:
    """The fp16 graph with fused attention, FUSED beside the source; its weights are those of the other fp16 graph.

    Args:
        source: the fp32 graph of packed layout.
        packed: what the manifest says of it.
        batches: text; the activations are the other graph's, so that little of it is run again.
        threads: processors to use.
    """
    between = source.with_name("packed-fused-fp32.onnx")
    fused = fused_from_graph(source, between, packed)
    half = fp16_from_graph(between, source.with_name(FUSED), fused, batches[:1], threads=threads)
    between.unlink()
    return Rung(half.graph, (), f"fp16: {FUSED} has one operator for each attention, for ONNX Runtime on a card")
