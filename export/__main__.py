"""python -m export: checkpoint -> certified bundle.

What can be checked without torch is checked before torch is loaded: a mistake costs no waiting.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from export.certify.corpus import read_text, training_sentences
from export.engines.options import (
    LEVEL,
    SLOTS,
    Attention,
    TensorRTOptions,
    check_tensorrt,
    has_engines,
    missing_library,
)
from export.hub import check_tokenizer, checkpoint_folder
from export.options import add_options, yield_cores
from export.provenance import provenance
from export.staging import check_output
from runtime.bundle.checkpoint import describe, sha256_of_checkpoint
from runtime.bundle.store import Layout, Precision, Source, open_bundle
from runtime.command_line import Parser, count, run
from runtime.errors import BundleError
from runtime.system.cpu import cpu_features
from runtime.system.gpu import gpu
from runtime.system.libraries import installed_version

PROG = "python -m export"
# Lower precisions in the order in which they are made, and what export.variants makes of each: layout and made_for.
_ANY, _GPU = "", "onnxruntime"
_LOWER: dict[Precision, tuple[tuple[Layout, str], ...]] = {
    "int8": (("packed", _ANY),),
    "fp16": (("padded", _ANY), ("packed", _ANY), ("packed", _GPU), ("padded", _GPU)),
    "fp8": (("packed", _ANY),),
}
_NO_VNNI = (
    "int8: this CPU has no VNNI, so weights get 7 bits, which it adds up exactly; "
    "here fp32 is likely to be as fast, and more is left out of int8 than where there is VNNI"
)


def main(arguments: Sequence[str]) -> int:
    """Export a checkpoint, certify what came out, and put it in place only if it passed."""
    options = _parser().parse_args(arguments)
    check_output(options.output)
    if options.tensorrt:
        check_tensorrt(gpu(), missing=missing_library())
    checkpoint = checkpoint_folder(options.model)
    description, source = describe(checkpoint), Source(options.model, sha256_of_checkpoint(checkpoint))
    check_tokenizer(checkpoint, vocabulary=description.vocabulary)
    text = read_text(options.corpus, most=options.sentences)
    # An engine is made of the fp16 graph, and so is the graph in fp8.
    fp16 = options.fp16 or options.fp8 or options.tensorrt
    asked = {"int8": options.int8 or options.int8_seven_bit, "fp16": fp16, "fp8": options.fp8}
    lower = tuple(precision for precision in _LOWER if asked[precision])
    # Where 8 bits are not known to be added up exactly, nothing but 7 can be measured.
    seven_bit = options.int8_seven_bit or "vnni" not in cpu_features()
    up_to_date = _up_to_date(options.output, source, text.sha256, lower, seven_bit=seven_bit, tensorrt=options.tensorrt)
    if up_to_date and not options.force:
        print(f"{options.output} is up to date: same checkpoint, corpus and libraries (--force exports again)")
        return 0
    if "int8" in lower and "no vnni" in cpu_features():
        print(_NO_VNNI)
    training = (
        training_sentences(options.training if options.training != Path() else options.corpus, text) if lower else ()
    )
    yield_cores()
    from export.pipeline import make_bundle
    from export.variants import VariantOptions

    made = make_bundle(
        checkpoint,
        source,
        description,
        text,
        VariantOptions(lower, training, seven_bit=seven_bit),
        output=options.output,
        threads=options.threads,
        tensorrt=_tensorrt_options(options),
    )
    return 0 if made else 1


def _parser() -> Parser:
    parser = Parser(prog=PROG, description="Turn a checkpoint into a certified bundle.")
    parser.add_argument("--model", required=True, help="checkpoint folder or hub id")
    parser.add_argument("--output", type=Path, default=Path("build/bundle"), help="the bundle (%(default)s)")
    parser.add_argument("--int8", action="store_true", help="make a graph in int8, too (minutes; needs openvino)")
    seven_bit = "int8 with weights of 7 bits, which CPUs without VNNI add up exactly, too (the default on these)"
    parser.add_argument("--int8-seven-bit", action="store_true", help=seven_bit)
    parser.add_argument("--fp16", action="store_true", help="make a graph in fp16, too (for GPUs)")
    fp8 = "make a graph in fp8, too (for TensorRT on GPUs that have it: compute capability 8.9; --fp16 is implied)"
    parser.add_argument("--fp8", action="store_true", help=fp8)
    _add_tensorrt(parser)
    training = "CoNLL file, or folder with train.txt, that lower precisions are fitted to (the corpus' own)"
    parser.add_argument("--training", type=Path, default=Path(), help=training)
    parser.add_argument("--force", action="store_true", help="export even if the bundle is up to date")
    add_options(parser)
    return parser


def _add_tensorrt(parser: Parser) -> None:
    group = parser.add_argument_group("TensorRT, on a machine with an NVIDIA GPU")
    group.add_argument("--tensorrt", action="store_true", help="build engines for this GPU, too; --fp16 is implied")
    group.add_argument(
        "--tensorrt-slots",
        type=count,
        default=SLOTS,
        metavar="N",
        help="tokens of the largest batches: more for a large GPU, fewer for a small one (%(default)s)",
    )
    group.add_argument(
        "--tensorrt-level",
        type=int,
        choices=range(6),
        default=LEVEL,
        metavar="N",
        help="how hard TensorRT tries, 0 to 5; above 3 it takes several times as long (%(default)s)",
    )
    group.add_argument(
        "--tensorrt-attention",
        choices=get_args(Attention),
        default="pattern",
        help="as four operators that TensorRT fuses by their pattern, or as one operator (%(default)s)",
    )


def _tensorrt_options(options: Namespace) -> TensorRTOptions:
    return TensorRTOptions(
        wanted=options.tensorrt,
        slots=options.tensorrt_slots,
        level=options.tensorrt_level,
        attention=options.tensorrt_attention,
    )


def _up_to_date(
    output: Path, source: Source, text_sha256: str, lower: tuple[Precision, ...], *, seven_bit: bool, tensorrt: bool
) -> bool:
    try:
        manifest = open_bundle(output).manifest
    except BundleError:
        return False
    same_text = all(certificate.corpus_sha256 == text_sha256 for certificate in manifest.certificates)
    made_alike = manifest.checkpoint == source and manifest.versions == provenance()
    # An architecture that cannot be packed has no graphs in lower precision, however often they are asked for.
    held = {(graph.precision, graph.layout, graph.made_for, graph.seven_bit) for graph in manifest.graphs}
    wanted = {
        (precision, *each, seven_bit and precision == "int8") for precision in lower for each in _LOWER[precision]
    }
    all_there = held >= wanted or not any(layout == "packed" for _, layout, *_ in held)
    built = not tensorrt or has_engines(manifest, gpu(), installed_version("tensorrt"))
    asked = [certificate for certificate in manifest.certificates if certificate.precision in (*lower, "fp32")]
    hold_here = all(certificate.holds_on(cpu_features()) for certificate in asked)
    return made_alike and same_text and all_there and built and hold_here and bool(manifest.certificates)


if __name__ == "__main__":
    run(main, PROG)
