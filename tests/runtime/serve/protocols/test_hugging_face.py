"""Hugging Face's protocol as a client without its library would speak it; its own clients are in tests/integration."""

from __future__ import annotations

from pathlib import Path

from runtime import Decoding, Tagger
from tests.runtime.serve.running import Server

TEXT = "Angela Merkel visited Paris"


def test_one_text_has_a_list_and_a_list_has_lists(server: Server) -> None:
    one = server.post("/", {"inputs": TEXT}).json()
    assert [(each["entity_group"], each["word"], each["start"], each["end"]) for each in one] == [
        ("PER", "Angela Merkel", 0, 13),
        ("LOC", "Paris", 22, 27),
    ]
    assert server.post("/models/ner", {"inputs": [TEXT, "none"]}).json() == [one, []]


def test_strategies_are_those_of_the_pipeline(server: Server, known_words: Path) -> None:
    for strategy in ("none", "simple", "first", "average", "max"):
        with Tagger.open(known_words, decoding=Decoding(aggregation=strategy)) as tagger:
            expected = [(entity.label, entity.text) for entity in tagger.tag([TEXT])[0]]
        found = server.post("/", {"inputs": TEXT, "parameters": {"aggregation_strategy": strategy}}).json()
        name = "entity" if strategy == "none" else "entity_group"
        assert [(each[name], each["word"]) for each in found] == expected


def test_labels_and_types_are_ignored(server: Server) -> None:
    for ignored, strategy in ((["O", "PER"], "simple"), (["O", "B-PER", "I-PER"], "none")):
        parameters = {"ignore_labels": ignored, "aggregation_strategy": strategy}
        found = server.post("/", {"inputs": TEXT, "parameters": parameters}).json()
        assert [each["word"] for each in found] == ["Paris"]


def test_nothing_is_ignored_where_that_is_asked_for(server: Server) -> None:
    found = server.post("/", {"inputs": TEXT, "parameters": {"ignore_labels": []}}).json()
    assert [(each["entity_group"], each["word"]) for each in found] == [
        ("PER", "Angela Merkel"),
        ("O", "visited"),
        ("LOC", "Paris"),
    ]


def test_what_cannot_be_done_is_said(server: Server) -> None:
    for body, said in (
        ({"inputs": TEXT, "parameters": {"aggregation_strategy": "best"}}, "aggregation_strategy"),
        ({"inputs": {"text": TEXT}}, "$.inputs"),
        ({}, "inputs"),
    ):
        reply = server.post("/", body)
        assert reply.status_code == 400
        assert said in reply.json()["error"]
    assert server.post("/models/other", {"inputs": TEXT}).status_code == 404
