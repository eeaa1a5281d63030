"""Presidio's own engines find persons and places through a bundle, in texts and in tables, and its anonymizer acts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runtime.errors import UsageError
from tests.lookup import lookup_bundle

pytest.importorskip("presidio_analyzer")
pytest.importorskip("presidio_anonymizer")
from presidio_analyzer import AnalyzerEngine, BatchAnalyzerEngine, EntityRecognizer, RecognizerRegistry
from presidio_analyzer.nlp_engine import NerModelConfiguration, NlpEngineProvider
from presidio_analyzer.recognizer_registry import RecognizerRegistryProvider
from presidio_anonymizer import AnonymizerEngine, BatchAnonymizerEngine

from runtime.integrations.presidio import NerveNlpEngine, NerveRecognizer

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
WORDS = {"Angela": "B-PER", "Merkel": "I-PER", "Paris": "B-LOC", "Oslo": "I-LOC", "Nokia": "B-MISC"}
LABELS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER", "B-MISC", "I-MISC")
TEXT = "Yesterday Angela Merkel's Nokia rang in Paris."


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(lookup_bundle(tmp_path_factory.mktemp("lookup") / "bundle", WORDS, labels=LABELS))


@pytest.fixture(scope="module")
def engine(bundle: str) -> NerveNlpEngine:
    provider = NlpEngineProvider(
        nlp_engines=(NerveNlpEngine,),
        nlp_configuration={"nlp_engine_name": "nerve", "models": [{"lang_code": "en", "model_name": bundle}]},
    )
    made = provider.create_engine()
    assert isinstance(made, NerveNlpEngine)
    return made


@pytest.fixture(scope="module")
def analyzer(engine: NerveNlpEngine) -> AnalyzerEngine:
    registry = RecognizerRegistry(recognizers=[NerveRecognizer()], supported_languages=["en"])
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])


def found_in(text: str, results: Any) -> list[tuple[str, str]]:
    return sorted((result.entity_type, text[result.start : result.end]) for result in results)


def test_analyzer_finds_persons_and_places(analyzer: AnalyzerEngine) -> None:
    expected = [("LOCATION", "Paris"), ("PERSON", "Angela Merkel")]
    assert found_in(TEXT, analyzer.analyze(TEXT, language="en")) == expected
    assert found_in(TEXT, analyzer.analyze(TEXT, language="en", entities=["PERSON"])) == expected[1:]
    assert analyzer.analyze(TEXT, language="en", score_threshold=1.0) == []


def test_default_recognizers_and_ours_agree(engine: NerveNlpEngine, bundle: str) -> None:
    # SpacyRecognizer reads the engine's artifacts, too; Presidio takes the doubles out.
    registry = RecognizerRegistry(supported_languages=["en"])
    registry.load_predefined_recognizers(languages=["en"], nlp_engine=engine)
    registry.add_recognizer(NerveRecognizer(bundle=bundle))
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])
    text = "Angela Merkel, card 4111 1111 1111 1111, is in Paris."
    found = found_in(text, analyzer.analyze(text, language="en"))
    assert [each for each in found if each[0] != "DATE_TIME"] == [
        ("CREDIT_CARD", "4111 1111 1111 1111"),
        ("LOCATION", "Paris"),
        ("PERSON", "Angela Merkel"),
    ]


def test_columns_are_analyzed_and_redacted(analyzer: AnalyzerEngine) -> None:
    table = {"who": ["Angela Merkel", "nobody", 3], "where": "in Paris", "nested": {"note": [TEXT]}}
    results = list(BatchAnalyzerEngine(analyzer).analyze_dict(table, language="en"))
    redacted = BatchAnonymizerEngine().anonymize_dict(results)
    assert redacted["who"] == ["<PERSON>", "nobody", "3"]
    assert redacted["where"] == "in <LOCATION>"
    assert redacted["nested"] == {"note": ["Yesterday <PERSON>'s Nokia rang in <LOCATION>."]}


def test_text_is_redacted(analyzer: AnalyzerEngine) -> None:
    results: Any = analyzer.analyze(TEXT, language="en")
    assert AnonymizerEngine().anonymize(TEXT, results).text == "Yesterday <PERSON>'s Nokia rang in <LOCATION>."


def test_batches_answer_in_order(analyzer: AnalyzerEngine) -> None:
    texts = [f"{'Paris ' * (number % 7)}Angela Merkel" for number in range(1500)]
    results = BatchAnalyzerEngine(analyzer).analyze_iterator(texts, language="en", batch_size=8)
    assert [len(each) for each in results] == [number % 7 + 1 if number % 7 else 1 for number in range(1500)]


def test_recognizer_by_itself_beside_an_engine_without_entities(bundle: str) -> None:
    no_op = {"nlp_engine_name": "no_op", "models": [{"lang_code": "en", "model_name": "no_op"}]}
    recognizer = NerveRecognizer.from_dict({"bundle": bundle, "threshold": 0.5, "label_mapping": {"MISC": "THING"}})
    registry = RecognizerRegistry(recognizers=[recognizer], supported_languages=["en"])
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=NlpEngineProvider(nlp_configuration=no_op).create_engine())
    assert found_in(TEXT, analyzer.analyze(TEXT, language="en")) == [("THING", "Nokia")]
    assert recognizer.get_supported_entities() == ["THING"]


def test_registry_file(bundle: str, engine: NerveNlpEngine, tmp_path: Path) -> None:
    file = tmp_path / "recognizers.yaml"
    entry = f"{{name: NerveRecognizer, type: predefined, supported_languages: [en], bundle: {bundle}, threshold: 0.2}}"
    file.write_text(f"supported_languages: [en]\nglobal_regex_flags: 26\nrecognizers:\n  - {entry}\n", encoding="utf-8")
    registry = RecognizerRegistryProvider(conf_file=str(file)).create_recognizer_registry()
    (recognizer,) = registry.recognizers
    assert isinstance(recognizer, EntityRecognizer)
    assert isinstance(recognizer, NerveRecognizer)
    assert (recognizer.threshold, recognizer.bundle) == (0.2, bundle)
    assert found_in("in Oslo", recognizer.analyze("in Oslo", ["LOCATION"])) == [("LOCATION", "Oslo")]


def test_configured_mapping_and_ignored_labels(bundle: str) -> None:
    configuration = NerModelConfiguration(
        model_to_presidio_entity_mapping={"PER": "HUMAN", "MISC": "THING"}, labels_to_ignore=["MISC"]
    )
    engine = NerveNlpEngine([{"lang_code": "en", "model_name": bundle}], configuration)
    assert not engine.is_loaded()
    engine.load()
    assert (engine.get_supported_entities(), engine.get_supported_languages()) == (["HUMAN"], ["en"])
    artifacts = engine.process_text(TEXT, "en")
    assert [span.text for span in artifacts.entities] == ["Angela Merkel"]
    assert '"entities": ["Angela Merkel"]' in artifacts.to_json()
    with pytest.raises(UsageError, match="choose one of en"):
        engine.process_text(TEXT, "de")


def test_what_is_missing_is_said(bundle: str) -> None:
    with pytest.raises(UsageError, match="it has no bundle"):
        NerveRecognizer().analyze(TEXT, ["PERSON"])
    with pytest.raises(UsageError, match="none of the model's entity types"):
        NerveRecognizer(bundle=bundle, label_mapping={"GPE": "LOCATION"})
    with pytest.raises(UsageError, match="give lang_code and model_name"):
        NerveNlpEngine([{"lang_code": "en"}])
