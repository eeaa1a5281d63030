"""python -m export: checkpoint -> certified bundle.

What can be checked without torch is checked before torch is loaded: a mistake costs no waiting.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from export.options import add_options, yield_cores
from export.source import check_tokenizer, checkpoint_folder
from export.staging import check_output
from export.text import read_text, training_sentences
from export.versions import makers
from runtime.bundle import Precision, Source, open_bundle
from runtime.checkpoint import describe, sha256_of_checkpoint
from runtime.cli import Parser, run
from runtime.errors import BundleError

PROG = "python -m export"
_LOWER: tuple[Precision, ...] = ("int8", "fp16")


def main(arguments: Sequence[str]) -> int:
    """Export a checkpoint, certify what came out, and put it in place only if it passed."""
    options = _parser().parse_args(arguments)
    check_output(options.output)
    checkpoint = checkpoint_folder(options.model)
    description, source = describe(checkpoint), Source(options.model, sha256_of_checkpoint(checkpoint))
    check_tokenizer(checkpoint, vocabulary=description.vocabulary)
    text = read_text(options.corpus, most=options.sentences)
    lower = tuple(precision for precision in _LOWER if getattr(options, precision))
    if not options.force and _up_to_date(options.output, source, text.sha256, lower):
        print(f"{options.output} is up to date: same checkpoint, corpus and libraries (--force exports again)")
        return 0
    training = (
        training_sentences(options.training if options.training != Path() else options.corpus, text) if lower else ()
    )
    yield_cores()
    from export.ladder import Ladder
    from export.make import make_bundle

    ladder = Ladder(lower, training)
    made = make_bundle(checkpoint, source, description, text, ladder, output=options.output, threads=options.threads)
    return 0 if made else 1


def _parser() -> Parser:
    parser = Parser(prog=PROG, description="Turn a checkpoint into a certified bundle.")
    parser.add_argument("--model", required=True, help="checkpoint folder or hub id")
    parser.add_argument("--output", type=Path, default=Path("build/bundle"), help="the bundle (%(default)s)")
    parser.add_argument("--int8", action="store_true", help="make a graph in int8, too (minutes; needs openvino)")
    parser.add_argument("--fp16", action="store_true", help="make a graph in fp16, too (for GPUs)")
    training = "CoNLL file, or folder with train.txt, that int8 and fp16 are fitted to (the corpus' own)"
    parser.add_argument("--training", type=Path, default=Path(), help=training)
    parser.add_argument("--force", action="store_true", help="export even if the bundle is up to date")
    add_options(parser)
    return parser


def _up_to_date(output: Path, source: Source, text_sha256: str, lower: tuple[Precision, ...]) -> bool:
    try:
        manifest = open_bundle(output).manifest
    except BundleError:
        return False
    same_text = all(certificate.corpus_sha256 == text_sha256 for certificate in manifest.certificates)
    made_alike = manifest.checkpoint == source and manifest.versions == makers()
    # An architecture that cannot be packed has no graphs in lower precision, however often they are asked for.
    held = {graph.precision for graph in manifest.graphs}
    all_there = held >= set(lower) or not any(graph.layout == "packed" for graph in manifest.graphs)
    return made_alike and same_text and all_there and bool(manifest.certificates)


if __name__ == "__main__":
    run(main, PROG)
