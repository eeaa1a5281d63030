"""Options that exporting and certifying share, and which lower precisions an export makes. Light: no torch, no onnx."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runtime.bundle.certificate import Precision
from runtime.command_line import Parser, count
from runtime.screen.opening import add_verbose
from runtime.system.libraries import available_threads
from runtime.text.label_names import SCHEMES


@dataclass(frozen=True, slots=True)
class VariantOptions:
    """Which lower precisions to make, and of what.

    Attributes:
        precisions: of export.variants.FILES; fp8 after fp16, which it is made of.
        sentences: words of training text; they must not be those that are certified on.
        seven_bit: whether int8 is to be exact on every CPU, see export.quantize.int8.
        for_tensorrt: whether int8 is for TensorRT engines, too, see export.quantize.int8_gpu.
        for_turing: whether fp16 is for Turing under TensorRT for RTX, too: a packed graph all in fp16.
        tried: those made in less time, which the bundle does without where they fail. Others fail the export.
    """

    precisions: tuple[Precision, ...] = ()
    sentences: tuple[tuple[str, ...], ...] = ()
    seven_bit: bool = False
    for_tensorrt: bool = False
    for_turing: bool = False
    tried: tuple[Precision, ...] = ()


def add_options(parser: Parser) -> None:
    """What to certify on, with how many CPUs, and how much to say."""
    corpus = "CoNLL file, or folder with valid.txt, to certify on"
    parser.add_argument("--corpus", type=Path, required=True, help=corpus)
    parser.add_argument("--sentences", type=int, default=0, help="certify on so many; 0: all (%(default)s)")
    elsewhere = "a second CoNLL file, or folder with valid.txt, to certify int8 and fp8 on (generated news)"
    parser.add_argument("--elsewhere", type=Path, default=Path(), help=elsewhere)
    limited = "be content with a corpus that is too small for a full certificate; what runs it must ask for that, too"
    parser.add_argument("--limited-evidence", action="store_true", help=limited)
    scheme = f"how the labels spell entities, where their names do not show it: {', '.join(SCHEMES)}"
    parser.add_argument("--label-scheme", choices=SCHEMES, default="", metavar="NAME", help=scheme)
    crf = "the checkpoint's CRF (weights crf.*) runs over the first token of each word; no other can be exported"
    parser.add_argument("--crf", choices=("words",), default="", help=crf)
    parser.add_argument("--threads", type=count, default=available_threads(), help="CPUs to use (all)")
    add_verbose(parser)
