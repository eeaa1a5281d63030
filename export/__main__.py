"""python -m export: checkpoint -> certified bundle.

What can be checked without torch is checked before torch is loaded: a mistake costs no waiting.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from export.architectures import check_architecture
from export.certify.corpus import TRAINING, check_evidence, counted, read_text, training_sentences
from export.certify.elsewhere import elsewhere_text
from export.crf import with_crf
from export.engines.options import (
    LEVEL,
    SLOTS,
    Attention,
    TensorRTOptions,
    check_portable,
    check_tensorrt,
    missing_library,
)
from export.options import VariantOptions, add_options
from export.preflight import LOWER, check_tokenizer, is_up_to_date, with_label_scheme
from export.reading.documents import Document, read_documents
from export.report.ending import show_next, show_sentence
from export.report.write import PAGE
from export.staging import check_output, exclusive
from runtime.bundle.doubts import text_failed_on
from runtime.bundle.hub import find_checkpoint
from runtime.bundle.store import Bundle, read_bundle
from runtime.command_line import Parser, count, run
from runtime.errors import GateError
from runtime.screen.display import detail, note, stage
from runtime.screen.opening import screen
from runtime.system.cpu import cpu_features
from runtime.system.gpu import gpu
from runtime.system.libraries import yield_cores

PROG = "python -m export"
_NO_VNNI = (
    "int8: this CPU has no VNNI, so weights get 7 bits, which it adds up exactly; "
    "here fp32 is likely to be as fast, and more is left out of int8 than where there is VNNI"
)


def main(arguments: Sequence[str]) -> int:
    """Export a checkpoint, certify what came out, and put it in place only if it passed."""
    options = _parser().parse_args(arguments)
    with screen(verbose=options.verbose):
        return _checked(options)


def _checked(options: Namespace) -> int:
    # What takes no time is checked before gigabytes of weights are hashed.
    if options.tensorrt:
        check_tensorrt(gpu(), missing=missing_library())
    if options.tensorrt_rtx or options.tensorrt_turing:
        check_portable()
    with exclusive(options.output, new=True) as output:
        check_output(output)
        status = _export(options, output)
    if status == 0:
        show_sentence(options.output, options.text, limited=options.limited_evidence)
        show_next(options.output)
    return status


def _export(options: Namespace, output: Path) -> int:
    checkpoint = with_crf(with_label_scheme(find_checkpoint(options.model), options.label_scheme), options.crf)
    check_architecture(checkpoint.architecture, checkpoint.name)
    check_tokenizer(checkpoint)
    labels = checkpoint.label_set
    text = read_text(options.corpus, most=options.sentences, limited=options.limited_evidence, labels=labels)
    check_evidence(text, labels, counted(text))
    elsewhere = elsewhere_text(options.elsewhere, text, limited=options.limited_evidence, labels=labels)
    variants, wanted = _variant_options(options), _tensorrt_options(options)
    if not options.force and is_up_to_date(output, checkpoint, text, variants, tensorrt=wanted, elsewhere=elsewhere):
        note(f"{options.output} is up to date: same checkpoint, corpus and libraries (--force exports again)")
        _tell_not_served(read_bundle(output, limited=options.limited_evidence))
        return 0
    if variants.precisions:
        training = options.training if options.training != Path() else options.corpus
        variants = replace(variants, sentences=training_sentences(training, text, elsewhere))
    if "int8" in variants.precisions and "no vnni" in cpu_features():
        note(_NO_VNNI)
    documents = _documents(options)
    yield_cores()
    with stage("libraries"):  # torch takes seconds to load
        from export.pipeline import make_bundle
    try:
        make_bundle(
            checkpoint,
            text,
            variants,
            output=output,
            threads=options.threads,
            tensorrt=wanted,
            documents=documents,
            elsewhere=elsewhere,
        )
    except GateError as error:
        print(f"FAILED: {error}\nnothing was written, {options.output} is as it was", file=sys.stderr)
        return 1
    return 0


def _tell_not_served(bundle: Bundle) -> None:
    """Who asks for int8 again must not take "up to date" for "served". A line each: all figures are in the report."""
    failed = {one.candidate: one for one in bundle.manifest.failed}
    for candidate, doubt in bundle.doubts.items():
        told = str(doubt)
        if candidate in failed:
            told = f"{candidate}: it failed on {text_failed_on(failed[candidate])}, see {PAGE}"
        note(f"not served: {told}", tone="bad")


def _documents(options: Namespace) -> tuple[Document, ...]:
    """Of the training text, to measure reading policies on; none where there is no training text."""
    training = options.training if options.training != Path() else options.corpus
    file = training / TRAINING if training.is_dir() else training
    if file.is_file() and not file.samefile(options.corpus):
        return read_documents(file)
    detail(f"reading: not measured, since there is no {TRAINING}; texts are read by sentence")
    return ()


def _variant_options(options: Namespace) -> VariantOptions:
    """The lower precisions that are asked for; their training text is not read yet."""
    # A TensorRT engine is made of the fp16 graph, and so is the graph in fp8.
    for_tensorrt = options.tensorrt or options.tensorrt_rtx or options.tensorrt_turing
    fp16 = options.fp16 or options.fp8 or for_tensorrt
    relied_on = options.int8 or options.int8_seven_bit
    # Without VNNI, int8 takes as long to make, and is hardly faster than fp32: not worth a try.
    tried = options.try_int8 and "vnni" in cpu_features()
    asked = {"int8": relied_on or tried, "fp16": fp16, "fp8": options.fp8}
    # Where 8 bits are not known to be added up exactly, nothing but 7 can be measured.
    seven_bit = options.int8_seven_bit or "vnni" not in cpu_features()
    return VariantOptions(
        tuple(precision for precision in LOWER if asked[precision]),
        seven_bit=seven_bit,
        for_tensorrt=for_tensorrt and bool(relied_on),
        for_turing=options.tensorrt_turing,
        tried=("int8",) if tried and not relied_on else (),
    )


def _parser() -> Parser:
    parser = Parser(prog=PROG, description="Turn a checkpoint into a certified bundle.")
    parser.add_argument("--model", required=True, help="checkpoint folder, hub id, or hub id@revision")
    parser.add_argument("--output", type=Path, default=Path("build/bundle"), help="the bundle (%(default)s)")
    parser.add_argument("--int8", action="store_true", help="make a graph in int8, too (minutes; needs openvino)")
    seven_bit = "int8 with weights of 7 bits, which CPUs without VNNI add up exactly, too (the default on these)"
    parser.add_argument("--int8-seven-bit", action="store_true", help=seven_bit)
    tried = "the same where this CPU has VNNI, and do without it if it fails its certificate (the quick start does so)"
    parser.add_argument("--try-int8", action="store_true", help=tried)
    parser.add_argument("--fp16", action="store_true", help="make a graph in fp16, too (for GPUs)")
    fp8 = "make a graph in fp8, too (for TensorRT on GPUs that have it: compute capability 8.9; --fp16 is implied)"
    parser.add_argument("--fp8", action="store_true", help=fp8)
    _add_tensorrt(parser)
    training = "CoNLL file, or folder with train.txt, that lower precisions are fitted to (the corpus' own)"
    parser.add_argument("--training", type=Path, default=Path(), help=training)
    parser.add_argument("--text", default="", help="tag this text at the end, to see that the bundle works")
    parser.add_argument("--force", action="store_true", help="export even if the bundle is up to date")
    add_options(parser)
    return parser


def _add_tensorrt(parser: Parser) -> None:
    group = parser.add_argument_group("TensorRT")
    group.add_argument("--tensorrt", action="store_true", help="build engines for this GPU, too; --fp16 is implied")
    portable = "build a portable engine of TensorRT for RTX, too: no GPU is needed; --fp16 is implied"
    group.add_argument("--tensorrt-rtx", action="store_true", help=portable)
    turing = "build one for Turing (T4, RTX 20) as well, from a graph all in fp16; --tensorrt-rtx is implied"
    group.add_argument("--tensorrt-turing", action="store_true", help=turing)
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
        portable=options.tensorrt_rtx or options.tensorrt_turing,
        turing=options.tensorrt_turing,
    )


if __name__ == "__main__":
    run(main, PROG)
