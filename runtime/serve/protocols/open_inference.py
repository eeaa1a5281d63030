"""The Open Inference Protocol (KServe v2, Triton): one model, input "text", output "entities", both of type BYTES.

Each element of "text" is a text, each of "entities" the JSON of its entities. Input may be JSON or binary, as
tritonclient sends it by default; output is JSON, which clients take in either case. Decoding options are parameters of
the request: aggregation, constrained.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

import runtime
from runtime.decode.options import AGGREGATIONS
from runtime.serve.batching.reading import Reading, reading_of
from runtime.serve.http.body import parse
from runtime.serve.http.endpoint import Endpoint
from runtime.serve.http.exchange import Exchange
from runtime.serve.http.refused import RefusedError, bad_request
from runtime.serve.http.replies import encoded, json_reply
from runtime.serve.protocols.asking import body_of, check_model, entities
from runtime.serve.protocols.binary_tensor import texts_of_bytes
from runtime.serve.service import Service

_INPUT, _OUTPUT, _TYPE = "text", "entities", "BYTES"
_HEADER_LENGTH = "inference-header-content-length"


@dataclass(frozen=True, slots=True, kw_only=True)
class InputTensor:
    """A tensor of the request; `data` where it is not binary."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any] | None = None
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputTensor:
    """A tensor that is asked for."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Infer:
    """The body of /infer."""

    inputs: list[InputTensor]
    outputs: list[OutputTensor] = field(default_factory=list)
    id: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)


async def infer(service: Service, exchange: Exchange) -> Response:
    """Entities of each element, as JSON."""
    name = check_model(service, exchange)
    raw = await body_of(service, exchange)
    length = _header_length(exchange, len(raw))
    asked = parse(raw[:length], Infer)
    tensor = _input(asked)
    texts = _texts(tensor, raw[length:])
    found = await entities(service, exchange, texts, _reading(asked.parameters))
    data = [encoded(each).decode() for each in found]
    output = {"name": _OUTPUT, "datatype": _TYPE, "shape": tensor.shape, "data": data}
    more = {"id": asked.id} if asked.id else {}
    return json_reply({"model_name": name, "model_version": "1", "outputs": [output], **more})


def _header_length(exchange: Exchange, size: int) -> int:
    given = exchange.headers.get(_HEADER_LENGTH)
    if given is None:
        return size
    if not (given.isascii() and given.isdigit() and len(given) <= 12) or int(given) > size:
        raise bad_request(f"{_HEADER_LENGTH} {given[:20]!r} is no length within a body of {size:,} bytes")
    return int(given)


def _input(asked: Infer) -> InputTensor:
    """The one input, checked as Triton checks it."""
    names = [tensor.name for tensor in asked.inputs]
    if names != [_INPUT]:
        raise bad_request(f"inputs {names!r:.200}: this model takes one, {_INPUT!r}")
    tensor = asked.inputs[0]
    if tensor.datatype != _TYPE:
        raise bad_request(f"input {_INPUT!r} has datatype {tensor.datatype[:20]!r}, the model takes {_TYPE}")
    if unknown := [output.name for output in asked.outputs if output.name != _OUTPUT]:
        raise bad_request(f"no output {unknown[0][:80]!r}; this model gives {_OUTPUT!r}")
    if len(tensor.shape) not in (1, 2) or min(tensor.shape) < 0 or tensor.shape[1:] not in ([], [1]):
        raise bad_request(f"input {_INPUT!r} has shape {tensor.shape!r:.80}, the model takes [n] or [n, 1]")
    return tensor


def _texts(tensor: InputTensor, binary: bytes) -> list[str]:
    if tensor.data is not None:
        if binary:
            raise bad_request(f"input {_INPUT!r} has data in JSON, and {len(binary):,} binary bytes follow")
        data = tensor.data
        flat = [each for row in data for each in (row if isinstance(row, list) else [row])]
    else:
        size = tensor.parameters.get("binary_data_size")
        if not isinstance(size, int) or size != len(binary):
            raise bad_request(
                f"input {_INPUT!r} has {len(binary):,} binary bytes and says binary_data_size {size!r:.20}"
            )
        flat = texts_of_bytes(binary)
    if not all(isinstance(each, str) for each in flat):
        raise bad_request(f"input {_INPUT!r} holds something that is no string")
    if len(flat) != tensor.shape[0]:
        raise bad_request(f"input {_INPUT!r} has {len(flat):,} elements and the shape of {tensor.shape[0]:,}")
    return flat


def _reading(parameters: dict[str, Any]) -> Reading:
    aggregation, constrained = parameters.get("aggregation", "word"), parameters.get("constrained", False)
    if aggregation not in AGGREGATIONS:
        raise bad_request(f"parameter aggregation {aggregation!r:.80} is unknown")
    if not isinstance(constrained, bool):
        raise bad_request("parameter constrained is not true or false")
    return reading_of(aggregation=aggregation, constrained=constrained)


async def server_metadata(service: Service, exchange: Exchange) -> Response:
    """What this server is."""
    return json_reply({"name": "nerve", "version": runtime.__version__, "extensions": ["binary_tensor_data"]})


async def model_metadata(service: Service, exchange: Exchange) -> Response:
    """What the model takes and gives."""
    tensor = {"datatype": _TYPE, "shape": [-1]}
    return json_reply(
        {
            "name": check_model(service, exchange),
            "versions": ["1"],
            "platform": "nerve",
            "inputs": [{"name": _INPUT, **tensor}],
            "outputs": [{"name": _OUTPUT, **tensor}],
        }
    )


async def live(service: Service, exchange: Exchange) -> Response:
    """The process answers HTTP."""
    return json_reply({"live": True})


async def ready(service: Service, exchange: Exchange) -> Response:
    """The model answers as when it started."""
    check_model(service, exchange)
    if problem := await service.health.check():
        raise RefusedError(503, problem, outcome="failed")
    return json_reply({"ready": True})


def _infer(path: str) -> Endpoint:
    return Endpoint(method="POST", path=path, handler=infer, summary="Open Inference Protocol", takes=Infer)


_MODEL = "/v2/models/{name}"
_VERSION = _MODEL + "/versions/{version}"

ENDPOINTS = (
    Endpoint(method="GET", path="/v2", handler=server_metadata, summary="Open Inference: this server", guard="open"),
    Endpoint(method="GET", path="/v2/health/live", handler=live, summary="Open Inference: alive?", guard="health"),
    Endpoint(method="GET", path="/v2/health/ready", handler=ready, summary="Open Inference: ready?", guard="health"),
    *(
        Endpoint(method="GET", path=path, handler=model_metadata, summary="Open Inference: the model", guard="open")
        for path in (_MODEL, _VERSION)
    ),
    *(
        Endpoint(method="GET", path=path + "/ready", handler=ready, summary="Open Inference: ready?", guard="health")
        for path in (_MODEL, _VERSION)
    ),
    _infer(_MODEL + "/infer"),
    _infer(_VERSION + "/infer"),
)
