"""Microsoft Presidio on a bundle: a recognizer, and an NLP engine that tags many texts together.

    engine = NerveNlpEngine(models=[{"lang_code": "en", "model_name": "build/bundle"}])
    engine.load()
    registry.add_recognizer(NerveRecognizer(bundle="build/bundle"))
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=engine)

By itself the recognizer tags each text that Presidio asks about. Beside the engine it takes what the engine found, and
Presidio's BatchAnalyzerEngine gives the engine all texts at once: that is where the speed comes from. Offsets are the
model's own characters; nothing is stretched to the tokens of another tokenizer.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from runtime.errors import UsageError
from runtime.integrations._open import FASTEST, Opening, not_installed, open_tagger
from runtime.tagger import Tagger
from runtime.text.entity import Entity

try:
    import spacy
    from presidio_analyzer import AnalysisExplanation, LocalRecognizer, RecognizerResult
    from presidio_analyzer.input_validation.yaml_recognizer_models import CONFIG_MODEL_MAP, PredefinedRecognizerConfig
    from presidio_analyzer.nlp_engine import NerModelConfiguration, NlpArtifacts, NlpEngine
except ModuleNotFoundError as error:
    raise not_installed(error, "presidio") from error

LABELS: Mapping[str, str] = {
    "PER": "PERSON",
    "PERSON": "PERSON",
    "LOC": "LOCATION",
    "LOCATION": "LOCATION",
    "GPE": "LOCATION",
    "ORG": "ORGANIZATION",
    "ORGANIZATION": "ORGANIZATION",
    "DATE": "DATE_TIME",
    "TIME": "DATE_TIME",
    "NORP": "NRP",
}
"""Entity types of common checkpoints -> Presidio's. A type that is not in it, such as MISC, is dropped."""


class NerveRecognizerConfig(PredefinedRecognizerConfig):
    """An entry of Presidio's registry file: keys that Presidio does not know are the recognizer's own."""

    model_config: ClassVar = {"extra": "allow"}


# Presidio asks this table which keys an entry may have. Without a line in it, `bundle` would be dropped in silence.
CONFIG_MODEL_MAP["NerveRecognizer"] = NerveRecognizerConfig


@dataclass(frozen=True, slots=True)
class FoundSpan:
    """An entity as Presidio's recognizers read spans: with the characters of the text, not with its tokens."""

    label_: str
    start_char: int
    end_char: int
    text: str


class NerveArtifacts(NlpArtifacts):
    """What NerveNlpEngine says of a text; the class tells NerveRecognizer that the text is tagged already."""


class NerveRecognizer(LocalRecognizer):
    """Finds what a bundle's model finds.

    Its arguments are also the keys of an entry in Presidio's registry file, and of `from_dict`.

    Args:
        bundle: the bundle's folder; may be empty beside NerveNlpEngine, which holds the model then.
        supported_entities: Presidio's types to report; left out, all that the labels map to.
        supported_language, name, version, context: see Presidio.
        label_mapping: the model's entity types -> Presidio's; left out, LABELS.
        threshold: least score of what is reported, 0 to 1.
        backend, precision, device, threads, allow_uncertified, limited, public_key, profile: see Opening.

    Raises:
        UsageError: the mapping leaves nothing of what the model can find.
        BundleError, UncertifiedError, BackendError: see Tagger.open.
    """

    supported_entities: list[str]

    def __init__(
        self,
        bundle: str = "",
        supported_entities: list[str] | None = None,
        supported_language: str = "en",
        name: str = "NerveRecognizer",
        version: str = "1",
        context: list[str] | None = None,
        label_mapping: Mapping[str, str] | None = None,
        threshold: float = 0.0,
        backend: str = "auto",
        precision: str = "auto",
        device: str = "auto",
        threads: int = 0,
        allow_uncertified: bool = False,
        limited: bool = False,
        public_key: str = "",
        profile: str = "",
    ) -> None:
        self.bundle, self.threshold = bundle, threshold
        self.label_mapping = dict(LABELS if label_mapping is None else label_mapping)
        self._opening = Opening(
            backend=backend,
            precision=precision,
            device=device,
            threads=threads,
            allow_uncertified=allow_uncertified,
            limited=limited,
            public_key=public_key,
            profile=profile,
        )
        self._taggers: list[Tagger] = []
        super().__init__(
            supported_entities=supported_entities or sorted(set(self.label_mapping.values())),
            supported_language=supported_language,
            name=name,
            version=version,
            context=context,
        )

    def load(self) -> None:
        """Open the bundle; Presidio calls it once."""
        if self.bundle and not self._taggers:
            tagger = open_tagger(self.bundle, self._opening)
            known = {self.label_mapping.get(name) for name in tagger.labels.types}
            self.supported_entities = [name for name in self.supported_entities if name in known]
            if not self.supported_entities:
                types = ", ".join(tagger.labels.types)
                raise UsageError("label_mapping", f"none of the model's entity types ({types}) is in it", "name them")
            self._taggers.append(tagger)

    def analyze(
        self, text: str, entities: Collection[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        """The entities of a text, of the types asked for.

        Raises:
            UsageError: there is neither a bundle nor a NerveNlpEngine.
        """
        if isinstance(nlp_artifacts, NerveArtifacts):
            spans = [
                (span.label_, span.start_char, span.end_char, score)
                for span, score in zip(nlp_artifacts.entities, nlp_artifacts.scores)
            ]
        else:
            spans = [
                (self.label_mapping.get(found.label, ""), found.start, found.end, found.score)
                for found in self._tagged(text)
            ]
        wanted = set(self.supported_entities).intersection(entities or self.supported_entities)
        return [self._result(*span) for span in spans if span[0] in wanted and span[3] >= self.threshold]

    def _tagged(self, text: str) -> list[Entity]:
        if not self._taggers:
            raise UsageError("NerveRecognizer", "it has no bundle", "give it one, or use NerveNlpEngine beside it")
        return self._taggers[0].tag([text])[0]

    def _result(self, label: str, start: int, end: int, score: float) -> RecognizerResult:
        explanation = AnalysisExplanation(
            recognizer=self.name, original_score=score, textual_explanation=f"Identified as {label} by Nerve"
        )
        return RecognizerResult(
            entity_type=label,
            start=start,
            end=end,
            score=score,
            analysis_explanation=explanation,
            recognition_metadata={
                RecognizerResult.RECOGNIZER_NAME_KEY: self.name,
                RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: self.id,
            },
        )


class NerveNlpEngine(NlpEngine):
    """Presidio's view of a text, its entities by a bundle. Tokens are a blank spaCy's; lemmas are the tokens' text.

    Args:
        models: for each language {"lang_code": "en", "model_name": the bundle's folder}.
        ner_model_configuration: of it, model_to_presidio_entity_mapping and labels_to_ignore are kept to.
        opening: which candidate runs.

    Raises:
        UsageError: a model lacks one of the two keys.
    """

    engine_name = "nerve"
    is_available = True

    def __init__(
        self,
        models: Sequence[Mapping[str, str]],
        ner_model_configuration: NerModelConfiguration | None = None,
        opening: Opening = FASTEST,
    ) -> None:
        if not all({"lang_code", "model_name"} <= set(model) for model in models):
            raise UsageError("models", f"{models}", "give lang_code and model_name, the bundle's folder, for each")
        self.nlp: dict[str, Any] = {}
        self._models, self._opening = list(models), opening
        self._taggers: dict[str, Tagger] = {}
        configured = ner_model_configuration.model_to_presidio_entity_mapping if ner_model_configuration else None
        self._names = dict(configured or LABELS)
        self._ignored = frozenset((ner_model_configuration.labels_to_ignore or ()) if ner_model_configuration else ())

    def load(self) -> None:
        """Open every bundle, one that serves several languages once."""
        opened: dict[str, Tagger] = {}
        for model in self._models:
            language, bundle = model["lang_code"], model["model_name"]
            if bundle not in opened:
                opened[bundle] = open_tagger(bundle, self._opening)
            self._taggers[language] = opened[bundle]
            self.nlp[language] = spacy.blank(language)

    def is_loaded(self) -> bool:
        """Whether load was called."""
        return bool(self.nlp)

    def process_text(self, text: str, language: str) -> NerveArtifacts:
        """What the engine says of one text."""
        return next(self.process_batch([text], language))[1]

    def process_batch(
        self, texts: Iterable[Any], language: str, batch_size: int = 512, n_process: int = 1
    ) -> Iterator[tuple[str, NerveArtifacts]]:
        """What it says of many, in order and lazily.

        Args:
            texts: read ahead by a few thousand; what is no string is written out as one.
            language: one of the models'.
            batch_size: texts that share batches, at least 512: 1 is Presidio's default, and its cost is most of it.
            n_process: of no effect; the model has its own threads.

        Raises:
            UsageError: there is no model for that language.
        """
        if language not in self._taggers:
            known = ", ".join(self._taggers) or "none: call load()"
            raise UsageError("language", f"{language!r}", f"choose one of {known}")
        for_model, for_tokens = itertools.tee(str(text) for text in texts)
        answers = self._taggers[language].stream(for_model, chunk=max(batch_size, 512))
        for text, found in zip(for_tokens, answers):
            yield text, self._artifacts(self.nlp[language].make_doc(text), found, language)

    def _artifacts(self, doc: Any, found: Sequence[Entity], language: str) -> NerveArtifacts:
        named = [(entity, self._names.get(entity.label, "")) for entity in found]
        kept = [(entity, name) for entity, name in named if name and not {entity.label, name} & self._ignored]
        return NerveArtifacts(
            entities=[FoundSpan(name, entity.start, entity.end, entity.text) for entity, name in kept],
            tokens=doc,
            tokens_indices=[token.idx for token in doc],
            lemmas=[token.text for token in doc],
            nlp_engine=self,
            language=language,
            scores=[entity.score for entity, _ in kept],
        )

    def is_stopword(self, word: str, language: str) -> bool:
        """Whether spaCy lists it for that language."""
        return bool(self.nlp[language].vocab[word].is_stop)

    def is_punct(self, word: str, language: str) -> bool:
        """Whether it is punctuation."""
        return bool(self.nlp[language].vocab[word].is_punct)

    def get_supported_entities(self) -> list[str]:
        """Presidio's types that the models can find."""
        types = {name for tagger in self._taggers.values() for name in tagger.labels.types}
        kept = {self._names.get(name, "") for name in types - self._ignored}
        return sorted(kept - self._ignored - {""})

    def get_supported_languages(self) -> list[str]:
        """The models' languages."""
        return [model["lang_code"] for model in self._models]
