"""A real tritonserver serves a repository; Triton's own clients ask it, alone and 32 at once, rightly and wrongly."""

from __future__ import annotations

import json
import random
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.triton.configuration import Tensor, encoder_configuration
from export.triton.repository import Serving, write_repository
from runtime.bundle.certificate import Wanted
from runtime.decode.options import Decoding
from runtime.tagger import Tagger
from tests.export.triton.server import Triton, installed, tritonserver
from tests.lookup import lookup_bundle
from tests.nasty import NASTY

http = pytest.importorskip("tritonclient.http")
grpc = pytest.importorskip("tritonclient.grpc")
if not installed():
    pytest.skip(
        "there is no tritonserver, which nvidia-pytriton brings, or no environment for models: make setup-integrations",
        allow_module_level=True,
    )

pytestmark = pytest.mark.integration
WORDS = {"Angela": "B-PER", "Merkel": "I-PER", "Paris": "B-LOC", "Oslo": "I-LOC"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lookup_bundle(tmp_path_factory.mktemp("lookup") / "bundle", WORDS)


@pytest.fixture(scope="module")
def repository(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("triton") / "models"
    write_repository(bundle, output, Serving(wanted=Wanted(), threads=1))
    return output


@pytest.fixture(scope="module")
def server(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Triton]:
    with tritonserver(repository, tmp_path_factory.mktemp("server")) as triton:
        yield triton


def ask(client: Any, library: Any, texts: Sequence[str | bytes], **parameters: Any) -> list[Any]:
    """The entities of each text, by either of Triton's clients."""
    given = [text.encode() if isinstance(text, str) else text for text in texts]
    tensor = library.InferInput("TEXT", [len(given), 1], "BYTES")
    tensor.set_data_from_numpy(np.array(given, dtype=np.object_).reshape(-1, 1))
    answer = client.infer("ner", [tensor], parameters=parameters or None)
    return [json.loads(line) for line in answer.as_numpy("ENTITIES").reshape(-1)]


def sentences(count: int) -> list[str]:
    chance = random.Random(3)
    words = [*WORDS, "met", "in", "(", ",", "\u00e9t\u00e9", "\U0001f600"]
    return [*NASTY, *(" ".join(chance.choices(words, k=chance.randint(0, 30))) for _ in range(count - len(NASTY)))]


def answers(bundle: Path, texts: Sequence[str], decoding: Decoding | None = None) -> list[Any]:
    with Tagger.open(bundle, decoding=decoding or Decoding()) as tagger:
        return [[asdict(entity) for entity in found] for found in tagger.tag(texts)]


def without_scores(found: Sequence[Sequence[dict[str, Any]]]) -> list[Any]:
    return [[{key: value for key, value in one.items() if key != "score"} for one in each] for each in found]


@pytest.mark.parametrize("library", [http, grpc])
def test_answers_equal_the_taggers_on_500_sentences(server: Triton, bundle: Path, library: Any) -> None:
    texts = sentences(500)
    client = library.InferenceServerClient(server.http if library is http else server.grpc)
    found = [answer for start in range(0, 500, 100) for answer in ask(client, library, texts[start : start + 100])]
    expected = answers(bundle, texts)
    assert without_scores(found) == without_scores(expected)
    scores = [[one["score"] for each in answer for one in each] for answer in (found, expected)]
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-6)
    assert len(scores[0]) > 1000


def test_aggregation_and_threshold(server: Triton, bundle: Path) -> None:
    client = http.InferenceServerClient(server.http)
    text = "Angela Merkel in Paris"
    expected = answers(bundle, [text], Decoding(aggregation="none"))
    assert without_scores(ask(client, http, [text], aggregation="none")) == without_scores(expected)
    assert ask(client, http, [text], threshold="1.0") == [[]]


def test_bad_requests_are_refused_and_the_next_is_answered(server: Triton) -> None:
    client = http.InferenceServerClient(server.http)
    for parameters, message in (({"aggregation": "best"}, "choose one of"), ({"threshold": "much"}, "from 0 to 1")):
        with pytest.raises(http.InferenceServerException, match=message):
            ask(client, http, ["Paris"], **parameters)
    with pytest.raises(http.InferenceServerException, match="not UTF-8"):
        ask(client, http, [b"\xff\xfe"])
    wrong = http.InferInput("WORDS", [1, 1], "BYTES")
    wrong.set_data_from_numpy(np.array([[b"Paris"]], dtype=np.object_))
    with pytest.raises(http.InferenceServerException, match="WORDS"):
        client.infer("ner", [wrong])
    assert len(ask(client, http, ["Paris"])[0]) == 1


def test_32_clients_at_once(server: Triton, bundle: Path) -> None:
    texts = sentences(128)
    expected = without_scores(answers(bundle, texts))
    wrong: list[Any] = []

    def run(number: int) -> None:
        client = grpc.InferenceServerClient(server.grpc)
        for place in range(number, len(texts), 32):
            found = without_scores(ask(client, grpc, [texts[place]]))
            if found != [expected[place]]:
                wrong.append((texts[place], found))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_model_is_reloaded(server: Triton) -> None:
    client = http.InferenceServerClient(server.http)
    client.unload_model("ner")
    assert not client.is_model_ready("ner")
    client.load_model("ner")
    assert len(ask(client, http, ["Paris"])[0]) == 1


def test_metrics_count_texts_and_refusals(server: Triton) -> None:
    def counted() -> dict[str, float]:
        with urllib.request.urlopen(f"http://{server.metrics}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        named = [line.rsplit(" ", 1) for line in lines if line.startswith("ner_")]
        return {name.partition("{")[0]: float(value) for name, value in named}

    client = http.InferenceServerClient(server.http)
    before = counted()
    ask(client, http, ["Paris", "Angela Merkel in Paris"])
    after = counted()
    assert (after["ner_texts_total"] - before["ner_texts_total"]) == 2
    assert (after["ner_entities_total"] - before["ner_entities_total"]) == 3
    assert "ner_refused_total" in after


def test_changed_bytes_are_not_served(bundle: Path, tmp_path: Path) -> None:
    output = tmp_path / "models"
    write_repository(bundle, output, Serving(wanted=Wanted()))
    graph = output / "ner" / "1" / "bundle" / "padded-fp32.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"x")
    with pytest.raises(RuntimeError, match="sha256"), tritonserver(output, tmp_path):
        pass


def test_configurations_are_what_tritons_schema_says(repository: Path) -> None:
    text_format = pytest.importorskip("google.protobuf.text_format")
    from tritonclient.grpc.model_config_pb2 import ModelConfig

    trt = encoder_configuration(
        "encoder_trt",
        backend="tensorrt",
        file="engine.plan",
        inputs=[Tensor("input_ids", "TYPE_INT64", (-1, 64))],
        outputs=[Tensor("logits", "TYPE_FP32", (-1, 64, 9))],
        batched=False,
        device="cuda",
        profiles=2,
    )
    ner, onnx = ((repository / name / "config.pbtxt").read_text() for name in ("ner", "encoder_onnx"))
    configs = [text_format.Parse(text, ModelConfig()) for text in (ner, onnx, trt)]
    assert [config.name for config in configs] == ["ner", "encoder_onnx", "encoder_trt"]
    assert configs[0].model_warmup[0].inputs["TEXT"].input_data_file == "sentence"
    assert (configs[1].max_batch_size, [each.name for each in configs[1].input]) == (
        64,
        ["input_ids", "attention_mask"],
    )
    assert [list(each.dims) for each in configs[1].output] == [[-1, 5]]
    assert list(configs[2].instance_group[0].profile) == ["0", "1"]
    assert configs[2].instance_group[0].Kind.Name(configs[2].instance_group[0].kind) == "KIND_GPU"
