"""python docs/compare_int8.py BUNDLE --texts FILE...: the table of docs/how-int8-works.md, on a bundle of your own.

Ways to multiply in int8 that share weights and smoothing with the bundle's int8 graph: its own, with the ranges of
activations fitted before, and the same with ranges that OpenVINO takes at run time from so many channels of each token.
Each is held against the fp32 graph, on the same packed batches. Labels that change are few, and their number is mostly
chance; how far the gap between the first two labels moves where it is small (below 1) tells two ways apart sooner.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx

sys.path.insert(0, str(Path(__file__).parent.parent))
from runtime.backends.onnxruntime_cpu import OnnxRuntime
from runtime.batch.batches import ON_CPU, Batch
from runtime.batch.windows import windows_of
from runtime.bundle.store import TOKENIZER, Manifest, read_bundle
from runtime.encode.tokenizer import Encoder
from runtime.logits import token_logits
from runtime.text.conll import read_conll

_IN_DOUBT = 1.0


class Compiled:
    """A graph in OpenVINO, in one stream; a group of 0 keeps activations in floating point."""

    layout, packing, streams = "packed", ON_CPU, 1

    def __init__(self, path: Path, *, hint: str, group: int | None, threads: int) -> None:
        import openvino

        settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": threads}
        if group is not None:
            settings["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = str(group)
        self._compiled = openvino.Core().compile_model(str(path), "CPU", settings)
        self._inputs = [port.get_any_name() for port in self._compiled.inputs]

    def logits(self, batch: Batch) -> np.ndarray:
        """See runtime.backends.base.Backend."""
        return np.array(self._compiled(batch.named(self._inputs))[0], np.float32)


def with_ranges_at_run_time(source: Path, output: Path) -> Path:
    """The int8 graph without the steps that its activations were given; weights stay in int8."""
    model = onnx.load(source)
    made = {name: node for node in model.graph.node for name in node.output}
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            dequantize = made.get(name)
            stored = made.get(dequantize.input[0]) if dequantize and dequantize.op_type == "DequantizeLinear" else None
            if stored is not None and stored.op_type == "QuantizeLinear":
                node.input[place] = stored.input[0]
    read = {name for node in model.graph.node for name in node.input}
    stored_nodes = [node for node in model.graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]
    for node in stored_nodes:
        if node.op_type == "QuantizeLinear" or (node.output[0] not in read):
            model.graph.node.remove(node)
    onnx.save(model, output)
    return output


def ways(bundle: Path, work: Path, threads: int) -> Iterator[tuple[str, Any]]:
    """Names and backends; the fp32 graph, against which the others are held, is first."""
    fp32, int8 = bundle / "packed-fp32.onnx", bundle / "packed-int8.onnx"
    yield "fp32", Compiled(fp32, hint="f32", group=None, threads=threads)
    yield "fp32 graph in bf16", Compiled(fp32, hint="bf16", group=None, threads=threads)
    yield "fitted ranges, OpenVINO, rest in bf16", Compiled(int8, hint="bf16", group=None, threads=threads)
    yield "fitted ranges, OpenVINO, rest in fp32", Compiled(int8, hint="f32", group=None, threads=threads)
    yield "fitted ranges, ONNX Runtime", OnnxRuntime(int8, layout="packed", streams=1, threads=threads, int8=True)
    dynamic = with_ranges_at_run_time(int8, work / "dynamic.onnx")
    for group in (384, 128, 64, 32):
        name = f"ranges at run time, {group} channels, rest in bf16"
        yield name, Compiled(dynamic, hint="bf16", group=group, threads=threads)
    yield "weights alone in int8", Compiled(dynamic, hint="f32", group=0, threads=threads)


def answers(backend: Any, manifest: Manifest, encoder: Encoder, path: Path, most: int) -> tuple[np.ndarray, float]:
    """Logits of each word's first token, [words, labels], and words a second."""
    sentences = [sentence.words for sentence in read_conll(path)]
    sentences = sentences[:: max(1, len(sentences) // most)]
    encoded = encoder.encode_words(sentences)
    windows = windows_of(encoded.text_start, capacity=manifest.max_length - len(encoder.special_tokens), stride=0)
    begun = time.perf_counter()
    tokens = token_logits(backend, encoded.ids, windows, encoder.special_tokens, labels=len(manifest.labels))
    seconds = time.perf_counter() - begun
    first = encoded.first_token
    return tokens[first[first >= 0]], np.count_nonzero(first >= 0) / seconds


def compared(expected: np.ndarray, found: np.ndarray) -> str:
    """Changed labels in 10,000, and how far the gap between the first two labels moves where it is small."""
    order = np.argsort(expected, axis=1)
    words, first, second = np.arange(len(expected)), order[:, -1], order[:, -2]
    gap = expected[words, first] - expected[words, second]
    moved = np.abs(found[words, first] - found[words, second] - gap)[gap < _IN_DOUBT].mean()
    return f"{1e4 * np.mean(expected.argmax(1) != found.argmax(1)):5.1f} | {moved:.4f}"


def main() -> None:
    """Print the table, a row a way, three columns a text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, help="with graphs in fp32 and int8")
    parser.add_argument("--texts", type=Path, nargs="+", required=True, help="CoNLL files")
    parser.add_argument("--most", type=int, default=10_000, help="sentences of each text (%(default)s)")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    manifest, encoder = read_bundle(options.bundle).manifest, Encoder(options.bundle / TOKENIZER)
    print("| way |" + "".join(f" {text.stem}: changed in 10,000 | moved | words/s |" for text in options.texts))
    expected: dict[Path, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as work:
        for name, backend in ways(options.bundle, Path(work), options.threads):
            cells = []
            for text in options.texts:
                found, speed = answers(backend, manifest, encoder, text, options.most)
                cells.append(f"{compared(expected.setdefault(text, found), found)} | {speed:,.0f}")
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
