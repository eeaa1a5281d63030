"""POST /tag: all decoding options, and streams of lines."""

from __future__ import annotations

import itertools
import json
import socket
from collections.abc import Iterator
from typing import Any, get_args

import httpx
import pytest

from runtime.batch.windowing import Long, Policy
from runtime.decode.options import AGGREGATIONS
from tests.runtime.serve.running import TIMEOUT, Server

TEXT = "Angela Merkel visited Paris"


def test_words_get_labels(server: Server) -> None:
    reply = server.post("/tag", {"words": [["Angela", "Merkel", "in", "Paris"], []]}).json()
    assert reply == {"labels": [["B-PER", "I-PER", "O", "B-LOC"], []]}


def test_no_set_of_options_is_a_failure_of_the_server(server: Server) -> None:
    """Each is answered or refused, as a body and as a stream; what fails in a worker would make the server unready."""
    statuses = set()
    with httpx.Client(base_url=server.url, timeout=TIMEOUT) as client:
        for question in ({"texts": [TEXT, ""]}, {"words": [TEXT.split(), []]}):
            for chosen in itertools.product(AGGREGATIONS, (False, True), get_args(Policy), get_args(Long), ("auto", 2)):
                options = dict(zip(("aggregation", "constrained", "read", "long", "stride"), chosen, strict=True))
                statuses.add(status := client.post("/tag", json=question | options).status_code)
                assert status in (200, 400), (question, options)
        for aggregation in AGGREGATIONS:
            lines = client.post("/tag", params={"aggregation": aggregation}, headers=NDJSON, content='{"words": ["a"]}')
            answer = lines.json()
            assert ("labels" in answer) == (aggregation == "word"), answer
            assert "backend" not in answer.get("error", "")
    assert statuses == {200, 400}


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"ignore": ["PER"]}, ["Paris"]),
        ({"thresholds": {"PER": 1}}, ["Paris"]),
        ({"constrained": True}, ["Angela Merkel", "Paris"]),
        ({"aggregation": "none"}, ["Angela", "Merkel", "Paris"]),
        ({"read": "windows"}, ["Angela Merkel", "Paris"]),
        ({"read": "context", "context": 8}, ["Angela Merkel", "Paris"]),
        ({"context": 8}, ["Angela Merkel", "Paris"]),
        ({"context": "auto"}, ["Angela Merkel", "Paris"]),
        ({"long": "split", "stride": 3}, ["Angela Merkel", "Paris"]),
    ],
)
def test_options_are_those_of_the_command_line(server: Server, options: dict[str, Any], found: list[str]) -> None:
    reply = server.post("/tag", {"texts": [TEXT]} | options)
    assert [each["text"] for each in reply.json()["entities"][0]] == found


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "either"),
        ({"texts": ["a"], "words": [["a"]]}, "either"),
        ({"texts": "a"}, "$.texts"),
        ({"texts": [1]}, "$.texts[0]"),
        ({"texts": ["a"], "treshold": 1}, "unknown field `treshold`; there are texts, words"),
        ({"texts": ["a"], "ignore": ["DOG"]}, "no entity type 'DOG'"),
        ({"texts": ["a"], "thresholds": {"PER": 2}}, "$.thresholds"),
        ({"texts": ["a"], "constrained": True, "aggregation": "simple"}, "constraints hold between words"),
        ({"texts": ["a"], "stride": 62}, "give 0 to 61"),
        ({"texts": ["a"], "read": "windows", "context": 8}, "context: 8 tokens, and reading by windows takes none"),
        ({"texts": ["a"], "read": "sentences", "aggregation": "simple"}, "reads texts whole"),
        ({"texts": ["a"], "context": 64, "aggregation": "simple"}, "reads texts whole"),
        ({"texts": ["a", "long " * 100], "long": "error"}, "text 2: 100 tokens"),
        ([], "the JSON that this route takes"),
    ],
)
def test_what_is_not_understood_is_said(server: Server, body: Any, said: str) -> None:
    reply = server.post("/tag", body)
    assert reply.status_code == 400
    assert said in reply.json()["error"]


NDJSON = {"Content-Type": "application/x-ndjson"}


def _lines(server: Server, content: Any, query: str = "") -> list[dict[str, Any]]:
    reply = httpx.post(f"{server.url}/tag{query}", content=content, headers=NDJSON, timeout=TIMEOUT)
    assert reply.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in reply.text.splitlines()]


def test_lines_are_answered_in_order_and_broken_ones_in_their_place(server: Server) -> None:
    lines = ['"Paris"', '{"text": "Angela", "id": 7}', "{", '{"words": ["Oslo"]}', "", "[]", "17"]
    found = _lines(server, "\n".join(lines).encode())
    assert [each["entities"][0]["text"] for each in found[:2]] == ["Paris", "Angela"]
    assert "not JSON" in found[2]["error"]
    assert found[2]["line"] == 3
    assert found[3] == {"labels": ["B-LOC"]}
    assert found[4] == {"labels": []}
    assert "neither" in found[5]["error"]
    assert found[5]["line"] == 7  # a blank line has no answer, and is a line


def test_options_of_a_stream_are_in_the_query(server: Server) -> None:
    query = "?ignore=PER&threshold=LOC=0.2&constrained=true&stride=4&long=split&read=windows"
    (found,) = _lines(server, json.dumps(TEXT).encode(), query)
    assert [each["text"] for each in found["entities"]] == ["Paris"]
    for wrong in ("?ignore=DOG", "?stride=x", "?treshold=1", "?threshold=PER", "?long=maybe", "?aggregation=best"):
        reply = httpx.post(f"{server.url}/tag{wrong}", content=b'"a"', headers=NDJSON, timeout=TIMEOUT)
        assert reply.status_code == 400, wrong


def test_a_line_with_half_a_character_or_with_texts_and_words(server: Server) -> None:
    lines = [rb'"a\ud800"', b'{"text": "Paris", "words": ["Oslo"]}', b'{"text": null, "words": ["Oslo"]}', b"[" * 9999]
    half, both, words, deep = _lines(server, b"\n".join(lines))
    assert "half of a surrogate pair" in half["error"]
    assert "neither" in both["error"]
    assert words == {"labels": ["B-LOC"]}
    assert "nested too deeply" in deep["error"]


def test_options_in_the_query_hold_for_json_too_and_those_of_the_body_go_first(server: Server) -> None:
    def labels(query: str, **options: Any) -> list[str]:
        reply = server.post(f"/tag{query}", {"texts": [TEXT], **options})
        return [each["label"] for each in reply.json()["entities"][0]]

    assert labels("?ignore=PER") == ["LOC"]
    assert labels("?ignore=PER", ignore=[]) == ["PER", "LOC"]
    assert labels("?ignore=PER&aggregation=none", ignore=["LOC"]) == ["B-PER", "I-PER"]
    for wrong in ("?ignore=DOG", "?treshold=PER=1", "?stride=x"):
        assert server.post(f"/tag{wrong}", {"texts": [TEXT]}).status_code == 400


def test_answers_come_while_the_client_still_sends(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT) as client:
        head = (
            "POST /tag HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        client.sendall(head.encode())
        received = client.makefile("rb")
        for number in range(3):
            client.sendall(b'10\r\n"Paris in rain"\n\r\n')
            while not (line := received.readline()).startswith(b"{"):
                assert line, number
            assert json.loads(line)["entities"][0]["text"] == "Paris"
        client.sendall(b"0\r\n\r\n")


def test_ten_thousand_lines_from_a_generator(server: Server) -> None:
    def lines() -> Iterator[bytes]:
        for number in range(10_000):
            yield json.dumps(f"Paris {number}").encode() + b"\n"

    found = _lines(server, lines())
    assert len(found) == 10_000
    assert {each["entities"][0]["text"] for each in found} == {"Paris"}
