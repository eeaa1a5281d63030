"""Bare calls of a library on single texts: what is left of a text's time where nothing but the library runs.

The rows are made beforehand: each has one text's tokens and no padding. So a call has nothing to cut, place or decode,
and what a Tagger takes more than that is its own.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bench.systems.base import Failure, Setting, Span, Spec, Split
from runtime.bundle.store import TOKENIZER, Bundle, Precision

PREFIX = "call-"
Library = Literal["onnxruntime", "openvino"]


class LibraryCalls:
    """A graph in a library, with the inputs of each text ready.

    Args:
        call: takes a graph's inputs by name.
        names: of the graph's inputs.
        tokenizer: the tokenizer.json.
        texts: all that will be asked for.
    """

    def __init__(self, call: Any, names: Sequence[str], tokenizer: Path, texts: Sequence[str]) -> None:
        from runtime.batch.batches import Batch
        from runtime.encode.tokenizer import Encoder

        encoder = Encoder(tokenizer)
        special = encoder.special_tokens
        self._call, self._given = call, {}
        for text in dict.fromkeys(texts):
            ids = [*special.prefix, *encoder.encode_texts([text])[0].ids.tolist(), *special.suffix]
            batch = Batch(np.array([ids]), np.zeros((1, len(ids)), np.int64), np.arange(len(ids))[None])
            self._given[text] = batch.named(names)

    def tag(self, texts: Sequence[str]) -> Any:
        """One call for each text."""
        return [self._call(self._given[text]) for text in texts]

    def spans(self, answer: Any) -> list[list[Span]]:
        """Nothing: logits are not decoded here."""
        return [[] for _ in answer]

    def split(self, texts: Sequence[str]) -> Split:
        """See System."""
        raise Failure("it has no stages")

    def close(self) -> None:
        """See System."""
        del self._call


def call_specs(bundle: Bundle, texts: Sequence[str], *, threads: int) -> list[Spec]:
    """Return a Spec for each packed graph in each library that runs it, with one thread and with all.

    Args:
        bundle: holds the graphs.
        texts: all that will be asked for.
        threads: of the larger number.
    """
    runs: dict[Precision, tuple[Library, ...]] = dict.fromkeys(("fp32", "int8"), ("onnxruntime", "openvino"))
    found = []
    for graph in bundle.manifest.graphs:
        libraries = runs.get(graph.precision, ()) if graph.layout == "packed" and not graph.made_for else ()
        for library in libraries:
            for count in sorted({1, threads}):
                opener = functools.partial(
                    open_call,
                    library=library,
                    graph=bundle.file(graph.file),
                    tokenizer=bundle.file(TOKENIZER),
                    texts=tuple(texts),
                )
                name = f"{PREFIX}{library}-{graph.precision}-{count}"
                title = f"a bare call of {library} on {graph.file}, {count} threads"
                found.append(
                    Spec(
                        name=name,
                        title=title,
                        group="baseline",
                        precision=graph.precision,
                        open=opener,
                        settings=(Setting(1, 1, count, goal="latency"),),
                        needs=(library,),
                        versions=(library,),
                    )
                )
    return found


def open_call(
    setting: Setting, *, library: Library, graph: Path, tokenizer: Path, texts: Sequence[str]
) -> LibraryCalls:
    """Open a graph as its library's manual says: for latency, and for any length of a row."""
    open_library = _openvino if library == "openvino" else _onnxruntime
    return LibraryCalls(*open_library(graph, setting.threads), tokenizer, texts)


def _openvino(graph: Path, threads: int) -> tuple[Any, list[str]]:
    import openvino

    told = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": threads}
    # Told nothing, it would compute an fp32 graph in bf16.
    told["INFERENCE_PRECISION_HINT"] = "bf16" if "int8" in graph.name else "f32"
    compiled = openvino.Core().compile_model(str(graph), "CPU", told)
    request = compiled.create_infer_request()
    names = [port.get_any_name() for port in compiled.inputs]
    return functools.partial(request.infer, share_inputs=True, share_outputs=True), names


def _onnxruntime(graph: Path, threads: int) -> tuple[Any, list[str]]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    return functools.partial(session.run, None), [node.name for node in session.get_inputs()]
