"""Bare backends on sorted padded batches: ONNX Runtime, OpenVINO, CTranslate2.

This is what an engineer writes who wants a library's speed and no framework: the fast tokenizer over all texts at once,
texts sorted by length and cut into batches, each batch padded to its longest text, several streams at the same time,
and numpy for the rest. Words are cut by Nerve's rules, so that the answers are the checkpoint's and only speed differs.
"""

from __future__ import annotations

import functools
import itertools
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.systems.backend_calls import Infer, Rows, open_ctranslate2, open_onnxruntime, open_openvino
from bench.systems.base import Setting, Span, Spec, Split
from bench.systems.baseline_files import Model, make_once, make_onnx

ROWS, FEW_ROWS = (1, 8, 32, 64), (8, 32)
# Texts that are sorted together: as many as Nerve sorts together.
_CHUNK = 512
OpenBackend = Callable[[Path, Setting], Infer]


def bare_specs(model: Model) -> list[Spec]:
    """Return the systems, each with the libraries it needs."""
    entries: list[tuple[str, str, str, OpenBackend, Path, tuple[str, ...]]] = [
        ("onnxruntime", "fp32", "bare ONNX Runtime", open_onnxruntime, model.onnx, ("onnxruntime",)),
        ("openvino", "fp32", "bare OpenVINO", functools.partial(open_openvino, hint="f32"), model.onnx, ("openvino",)),
    ]
    if model.bf16:
        bf16 = functools.partial(open_openvino, hint="bf16")
        entries.append(("openvino", "bf16", "bare OpenVINO, bf16", bf16, model.onnx, ("openvino",)))
    converted = model.work / "ctranslate2-int8"
    title = "CTranslate2's encoder, classifier in numpy"
    entries.append(("ctranslate2", "int8", title, open_ctranslate2, converted, ("ctranslate2", "safetensors")))
    return [_spec(model, *entry) for entry in entries]


class Bare:
    """A backend on sorted padded batches.

    Args:
        folder: with tokenizer.json.
        labels: of the checkpoint, in the order of the logits.
        infer: turns rows into logits [rows, length, labels]; it is called from several threads at the same time.
        setting: rows of a batch, and how many batches at the same time.
        max_length: most tokens of a row; longer texts are cut into rows that follow each other.
    """

    def __init__(self, folder: Path, labels: Sequence[str], infer: Infer, setting: Setting, *, max_length: int) -> None:
        from runtime.encode.tokenizer import open_tokenizer
        from runtime.text.label_schemes import OUTSIDE, LabelSet

        self._tokenizer = open_tokenizer(folder / "tokenizer.json", spaced=True)
        self._prefix, self._suffix = _special_tokens(self._tokenizer)
        self._labels, self._infer, self._setting = LabelSet(labels), infer, setting
        self._outside = labels.index(OUTSIDE)
        self._capacity = max_length - len(self._prefix) - len(self._suffix)
        # One thread a stream: each calls the library, which computes outside of Python's lock.
        self._pool = ThreadPoolExecutor(setting.streams)

    def tag(self, texts: Sequence[str]) -> list[list[Span]]:
        """See System."""
        found: list[list[Span]] = []
        for first in range(0, len(texts), _CHUNK):
            found += self._tag(texts[first : first + _CHUNK])
        return found

    def spans(self, answer: Any) -> list[list[Span]]:
        """See System."""
        found: list[list[Span]] = answer
        return found

    def split(self, texts: Sequence[str]) -> Split:
        """Count padding only: with several streams, the stages overlap in time."""
        slots = filled = 0
        for first in range(0, len(texts), _CHUNK):
            _, encodings = self._encode(texts[first : first + _CHUNK])
            for rows in self._rows(encodings):
                slots += rows.input_ids.size
                filled += int(rows.attention_mask.sum())
        return Split({}, slots, filled)

    def close(self) -> None:
        """See System."""
        self._pool.shutdown()
        del self._infer

    def _tag(self, texts: Sequence[str]) -> list[list[Span]]:
        offsets, encodings = self._encode(texts)
        rows = self._rows(encodings)
        starts = list(itertools.accumulate((len(one.ids) for one in encodings), initial=0))
        tags = np.full(starts[-1] + 1, self._outside)  # the last one stands for words without a token
        for given, logits in zip(rows, self._run(rows)):
            chosen = logits.argmax(axis=-1)[:, len(self._prefix) :]  # [rows, length]
            for row, (text, first, count) in enumerate(given.windows):
                tags[starts[text] + first :][:count] = chosen[row, :count]
        firsts = [_first_tokens(one.word_ids, len(words)) for one, words in zip(encodings, offsets)]
        tokens = [start + first if first >= 0 else -1 for start, text in zip(starts, firsts) for first in text]
        return self._entities(tags[tokens], offsets)

    def _encode(self, texts: Sequence[str]) -> tuple[list[list[tuple[int, int]]], list[Any]]:
        from runtime.text.words import split_words

        offsets = [split_words(text) for text in texts]
        words = [[text[start:end] for start, end in spans] for text, spans in zip(texts, offsets)]
        return offsets, self._tokenizer.encode_batch(words, is_pretokenized=True, add_special_tokens=False)

    def _rows(self, encodings: Sequence[Any]) -> list[Rows]:
        """Return the batches, longest rows first."""
        windows = [
            (text, first, min(self._capacity, len(one.ids) - first))
            for text, one in enumerate(encodings)
            for first in range(0, len(one.ids), self._capacity)
        ]
        # Longest first: the last batches are then the short ones, and streams end at about the same time.
        windows.sort(key=lambda window: -window[2])
        size = self._setting.batch
        ids = [one.ids for one in encodings]
        return [self._padded(windows[first : first + size], ids) for first in range(0, len(windows), size)]

    def _padded(self, windows: list[tuple[int, int, int]], ids: Sequence[list[int]]) -> Rows:
        length = windows[0][2] + len(self._prefix) + len(self._suffix)
        input_ids = np.zeros((len(windows), length), np.int64)
        mask = np.zeros((len(windows), length), np.int64)
        for row, (text, first, count) in enumerate(windows):
            tokens = self._prefix + ids[text][first : first + count] + self._suffix
            input_ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        return Rows(input_ids, mask, windows)

    def _run(self, batches: Sequence[Rows]) -> Iterable[NDArray[np.float32]]:
        # With one stream, a thread pool would only add the time of handing over to every call.
        return map(self._infer, batches) if self._setting.streams == 1 else self._pool.map(self._infer, batches)

    def _entities(self, tags: NDArray[np.int64], offsets: Sequence[Sequence[tuple[int, int]]]) -> list[list[Span]]:
        starts = list(itertools.accumulate(map(len, offsets), initial=0))
        first = np.zeros(len(tags) + 1, np.bool_)
        first[starts] = True
        spans = self._labels.spans(tags, first[:-1])
        found: list[list[Span]] = [[] for _ in offsets]
        for begin, end, kind in zip(spans.start.tolist(), spans.end.tolist(), spans.type.tolist()):
            text = bisect_right(starts, begin) - 1
            words = offsets[text]
            place = (words[begin - starts[text]][0], words[end - starts[text] - 1][1])
            found[text].append((self._labels.types[kind], *place))
        return found


def _first_tokens(word_ids: Sequence[int], words: int) -> list[int]:
    """Return the first token of each word of a text, -1 for a word without one."""
    first = [-1] * words
    before = -1
    for token, word in enumerate(word_ids):
        if word != before:
            first[word] = token
            before = word
    return first


def _special_tokens(tokenizer: Any) -> tuple[list[int], list[int]]:
    """Return the special tokens before and after a text."""
    bare, whole = tokenizer.encode("a", add_special_tokens=False).ids, tokenizer.encode("a").ids
    before = whole.index(bare[0])
    return whole[:before], whole[before + len(bare) :]


def open_bare(
    setting: Setting, *, backend: OpenBackend, folder: Path, labels: tuple[str, ...], max_length: int
) -> Bare:
    """Open a bare backend."""
    return Bare(folder, labels, backend(folder, setting), setting, max_length=max_length)


def make_ctranslate2(checkpoint: Path, folder: Path) -> None:
    """Convert the encoder to int8 with CTranslate2's own converter, and save the classifier beside it."""

    def fill(new: Path) -> None:
        import ctranslate2
        import safetensors.numpy

        from bench.systems.baseline_files import copy_beside

        # Without `force`, the converter refuses a folder that exists.
        converter = ctranslate2.converters.TransformersConverter(str(checkpoint))
        converter.convert(str(new), quantization="int8", force=True)
        weights = [safetensors.numpy.load_file(file) for file in sorted(checkpoint.glob("*.safetensors"))]
        head = {name: array for part in weights for name, array in part.items() if name.startswith("classifier.")}
        np.savez(new / "classifier.npz", weight=head["classifier.weight"], bias=head["classifier.bias"])
        (new / "config.json").rename(new / "ctranslate2.json")
        copy_beside(checkpoint, new)
        (new / "ctranslate2.json").replace(new / "config.json")

    make_once(folder, fill)


def _spec(
    model: Model, backend: str, precision: str, title: str, opener: Any, folder: Path, needs: tuple[str, ...]
) -> Spec:
    maker = make_ctranslate2 if backend == "ctranslate2" else make_onnx
    made = functools.partial(open_bare, backend=opener, folder=folder, labels=model.labels, max_length=model.max_length)
    # Making the files needs PyTorch and the exporter, although running them does not.
    tools = ("torch", "transformers") + (() if backend == "ctranslate2" else ("optimum", "onnx"))
    files = (folder,)
    return Spec(
        name=f"{backend}-{precision}",
        title=title,
        group="baseline",
        precision=precision,
        open=made,
        settings=_settings(model),
        needs=(*needs, *tools),
        versions=(backend,),
        files=files,
        prepare=functools.partial(maker, model.checkpoint, folder),
    )


def _settings(model: Model) -> tuple[Setting, ...]:
    """Return batch sizes, each with one stream of all threads and with one stream for each thread."""
    rows = ROWS if model.thorough else FEW_ROWS
    streams = (1, model.threads) if model.threads > 1 else (1,)
    return tuple(Setting(row, stream, model.threads // stream) for row, stream in itertools.product(rows, streams))
