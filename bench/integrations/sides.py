"""The two sides of each comparison: a function of texts, theirs and ours; only the constructor differs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Side = Callable[[Sequence[str]], int]
"""Texts in, the number of entities found out."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is compared.

    Attributes:
        name: of the row.
        theirs, ours: what each side is, for people.
        open_theirs, open_ours: open it; imports and models are not timed.
    """

    name: str
    theirs: str
    ours: str
    open_theirs: Callable[[], Side]
    open_ours: Callable[[], Side]


def pipeline_comparison(bundle: Path, checkpoint: str) -> Comparison:
    """transformers' pipeline in fp32 on PyTorch, called as people call it, and ours by the same lines."""

    def theirs() -> Side:
        import transformers

        transformers.logging.set_verbosity_error()
        make: Any = transformers.pipeline
        return _asking_pipeline(make("ner", model=checkpoint, device="cpu", aggregation_strategy="simple"))

    def ours() -> Side:
        from runtime.integrations import pipeline

        return _asking_pipeline(pipeline("ner", bundle, device="cpu", aggregation_strategy="simple"))

    return Comparison("pipeline", "transformers pipeline, PyTorch fp32", "runtime.integrations.pipeline", theirs, ours)


def presidio_comparison(bundle: Path, checkpoint: str) -> Comparison:
    """BatchAnalyzerEngine with Presidio's HuggingFaceNerRecognizer, and with NerveNlpEngine and NerveRecognizer."""

    def theirs() -> Side:
        from presidio_analyzer.nlp_engine import NlpEngineProvider
        from presidio_analyzer.predefined_recognizers.ner import HuggingFaceNerRecognizer

        no_op = {"nlp_engine_name": "no_op", "models": [{"lang_code": "en", "model_name": "no_op"}]}
        engine = NlpEngineProvider(nlp_configuration=no_op).create_engine()
        return _asking_presidio(engine, HuggingFaceNerRecognizer(model_name=checkpoint, device="cpu", threshold=0.0))

    def ours() -> Side:
        from runtime.integrations.presidio import NerveNlpEngine, NerveRecognizer

        engine = NerveNlpEngine([{"lang_code": "en", "model_name": str(bundle)}])
        engine.load()
        return _asking_presidio(engine, NerveRecognizer())

    return Comparison("presidio", "HuggingFaceNerRecognizer, no_op engine", "NerveNlpEngine", theirs, ours)


def _asking_pipeline(pipe: Any) -> Side:
    return lambda texts: sum(len(found) for found in pipe(list(texts)))


def _asking_presidio(engine: Any, recognizer: Any) -> Side:
    from presidio_analyzer import AnalyzerEngine, BatchAnalyzerEngine, RecognizerRegistry

    registry = RecognizerRegistry(recognizers=[recognizer], supported_languages=["en"])
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])
    batch: Any = BatchAnalyzerEngine(analyzer)
    entities = ["PERSON", "LOCATION", "ORGANIZATION"]
    return lambda texts: sum(
        len(found) for found in batch.analyze_iterator(list(texts), language="en", batch_size=64, entities=entities)
    )
