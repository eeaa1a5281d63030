"""python docs/compare_fp16.py BUNDLE --corpus FILE: fp16 graphs against the bundle's in fp32, computed by the CPU.

The graph with the classifier in fp32, which most GPUs take, and the one all in fp16, for Turing. ONNX Runtime computes
each operator of them in fp32 and stores its result in fp16, as an engine does; GPUs add up in another order. The fp32
graph is the one that is certified to change no label of the checkpoint's.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

sys.path.insert(0, str(Path(__file__).parent.parent))
from export.graphs.fp16 import fp16_from_graph
from runtime.backends.onnxruntime_cpu import OnnxRuntime
from runtime.bundle.store import TOKENIZER, Bundle, open_bundle
from runtime.encode.tokenizer import Encoder
from runtime.system.libraries import available_threads
from runtime.tagger import Tagger
from runtime.text.conll import Sentence, read_conll
from runtime.text.label_schemes import label_set_of
from runtime.text.scores import score_labels

_SOURCE = "packed-fp32.onnx"
_CLASSIFIERS: tuple[Literal["fp32", "fp16"], ...] = ("fp32", "fp16")


def labels_of(bundle: Bundle, graph: Path, sentences: Sequence[Sentence]) -> list[list[str]]:
    """A label for each word, by ONNX Runtime on the CPU."""
    manifest, threads = bundle.manifest, available_threads()
    backend = OnnxRuntime(graph, layout="packed", streams=threads, threads=threads)
    encoder, longest, vocabulary = Encoder(bundle.file(TOKENIZER)), manifest.max_length, manifest.vocabulary
    with Tagger(encoder, label_set_of(manifest), backend, max_length=longest, vocabulary=vocabulary) as tagger:
        return tagger.tag_words([sentence.words for sentence in sentences])


def main() -> None:
    """Print a row for each graph."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--corpus", type=Path, required=True, help="CoNLL file with gold labels")
    options = parser.parse_args()
    bundle, sentences = open_bundle(options.bundle), list(read_conll(options.corpus))
    gold = [sentence.labels for sentence in sentences]
    expected = labels_of(bundle, bundle.file(_SOURCE), sentences)
    print("| graph | labels | changed | F1 |\n|---|---|---|---|")
    print(f"| fp32 | {sum(map(len, expected)):,} | - | {score_labels(gold, expected).overall.f1:.4f} |", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for classifier in _CLASSIFIERS:
            graph = Path(folder, f"{classifier}.onnx")
            (source,) = (graph for graph in bundle.manifest.graphs if graph.file == _SOURCE)
            fp16_from_graph(bundle.file(_SOURCE), graph, source, (), threads=1, classifier=classifier)
            found = labels_of(bundle, graph, sentences)
            changed = sum(a != b for one, other in zip(expected, found) for a, b in zip(one, other, strict=True))
            name = f"fp16, classifier in {classifier}"
            print(f"| {name} | {sum(map(len, found)):,} | {changed} | {score_labels(gold, found).overall.f1:.4f} |")


if __name__ == "__main__":
    main()
