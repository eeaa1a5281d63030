"""python -m export: checkpoint -> certified bundle. The pipeline reads downwards."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from export.certify import Certifier, add_options, certify_all
from export.graph import load_model, padded_from_checkpoint
from export.reference import Reference
from export.show import stage
from export.source import checkpoint_folder
from export.staging import staging
from export.text import read_text
from export.versions import versions
from runtime.bundle import CONFIG, TOKENIZER, Bundle, Graph, Manifest, Source, open_bundle, seal, stamp_of
from runtime.checkpoint import Description, describe, sha256_of_checkpoint
from runtime.cli import Parser, run
from runtime.errors import BundleError, storage_error
from runtime.files import replace_folder

PROG = "python -m export"
GRAPH = "padded-fp32.onnx"
# Whose versions the manifest records: all that have a hand in a bundle.
LIBRARIES = (
    *("numpy", "onnx", "onnxruntime", "optimum", "optimum-onnx"),
    *("safetensors", "tokenizers", "torch", "transformers"),
)


def main(arguments: Sequence[str]) -> int:
    """Export a checkpoint, certify what came out, and put it in place only if it passed."""
    options = _parser().parse_args(arguments)
    checkpoint = checkpoint_folder(options.model)
    description, source = describe(checkpoint), Source(options.model, sha256_of_checkpoint(checkpoint))
    text = read_text(options.corpus, most=options.sentences)
    if not options.force and _up_to_date(options.output, source, text.sha256):
        print(f"{options.output} is up to date: same checkpoint, corpus and libraries (--force exports again)")
        return 0
    with staging(options.output) as folder:
        with stage("load"):
            model = load_model(checkpoint)
        with stage("export") as said:
            graph = padded_from_checkpoint(model, folder / GRAPH)
            said.append(f"{graph.file}: {graph.precision}, opset {graph.opset}, inputs {', '.join(graph.inputs)}")
        with stage("seal"):
            bundle = _seal_uncertified(folder, checkpoint, source, description, graph)
        with stage("reference"):
            reference = Reference(checkpoint, model, threads=options.threads)
            certifier = Certifier(reference, text, description.labels, max_length=description.max_length)
        certificates = certify_all(bundle, certifier, threads=options.threads)
        if certificates is None:
            print(f"FAILED: nothing was written, {options.output} is as it was")
            return 1
        seal(folder, replace(bundle.manifest, certificates=certificates))
        replace_folder(folder, options.output)
    print(json.dumps({"bundle": str(options.output), "certified": [c.file for c in certificates]}))
    return 0


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
    made_alike = manifest.checkpoint == source and manifest.versions == versions(*LIBRARIES)
    return made_alike and same_text and bool(manifest.certificates)


def _seal_uncertified(folder: Path, checkpoint: Path, source: Source, description: Description, graph: Graph) -> Bundle:
    """A bundle that can be opened in order to be certified."""
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
        files={file.name: stamp_of(file) for file in sorted(folder.iterdir())},
        graphs=(graph,),
        certificates=(),
        versions=versions(*LIBRARIES),
    )
    seal(folder, manifest)
    return open_bundle(folder)


if __name__ == "__main__":
    run(main, PROG)
