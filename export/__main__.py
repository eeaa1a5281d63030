"""python -m export: checkpoint -> certified bundle.

What can be checked without torch is checked before torch is loaded: a mistake costs no waiting.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from export.options import add_options, yield_cores
from export.source import check_tokenizer, checkpoint_folder
from export.staging import check_output
from export.text import read_text
from export.versions import makers
from runtime.bundle import Source, open_bundle
from runtime.checkpoint import describe, sha256_of_checkpoint
from runtime.cli import Parser, run
from runtime.errors import BundleError

PROG = "python -m export"


def main(arguments: Sequence[str]) -> int:
    """Export a checkpoint, certify what came out, and put it in place only if it passed."""
    options = _parser().parse_args(arguments)
    check_output(options.output)
    checkpoint = checkpoint_folder(options.model)
    description, source = describe(checkpoint), Source(options.model, sha256_of_checkpoint(checkpoint))
    check_tokenizer(checkpoint, vocabulary=description.vocabulary)
    text = read_text(options.corpus, most=options.sentences)
    if not options.force and _up_to_date(options.output, source, text.sha256):
        print(f"{options.output} is up to date: same checkpoint, corpus and libraries (--force exports again)")
        return 0
    yield_cores()
    from export.make import make_bundle

    made = make_bundle(checkpoint, source, description, text, output=options.output, threads=options.threads)
    return 0 if made else 1


def _parser() -> Parser:
    parser = Parser(prog=PROG, description="Turn a checkpoint into a certified bundle.")
    parser.add_argument("--model", required=True, help="checkpoint folder or hub id")
    parser.add_argument("--output", type=Path, default=Path("build/bundle"), help="the bundle (%(default)s)")
    parser.add_argument("--force", action="store_true", help="export even if the bundle is up to date")
    add_options(parser)
    return parser


def _up_to_date(output: Path, source: Source, text_sha256: str) -> bool:
    try:
        manifest = open_bundle(output).manifest
    except BundleError:
        return False
    same_text = all(certificate.corpus_sha256 == text_sha256 for certificate in manifest.certificates)
    made_alike = manifest.checkpoint == source and manifest.versions == makers()
    return made_alike and same_text and bool(manifest.certificates)


if __name__ == "__main__":
    run(main, PROG)
