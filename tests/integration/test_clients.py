"""Real clients, as their users call them, against the server: none of them knows that it is Nerve."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.lookup import lookup_bundle
from tests.runtime.serve.running import TIMEOUT, Server

pytestmark = pytest.mark.integration
WORDS = {"Angela": "B-PER", "Merkel": "I-PER", "Paris": "B-LOC", "Oslo": "B-LOC"}
TEXT = "Angela Merkel visited Paris"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("clients")
    with Server(lookup_bundle(folder / "bundle", WORDS), folder / "log") as running:
        yield running


def test_hugging_face_inference_client(server: Server) -> None:
    from huggingface_hub import InferenceClient

    for path in ("", "/models/ner"):
        client = InferenceClient(model=server.url + path)
        found = client.token_classification(TEXT, aggregation_strategy="simple", ignore_labels=["O", "LOC"])
        assert [(each.entity_group, each.word, each.start, each.end) for each in found] == [
            ("PER", "Angela Merkel", 0, 13)
        ]
    tokens = InferenceClient(model=server.url).token_classification(TEXT, aggregation_strategy="none")
    assert [each.entity for each in tokens] == ["B-PER", "I-PER", "B-LOC"]


_SCRIPT = """
import { InferenceClient } from "@huggingface/inference";
const client = new InferenceClient();
const found = await client.tokenClassification({ endpointUrl: process.argv[1], inputs: process.argv[2] });
console.log(JSON.stringify(found));
"""


def test_hugging_face_inference_for_javascript(server: Server) -> None:
    folder = ROOT / "build" / "npm"
    assert (folder / "node_modules").is_dir(), "make setup-integrations installs it"
    done = subprocess.run(
        ["node", "--input-type=module", "--eval", _SCRIPT, "--", f"{server.url}/", TEXT],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [each["word"] for each in json.loads(done.stdout)] == ["Angela Merkel", "Paris"]


def test_triton_client(server: Server) -> None:
    from tritonclient import http

    client = http.InferenceServerClient(server.url.removeprefix("http://"))
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("ner")
    assert client.get_model_metadata("ner")["outputs"][0]["name"] == "entities"
    for binary in (True, False):
        tensor = http.InferInput("text", [2], "BYTES")
        tensor.set_data_from_numpy(np.array([TEXT, "\U0001f600 Oslo"], dtype=object), binary_data=binary)
        wanted = http.InferRequestedOutput("entities", binary_data=binary)
        reply = client.infer("ner", [tensor], outputs=[wanted], request_id="7")
        first, second = map(json.loads, reply.as_numpy("entities"))
        assert [each["label"] for each in first] == ["PER", "LOC"]
        assert (second[0]["start"], second[0]["end"]) == (2, 6)
        assert reply.get_response()["id"] == "7"
    for packed in ("gzip", "deflate"):
        reply = client.infer("ner", [tensor], request_compression_algorithm=packed)
        assert len(reply.as_numpy("entities")) == 2
    wrong = http.InferInput("words", [1], "BYTES")
    wrong.set_data_from_numpy(np.array(["a"], dtype=object))
    with pytest.raises(Exception, match="this model takes one, 'text'"):
        client.infer("ner", [wrong])
    client.close()


def test_presidio_remote_recognizer(server: Server) -> None:
    import requests
    from presidio_analyzer import AnalysisExplanation, RecognizerResult, RemoteRecognizer
    from presidio_analyzer.nlp_engine import NlpArtifacts

    # As Presidio's own documentation shows a recognizer that asks a service.
    class Nerve(RemoteRecognizer):  # type: ignore[misc, unused-ignore]
        def load(self) -> None:
            self.names = requests.get(f"{server.url}/supportedentities", timeout=TIMEOUT).json()

        def get_supported_entities(self) -> list[str]:
            return list(self.names)

        def analyze(self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts) -> list[RecognizerResult]:
            body = json.dumps({"text": text, "language": "en", "entities": entities, "return_decision_process": True})
            found = requests.post(f"{server.url}/analyze", data=body, timeout=TIMEOUT).json()
            return [
                RecognizerResult(
                    each["entity_type"],
                    each["start"],
                    each["end"],
                    each["score"],
                    AnalysisExplanation(
                        recognizer=each["analysis_explanation"]["recognizer"],
                        original_score=each["analysis_explanation"]["original_score"],
                    ),
                )
                for each in found
            ]

    recognizer = Nerve(supported_entities=[], name="nerve", supported_language="en", version="1")
    assert sorted(recognizer.get_supported_entities()) == ["LOCATION", "PERSON"]
    found = recognizer.analyze(TEXT, ["PERSON"], None)
    assert [(each.entity_type, each.start, each.end) for each in found] == [("PERSON", 0, 13)]


def test_openapi_is_accepted_by_a_schema_fuzzer(server: Server, tmp_path: Path) -> None:
    # Schema-valid requests may still ask for labels that the model does not have; that check alone is left out.
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{server.url}/openapi.json"]
    command += ["--checks", "all", "--exclude-checks", "positive_data_acceptance,ignored_auth"]
    command += ["--max-examples", "10", "--request-timeout", f"{TIMEOUT:.0f}", "--seed", "1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 0, done.stdout[-6000:]
    assert '"status":5' not in server.log.read_text()


def test_traces_reach_a_collector(tmp_path: Path) -> None:
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    received: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    collector = HTTPServer(("127.0.0.1", 0), Collector)
    Thread(target=collector.serve_forever, daemon=True).start()
    bundle = lookup_bundle(tmp_path / "bundle", WORDS)
    trace = "0af7651916cd43dd8448eb211c80319c"
    with Server(bundle, tmp_path / "log", "--otlp", f"http://127.0.0.1:{collector.server_port}/v1/traces") as server:
        headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
        assert server.post("/tag", {"texts": [TEXT]}, headers=headers).status_code == 200
    collector.shutdown()
    collector.server_close()
    spans = b"".join(received)
    assert b"ner.inference_ms" in spans
    assert bytes.fromhex(trace) in spans
