"""KServe v1, Presidio, vLLM, NeMo Guardrails and Label Studio: the shapes that their clients send and read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.runtime.serve.running import Server

TEXT = "Angela Merkel visited Paris"


def test_kserve_v1(server: Server) -> None:
    (found, none) = server.post("/v1/models/ner:predict", {"instances": [TEXT, ""]}).json()["predictions"]
    assert [each["label"] for each in found] == ["PER", "LOC"]
    assert none == []
    assert server.get("/v1/models").json()["models"] == ["ner"]
    assert server.get("/v1/models/ner").json() == {"name": "ner", "ready": True}
    assert server.post("/v1/models/other:predict", {"instances": []}).status_code == 404


def test_presidio(server: Server) -> None:
    found = server.post("/analyze", {"text": TEXT, "language": "en"}).json()
    assert [(each["entity_type"], each["start"], each["end"]) for each in found] == [
        ("PERSON", 0, 13),
        ("LOCATION", 22, 27),
    ]
    few = {"text": [TEXT, "Oslo"], "language": "en", "entities": ["LOCATION"], "return_decision_process": True}
    lists = server.post("/analyze", few).json()
    assert [[each["entity_type"] for each in one] for one in lists] == [["LOCATION"], ["LOCATION"]]
    assert lists[0][0]["analysis_explanation"]["recognizer"] == "NerveRecognizer"
    assert server.post("/analyze", {"text": TEXT, "score_threshold": 1}).json() == []
    assert server.get("/supportedentities?language=en").json() == ["LOCATION", "PERSON"]
    assert server.get("/recognizers").json() == ["NerveRecognizer"]
    assert server.get("/health").json() == {"status": "UP"}


def test_presidios_names_can_be_given(known_words: Path, tmp_path: Path) -> None:
    more = ("--presidio-label", "LOC=PLACE", "--presidio-label", "PER=")
    with Server(known_words, tmp_path / "log", *more) as server:
        found = server.post("/analyze", {"text": TEXT, "language": "en"}).json()
    assert [each["entity_type"] for each in found] == ["PLACE"]


def test_vllm_gives_probabilities_of_all_tokens(server: Server) -> None:
    reply = server.post("/pooling", {"model": "ner", "input": [TEXT, ""], "task": "token_classify"}).json()
    first, second = (np.array(each["data"]) for each in reply["data"])
    labels = server.get("/info").json()["labels"]
    assert [labels[place] for place in first.argmax(axis=1)] == ["O", "B-PER", "I-PER", "O", "B-LOC", "O"]
    assert np.allclose(first.sum(axis=1), 1)
    assert second.shape == (2, 5)
    assert reply["usage"]["prompt_tokens"] == 8
    assert server.post("/pooling", {"model": "other", "input": TEXT}).status_code == 404


def test_nemo_guardrails(server: Server) -> None:
    body = {"text": TEXT, "labels": ["person", "Location", "email"], "threshold": 0.5, "chunk_length": 384}
    reply = server.post("/v1/extract", body).json()
    assert reply["tagged_text"] == "[Angela Merkel](person) visited [Paris](Location)"
    assert reply["total_entities"] == 2
    assert reply["entities"][0] | {"score": 0} == {
        "value": "Angela Merkel",
        "suggested_label": "person",
        "start_position": 0,
        "end_position": 13,
        "score": 0,
    }
    assert server.post("/v1/extract", {"text": TEXT, "labels": ["email"]}).json()["total_entities"] == 0


CONFIG = """<View><Labels name="ner" toName="doc"><Label value="PER"/></Labels>
<Text name="doc" value="$body"/></View>"""


def test_label_studio(server: Server) -> None:
    tasks = [{"id": 1, "data": {"body": TEXT}}, {"id": 2, "data": {"body": "nothing"}}]
    reply = server.post("/predict", {"tasks": tasks, "label_config": CONFIG, "params": {}}).json()
    (found,), none = (each["result"] for each in reply["results"])
    assert none == []
    assert (found["from_name"], found["to_name"], found["type"]) == ("ner", "doc", "labels")
    assert found["value"] == {"start": 0, "end": 13, "text": "Angela Merkel", "labels": ["PER"]}
    assert server.post("/setup", {"project": 1, "schema": CONFIG}).json()["model_version"]
    assert server.post("/predict", {"tasks": [{"data": {}}]}).status_code == 400
    assert server.post("/predict", {"tasks": [], "label_config": "<View>"}).status_code == 400
    assert server.post("/predict", {"tasks": [], "label_config": "<View/>"}).status_code == 400


def test_label_studios_configuration_is_bounded(server: Server) -> None:
    tasks = [{"data": {"text": "Paris"}}]
    large = '<!DOCTYPE v [<!ENTITY a "xxxxxxxx">]><View>&a;&a;<Labels name="l"/><Text name="t"/></View>'
    for config, said in ((large, "has a document type"), ("<View>" * 100_000, "length <= 500000")):
        reply = server.post("/predict", {"tasks": tasks, "label_config": config})
        assert (reply.status_code, said in reply.json()["error"]) == (400, True)
