"""The model `ner` of a Triton repository: text in, entities out as JSON. Triton's python backend runs this file.

It needs numpy, tokenizers and the library of the backend, and stands alone besides: the folder `runtime` beside it is
Nerve's runtime, and `bundle` is the bundle, every byte of which is verified against its manifest before the model is
ready. For Python 3.11 and 3.12.

    TEXT      BYTES [batch, 1], UTF-8
    ENTITIES  BYTES [batch, 1], a JSON list of {"label", "text", "start", "end", "score"}; offsets are code points

Parameters of a request: `aggregation` ("word" or one of transformers' strategies), `threshold` (least score, 0 to 1).
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import triton_python_backend_utils as pb_utils  # noqa: E402 - Triton brings it

from runtime.bundle.certificate import Wanted  # noqa: E402
from runtime.bundle.store import TOKENIZER, open_bundle  # noqa: E402
from runtime.decode.options import Decoding  # noqa: E402
from runtime.encode.tokenizer import Encoder  # noqa: E402
from runtime.errors import NerveError, UsageError  # noqa: E402
from runtime.tagger import Tagger  # noqa: E402
from runtime.text.label_schemes import label_set_of  # noqa: E402

# Reads and answers of Triton go by these names.
TEXT, ENTITIES = "TEXT", "ENTITIES"
# Read before the model is ready, so that the first request does not wait for what libraries put off until then.
SENTENCE = "Angela Merkel met Emmanuel Macron in Paris, the United Nations said on Monday."


class TritonPythonModel:
    """As Triton's python backend calls it."""

    def initialize(self, args: dict[str, str]) -> None:
        """Open the bundle; an error ends the loading of the model, and Triton's log says why."""
        asked = {key: value["string_value"] for key, value in json.loads(args["model_config"])["parameters"].items()}
        key = asked.get("public_key", "")  # a name beside this file, or a path of the operator's
        limited = asked.get("limited_evidence", "no") == "yes"
        self._bundle = open_bundle(HERE / "bundle", limited=limited, public_key=HERE / key if key else None)
        wanted: Any = {key: asked[key] for key in ("backend", "precision", "device", "file")}
        self._taggers = {
            "word": Tagger.open(
                self._bundle,
                candidate=Wanted(**wanted),
                threads=int(asked["threads"]),
                allow_uncertified=asked["allow_uncertified"] == "yes",
                profile=asked.get("profile", ""),
            )
        }
        self._taggers["word"].tag([SENTENCE])
        pb_utils.Logger.log_info(f"ner: {self._taggers['word'].about}")
        labels = {"model": args["model_name"], "version": args["model_version"]}
        kind = pb_utils.MetricFamily.COUNTER
        # Kept: a metric is dead as soon as its family is.
        self._families = [
            pb_utils.MetricFamily(name=name, description=what, kind=kind) for name, what in COUNTERS.items()
        ]
        self._counted = {name: each.Metric(labels=labels) for name, each in zip(COUNTERS, self._families)}

    def execute(self, requests: list[Any]) -> list[Any]:
        """One response to each request; those that are alike share batches."""
        responses: list[Any] = [None] * len(requests)
        groups: dict[str, list[tuple[int, list[str], float]]] = {}
        for number, request in enumerate(requests):
            try:
                aggregation, threshold = _parameters(request.parameters())
                groups.setdefault(aggregation, []).append((number, _texts(request), threshold))
            except NerveError as error:
                responses[number] = self._refused(error)
        for aggregation, group in groups.items():
            self._answer(aggregation, group, responses)
        return responses

    def finalize(self) -> None:
        """Give back the engine's memory."""
        # The others run on its backend, which cannot be closed twice.
        self._taggers["word"].close()

    def _answer(self, aggregation: str, group: list[tuple[int, list[str], float]], responses: list[Any]) -> None:
        """Fill in the responses of requests that are read alike."""
        try:
            found = self._tagger(aggregation).tag([text for _, texts, _ in group for text in texts])
        except NerveError as error:
            for number, _, _ in group:
                responses[number] = self._refused(error)
            return
        answers = iter(found)
        for number, texts, threshold in group:
            kept = [[one for one in next(answers) if one.score >= threshold] for _ in texts]
            self._counted["ner_texts_total"].increment(len(texts))
            self._counted["ner_entities_total"].increment(sum(map(len, kept)))
            responses[number] = _response(kept)

    def _tagger(self, aggregation: str) -> Tagger:
        """One for each aggregation, all on one engine."""
        if aggregation not in self._taggers:
            manifest, first = self._bundle.manifest, self._taggers["word"]
            self._taggers[aggregation] = Tagger(
                Encoder(self._bundle.file(TOKENIZER)),
                label_set_of(manifest),
                first.backend,
                max_length=manifest.max_length,
                vocabulary=manifest.vocabulary,
                decoding=Decoding(aggregation=aggregation),  # type: ignore[arg-type]  # Decoding refuses others
            )
        return self._taggers[aggregation]

    def _refused(self, error: NerveError) -> Any:
        self._counted["ner_refused_total"].increment(1)
        return pb_utils.InferenceResponse(error=pb_utils.TritonError(str(error), pb_utils.TritonError.INVALID_ARG))


COUNTERS = {
    "ner_texts_total": "Texts that were answered",
    "ner_entities_total": "Entities that were found",
    "ner_refused_total": "Requests that were refused",
}


def _parameters(given: str) -> tuple[str, float]:
    """Aggregation and threshold of a request.

    Raises:
        UsageError: the threshold is no probability.
    """
    asked: dict[str, Any] = json.loads(given) if given else {}
    threshold = asked.get("threshold", 0.0)
    try:
        least = float(threshold)
    except ValueError:
        least = -1.0
    if not 0 <= least <= 1:
        raise UsageError("threshold", f"{threshold}", "give a probability, from 0 to 1")
    return str(asked.get("aggregation", "word")), least


def _texts(request: Any) -> list[str]:
    """The texts of a request.

    Raises:
        UsageError: one is not UTF-8.
    """
    given = pb_utils.get_input_tensor_by_name(request, TEXT).as_numpy().reshape(-1)
    try:
        return [text.decode("utf-8") if isinstance(text, bytes) else str(text) for text in given]
    except UnicodeDecodeError as error:
        raise UsageError(TEXT, f"not UTF-8 ({error.reason})", "send UTF-8") from error


def _response(found: list[list[Any]]) -> Any:
    import numpy as np

    lines = [json.dumps([asdict(one) for one in entities], ensure_ascii=False).encode() for entities in found]
    tensor = pb_utils.Tensor(ENTITIES, np.array(lines, dtype=np.object_).reshape(-1, 1))
    return pb_utils.InferenceResponse(output_tensors=[tensor])
