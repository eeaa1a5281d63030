"""python -m export.certify: hold the candidates of a bundle against its checkpoint once more."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from export.certify.certify_bundle import certify_all
from export.certify.corpus import read_text
from export.certify.measure import Certifier
from export.hub import checkpoint_folder
from export.options import add_options, yield_cores
from runtime.bundle.checkpoint import describe, sha256_of_checkpoint
from runtime.bundle.store import Bundle, Source, open_bundle, seal
from runtime.bundle.third_party import is_third_party, open_third_party
from runtime.command_line import Parser, run
from runtime.errors import BundleError

if TYPE_CHECKING:
    pass


PROG = "python -m export.certify"


def main(arguments: Sequence[str]) -> int:
    """Certify an existing bundle once more, or for the first time a folder that others made.

    If it fails, the old certificates stay, or no bundle comes to be.
    """
    options = _parser().parse_args(arguments)
    bundle, folder, source = _opened(options.bundle, options.model)
    text = read_text(options.corpus, most=options.sentences)
    yield_cores()
    from export.certify.reference import Reference
    from export.torch_model import load_model

    reference = Reference(folder, load_model(folder), threads=options.threads)
    description = describe(folder)
    certifier = Certifier(reference, text, description.labels, max_length=description.max_length)
    if bundle.manifest.checkpoint == source:
        certificates = certify_all(bundle, certifier, threads=options.threads)
        certified = certificates and replace(bundle, manifest=replace(bundle.manifest, certificates=certificates))
    else:
        from export.certify.import_folder import imported

        length = description.max_length
        certified = imported(bundle, certifier, source, max_length=length, threads=options.threads)
    if not certified:
        print(f"FAILED: {options.bundle} is as it was", file=sys.stderr)
        return 1
    seal(options.bundle, certified.manifest)
    return 0


def _opened(path: Path, model: str) -> tuple[Bundle, Path, Source]:
    """A bundle or a third-party folder, the folder of its checkpoint, and what to say of that in the manifest.

    Raises:
        BundleError: it was made from another checkpoint, or nobody says from which.
    """
    if is_third_party(path):
        if not model:
            problem = "export did not make it, so that its checkpoint is not known"
            raise BundleError(str(path), problem, "give the checkpoint with --model")
        folder = checkpoint_folder(model)
        describe(folder)
        return open_third_party(path), folder, Source(model, sha256_of_checkpoint(folder))
    bundle = open_bundle(path)
    source = bundle.manifest.checkpoint
    folder = checkpoint_folder(model or source.name)
    if sha256_of_checkpoint(folder) != source.sha256:
        problem = f"not the checkpoint that {path} was made from"
        raise BundleError(str(folder), problem, "give its checkpoint with --model, or export this one")
    return bundle, folder, source


def _parser() -> Parser:
    parser = Parser(prog=PROG, description="Hold the candidates of a bundle against its checkpoint.")
    parser.add_argument("bundle", type=Path, help="folder that export made, or in Optimum's layout")
    parser.add_argument("--model", default="", help="the checkpoint, if it is not where the manifest says")
    add_options(parser)
    return parser


if __name__ == "__main__":
    run(main, PROG)
