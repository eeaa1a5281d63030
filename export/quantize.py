"""fp32 graph of packed layout -> the same in int8, by text alone: post-training quantisation with accuracy control.

Every product with constant weights goes to int8, in the form that OpenVINO and TensorRT know (QuantizeLinear and
DequantizeLinear), as export.rounding makes it with the least harm. Half of the text that it is fitted to is joined to
windows of full length: they hold activations that sentences never reach, and without them 55 tags in 10,000 changed in
long windows where 11 do with them (MiniLM, CoNLL-2003's train.txt).

Then products are left out of int8 again, as long as more tags change than asked for. That is counted on training text
that the rounding has not seen, half of it joined again. In the other half the words of each sentence are shuffled: of
text that it was trained on a model is too sure to change its mind about anything.

What stays in floating point besides:

    embeddings          looked up and not multiplied: in int8 they gain nothing, and cost 3 changed tags in 10,000
    attention products  some hundredths of the work, fused with the softmax between them; no faster in int8
    the classifier      a thousandth of the work, and it is where the tags are decided

It knows nothing of bundles or certificates; the gate is export.certify's matter.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from export.activations import sampled, text_batches
from export.products import CLASSIFIER, Int8Product, Product, Rounded, in_int8, products
from export.rounding import LARGEST, compensated, rounding_of
from export.sensitivity import Change, Logits, Probe, leave_out
from runtime.attested import Left
from runtime.backends.openvino import OpenVino
from runtime.bundle import Graph, Precision
from runtime.choose import installed_version
from runtime.encode import Encoded, Encoder
from runtime.errors import BackendError, BugError, CorpusError
from runtime.infer import piece_logits
from runtime.pack import ON_CPU, Batch
from runtime.processor import NARROW, abilities, has_bf16
from runtime.windows import Windows, windows_of

# Batches of 512 word pieces that the rounding is fitted to, from all over the text.
CALIBRATION_BATCHES = 64
# Words that changed tags are counted on, and words that products are ranked on.
HELD_OUT_WORDS, RANKING_WORDS = 30_000, 5_000
# Changed tags in 10,000 to reach there: plain post-training quantisation (NNCF 3.4) changes 38 on shuffled sentences,
# and 12.8 on text that the model was not trained on, where the gate's goal is 5. So it is a third of that, rounded down
# since joined text is not shuffled.
GOAL = 12.0
# Beyond this share of the work in higher precision an int8 graph has lost most of its speed.
MOST_LEFT_OUT = 0.4
# Bytes of activations in memory at once; a large model's layers are fitted in turns.
_MEMORY = 1 << 30


@dataclass(frozen=True, slots=True)
class Quantised:
    """An int8 graph and how it came about.

    Attributes:
        graph: the file.
        left: products in higher precision, the classifier among them.
        changed: against the fp32 graph, on held-out text.
    """

    graph: Graph
    left: tuple[Left, ...]
    changed: Change


def int8_from_graph(
    source: Path,
    output: Path,
    tokenizer: Path,
    sentences: Sequence[Sequence[str]],
    *,
    max_length: int,
    vocabulary: int,
    labels: int,
    threads: int,
    narrow: bool = False,
    goal: float = GOAL,
) -> Quantised:
    """Write the int8 graph.

    Args:
        source: a graph of packed layout, fp32.
        output: the ONNX file to write.
        tokenizer: the checkpoint's tokenizer.json.
        sentences: words of training text, in order. Every fifth fits the rounding, the others count changed tags.
        max_length, vocabulary, labels: as the manifest has them.
        threads: processors to use.
        narrow: hold weights to 7 bits, which every processor adds up exactly; see runtime.processor. Where this one
            does not add up 8 bits exactly, it is done anyway, since nothing could be measured otherwise.
        goal: changed tags in 10,000, at most, on held-out text; with MOST_LEFT_OUT it ends the search.

    Raises:
        BackendError: OpenVINO, which runs int8, is not installed, or cannot load the graph.
        CorpusError: not enough text.
    """
    if not installed_version("openvino"):
        found = "the library 'openvino' is not installed, and int8 is measured with it"
        raise BackendError("int8", found, "pip install 'nerve-ner[openvino]'")
    if len(sentences) < 2:
        raise CorpusError("training text", f"{len(sentences)} sentences", "give more, to fit int8 to")
    encoder, model = Encoder(tokenizer), onnx.load(source)
    fitted = [product for product in products(model) if CLASSIFIER not in product.name]
    if not fitted:
        raise BugError(f"no matrix product in {source}")
    short, long = _halves(sentences[::5])
    fitting = [*short, *joined(long, max_length)]
    batches = text_batches(encoder, fitting, max_length=max_length, most=CALIBRATION_BATCHES)
    most = NARROW if narrow or "no vnni" in abilities() else LARGEST
    rounded, chosen = _fit(model, fitted, batches, threads, most)
    engine = _Engine(encoder, max_length, vocabulary, labels, threads)
    held_out = [words for number, words in enumerate(sentences) if number % 5]

    def write(left: Collection[str]) -> None:
        kept = {name: product for name, product in chosen.items() if name not in left}
        onnx.save(in_int8(model, rounded, kept), output)

    def probe(words: int) -> Probe:
        text = engine.text(held_out, words)

        def measure(left: Collection[str]) -> Logits:
            write(left)
            return engine.logits(output, "int8", text)

        return Probe(measure, engine.logits(source, "fp32", text))

    work = {product.name: product.multiply_adds for product in fitted}
    left, changed = leave_out(work, probe(HELD_OUT_WORDS), lambda: probe(RANKING_WORDS), goal=goal, most=MOST_LEFT_OUT)
    write([each.name for each in left])
    graph = Graph(output.name, "int8", "packed", model.opset_import[0].version, _inputs(model))
    return Quantised(graph, (*never_in_eight_bits(source), *left), changed)


def joined(sentences: Sequence[Sequence[str]], words: int) -> list[Sequence[str]]:
    """The sentences in texts of at least that many words each, the last perhaps shorter."""
    texts: list[list[str]] = [[]]
    for sentence in sentences:
        if len(texts[-1]) >= words:
            texts.append([])
        texts[-1] += sentence
    return [*texts]


class _Text:
    """Sentences as windows of word pieces."""

    def __init__(self, encoder: Encoder, sentences: Sequence[Sequence[str]], max_length: int) -> None:
        self.frame = encoder.frame
        self.encoded: Encoded = encoder.encode_words(sentences)
        capacity = max_length - len(encoder.frame)
        self.windows: Windows = windows_of(self.encoded.text_start, capacity=capacity, stride=0)


class _Engine:
    """Runs graphs as the runtime does."""

    def __init__(self, encoder: Encoder, max_length: int, vocabulary: int, labels: int, threads: int) -> None:
        self._encoder, self._labels, self._threads = encoder, labels, threads
        self._tables = vocabulary, max_length

    def text(self, sentences: Sequence[Sequence[str]], words: int) -> _Text:
        """Sentences with about that many words in all, spread over those given."""
        total = sum(map(len, sentences))
        short, long = _halves(sentences[:: max(1, total // words)])
        chance = random.Random(0)
        shuffled = [chance.sample(sentence, len(sentence)) for sentence in short]
        return _Text(self._encoder, [*shuffled, *joined(long, self._tables[1])], self._tables[1])

    def logits(self, path: Path, precision: Precision, text: _Text) -> Logits:
        """Of each word's first piece. [words, labels]"""
        vocabulary, positions = self._tables
        engine = OpenVino(
            path,
            precision=precision,
            layout="packed",
            streams=self._threads,
            threads=self._threads,
            vocabulary=vocabulary,
            positions=positions,
            cache="",
            rest_in_bf16=has_bf16(),
        )
        try:
            ids = text.encoded.ids
            pieces = piece_logits(engine, ids, text.windows, text.frame, labels=self._labels)
        finally:
            engine.close()
        first = text.encoded.word_piece
        return pieces[first[first >= 0]]


def _halves(sentences: Sequence[Sequence[str]]) -> tuple[Sequence[Sequence[str]], Sequence[Sequence[str]]]:
    middle = len(sentences) // 2
    return sentences[:middle], sentences[middle:]


def _fit(
    model: onnx.ModelProto, fitted: Sequence[Product], batches: Sequence[Batch], threads: int, most: int
) -> tuple[dict[str, Rounded], dict[str, Int8Product]]:
    """How to round each tensor, and each product in int8, by name."""
    together: dict[str, list[Product]] = {}
    for product in fitted:
        together.setdefault(product.input, []).append(product)
    rounded: dict[str, Rounded] = {}
    chosen: dict[str, Int8Product] = {}
    for names in _turns(together):
        for name, values in sampled(model, names, batches, threads=threads).items():
            weights = np.concatenate([product.weights for product in together[name]], axis=1)
            rounded[name] = rounding_of(values, weights, most=most)
            made = compensated(values, rounded[name], together[name], most=most)
            chosen |= {product.name: each for product, each in zip(together[name], made)}
    return rounded, chosen


def _turns(together: dict[str, list[Product]]) -> list[list[str]]:
    """Tensors in groups whose values fit into memory."""
    turns: list[list[str]] = [[]]
    size = 0
    for name, members in together.items():
        bytes_of = 4 * CALIBRATION_BATCHES * ON_CPU.cells * members[0].weights.shape[0]
        if turns[-1] and size + bytes_of > _MEMORY:
            turns.append([])
            size = 0
        turns[-1].append(name)
        size += bytes_of
    return turns


def never_in_eight_bits(source: Path) -> tuple[Left, ...]:
    """Products of a graph that are not even tried."""
    reason = "the classifier decides the tag, and is next to no work"
    made = products(onnx.load(source))
    return tuple(Left(each.name, reason, each.multiply_adds) for each in made if CLASSIFIER in each.name)


def _inputs(model: onnx.ModelProto) -> tuple[str, ...]:
    return tuple(node.name for node in model.graph.input)
