"""The Open Inference Protocol by hand; tritonclient is in tests/integration."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.runtime.serve.running import TIMEOUT, Server

TEXTS = ["Angela Merkel visited Paris", "\U0001f600 Oslo"]


def _tensor(**more: Any) -> dict[str, Any]:
    return {"name": "text", "shape": [len(TEXTS)], "datatype": "BYTES", "data": TEXTS} | more


def _spans(reply: httpx.Response) -> list[list[tuple[str, int, int]]]:
    (output,) = reply.json()["outputs"]
    return [[(each["label"], each["start"], each["end"]) for each in json.loads(row)] for row in output["data"]]


FOUND = [[("PER", 0, 13), ("LOC", 22, 27)], [("LOC", 2, 6)]]


def test_json_tensors(server: Server) -> None:
    reply = server.post("/v2/models/ner/infer", {"id": "mine", "inputs": [_tensor()]})
    assert reply.json()["id"] == "mine"
    assert reply.json()["outputs"][0]["shape"] == [2]
    assert _spans(reply) == FOUND
    columns = _tensor(shape=[2, 1], data=[[text] for text in TEXTS])
    assert _spans(server.post("/v2/models/ner/versions/1/infer", {"inputs": [columns]})) == FOUND


def _binary(*elements: bytes, size: int | None = None) -> tuple[bytes, dict[str, str]]:
    data = b"".join(len(each).to_bytes(4, "little") + each for each in elements)
    tensor: dict[str, Any] = {"name": "text", "shape": [len(elements)], "datatype": "BYTES"}
    tensor["parameters"] = {"binary_data_size": len(data) if size is None else size}
    head = json.dumps({"inputs": [tensor]}).encode()
    return head + data, {"Inference-Header-Content-Length": str(len(head))}


def test_binary_tensors_without_a_content_type(server: Server) -> None:
    body, headers = _binary(*(text.encode() for text in TEXTS))
    reply = httpx.post(f"{server.url}/v2/models/ner/infer", content=body, headers=headers, timeout=TIMEOUT)
    assert _spans(reply) == FOUND


@pytest.mark.parametrize(
    ("tensor", "said"),
    [
        (_tensor(name="words"), "this model takes one, 'text'"),
        (_tensor(datatype="FP32"), "datatype 'FP32'"),
        (_tensor(shape=[3]), "2 elements and the shape of 3"),
        (_tensor(shape=[]), "shape []"),
        (_tensor(shape=[2, 2]), "shape [2, 2]"),
        (_tensor(data=["a", 1]), "no string"),
        (_tensor(data=None), "binary_data_size"),
    ],
)
def test_tensors_that_the_model_does_not_take(server: Server, tensor: dict[str, Any], said: str) -> None:
    reply = server.post("/v2/models/ner/infer", {"inputs": [tensor]})
    assert reply.status_code == 400
    assert said in reply.json()["error"]


def _twice() -> tuple[bytes, dict[str, str]]:
    """A tensor with its data in JSON, and binary data behind it."""
    tensor = {"name": "text", "datatype": "BYTES", "shape": [1], "data": ["Paris"]}
    head = json.dumps({"inputs": [tensor]}).encode()
    return head + b"\x04\0\0\0Oslo", {"Inference-Header-Content-Length": str(len(head))}


def test_binary_data_that_is_broken(server: Server) -> None:
    for body, headers in (
        _binary(b"\xff\xfe"),
        _binary(b"abc", size=3),
        _binary(b"abc", size=8),
        (b"{}", {"Inference-Header-Content-Length": "100"}),
        _twice(),
        (b"{}", {"Inference-Header-Content-Length": "-1"}),
    ):
        reply = httpx.post(f"{server.url}/v2/models/ner/infer", content=body, headers=headers, timeout=TIMEOUT)
        assert reply.status_code == 400, reply.text


def test_health_and_metadata(server: Server) -> None:
    for path in ("/v2/health/live", "/v2/health/ready", "/v2/models/ner/ready", "/v2/models/ner/versions/1/ready"):
        assert server.get(path).status_code == 200
    assert server.get("/v2").json()["extensions"] == ["binary_tensor_data"]
    assert server.get("/v2/models/ner").json()["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    for path in ("/v2/models/other", "/v2/models/ner/versions/7", "/v2/models/other/ready"):
        assert server.get(path).status_code == 404
