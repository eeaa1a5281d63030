"""The server as users start it: a process, a bundle, HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from runtime import Tagger
from runtime.errors import UsageError
from runtime.serve.server import listen
from tests.conftest import ROOT, Command
from tests.runtime.serve.running import Server

TEXT = "Angela Merkel visited Paris."


def test_a_text_over_http_has_the_entities_that_the_tagger_finds(server: Server, known_words: Path) -> None:
    with Tagger.open(known_words) as tagger:
        expected = tagger.tag([TEXT, "", "Oslo"])
    found = server.post("/tag", {"texts": [TEXT, "", "Oslo"]}).json()["entities"]
    assert [[entity["label"] for entity in each] for each in found] == [["PER", "LOC"], [], ["LOC"]]
    assert found == [[pytest.approx(vars_of(entity)) for entity in each] for each in expected]


def vars_of(entity: object) -> dict[str, object]:
    return {name: getattr(entity, name) for name in ("label", "text", "start", "end", "score")}


def test_info_says_what_is_served(server: Server) -> None:
    info = server.get("/info").json()
    assert info["candidate"]["backend"] == "onnxruntime"
    assert info["certificate"]["passed"] is True
    assert info["types"] == ["LOC", "PER"]


def test_each_reply_has_an_id_and_keeps_the_clients_own(server: Server) -> None:
    assert len(server.get("/info").headers["x-request-id"]) == 16
    assert server.get("/info", headers={"X-Request-Id": "mine-7"}).headers["x-request-id"] == "mine-7"
    assert server.get("/info", headers={"X-Request-Id": "x" * 500}).headers["x-request-id"] != "x" * 500


def test_sigterm_answers_what_was_accepted_and_ends_with_0(known_words: Path, tmp_path: Path) -> None:
    with Server(known_words, tmp_path / "log", "--drain-notice", "0.5") as server:
        assert server.get("/health/ready").status_code == 200
        server.process.send_signal(signal.SIGTERM)
        while (reply := server.get("/health/ready")).status_code == 200:
            pass
        assert reply.status_code == 503
        assert "draining" in reply.json()["error"]
        assert server.tag(TEXT) == [[("PER", "Angela Merkel"), ("LOC", "Paris")]]
        assert server.process.wait(20) == 0
        with pytest.raises(httpx.ConnectError):
            server.get("/health/live")
    events = [json.loads(line)["event"] for line in server.log.read_text().splitlines() if line.startswith("{")]
    assert events[0] == "ready"
    assert events[-2:] == ["request", "ended"]


def test_a_second_signal_ends_at_once(known_words: Path, tmp_path: Path) -> None:
    with Server(known_words, tmp_path / "log", "--drain-notice", "60") as server:
        server.process.send_signal(signal.SIGTERM)
        while server.get("/health/ready").status_code == 200:
            pass
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(5) == 1


def test_a_key_is_asked_for_wherever_something_is_computed(known_words: Path, tmp_path: Path) -> None:
    key = "correct-horse-battery-staple"
    with Server(known_words, tmp_path / "log", environment={"NERVE_API_KEY": key}) as server:
        openapi = server.get("/openapi.json").json()
        guarded = [
            path for path, methods in openapi["paths"].items() for each in methods.values() if "security" in each
        ]
        assert "/tag" in guarded
        assert server.post("/tag", {"texts": [TEXT]}).status_code == 401
        wrong = {"Authorization": f"Bearer {key}x"}
        assert server.post("/tag", {"texts": [TEXT]}, headers=wrong).status_code == 401
        right = {"Authorization": f"Bearer {key}"}
        assert server.post("/tag", {"texts": [TEXT]}, headers=right).status_code == 200
        assert [server.get(path).status_code for path in ("/health/live", "/metrics", "/info")] == [200, 200, 200]
    assert key not in server.log.read_text()


def test_a_key_in_a_file_and_for_all_routes(known_words: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("0123456789abcdef\n")
    more = ("--api-key-file", tmp_path / "key", "--key-for", "metrics", "health", "open")
    with Server(known_words, tmp_path / "log", *more) as server:
        paths = ("/health/live", "/metrics", "/info", "/openapi.json")
        assert [server.get(path).status_code for path in paths] == [401] * 4
        right = {"Authorization": "Bearer 0123456789abcdef"}
        assert [server.get(path, headers=right).status_code for path in paths] == [200] * 4


def test_mistakes_of_the_command_line_are_one_line(command: Command, known_words: Path, tmp_path: Path) -> None:
    (tmp_path / "short").write_text("abc")
    for arguments, said in (
        (["--bundle", tmp_path / "none"], "there is no such folder"),
        (["--bundle", known_words, "--api-key-file", tmp_path / "short"], "at least 16"),
        (["--bundle", known_words, "--shadow-share", "0.5"], "without --shadow"),
        (["--bundle", known_words, "--port", "0", "--presidio-label", "DOG=PET"], "no entity type 'DOG'"),
        (["--bundle", known_words, "--host", "192.0.2.1"], "192.0.2.1:8080"),
    ):
        done = command("runtime.serve", *arguments)
        assert done.returncode == 2
        assert said in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 65536), ("192.0.2.1", 0)])
def test_an_address_that_is_none_of_this_machine_is_refused(host: str, port: int) -> None:
    with pytest.raises(UsageError, match="choose another host or port"):
        listen(host, port)


def test_an_open_host_without_a_key_is_warned_of(known_words: Path, tmp_path: Path) -> None:
    with Server(known_words, tmp_path / "log", "--host", "0.0.0.0"):
        pass
    assert "warning: 0.0.0.0 is open to others" in (tmp_path / "log").read_text()


def test_help_loads_no_server_and_no_arrays() -> None:
    code = (
        "import sys; from runtime.serve.__main__ import main\n"
        "try: main(['--help'])\n"
        "finally: print({'numpy', 'uvicorn', 'starlette'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("usage: python -m runtime.serve")
    assert done.stdout.splitlines()[-1] == "set()"


def test_texts_are_in_the_log_only_where_that_was_asked_for(known_words: Path, tmp_path: Path) -> None:
    for more, held in (((), False), (("--log-texts",), True)):
        with Server(known_words, tmp_path / "log", *more) as server:
            server.tag("Angela and the secret")
        lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
        line = next(line for line in lines if line["event"] == "request")
        assert (line["route"], line["texts"], line["outcome"]) == ("/tag", 1, "ok")
        assert line["tokens"] == 4
        assert {"id", "queue_ms", "tokenize_ms", "inference_ms", "decode_ms"} <= set(line)
        assert ("secret" in server.log.read_text()) is held


def test_the_process_does_without_torch(server: Server) -> None:
    maps = Path(f"/proc/{server.process.pid}/maps")
    if os.name != "posix" or not maps.exists():
        pytest.skip("only Linux tells which libraries a process holds")
    assert "libtorch" not in maps.read_text()


def test_replies_on_a_kept_connection_are_not_held_back(server: Server) -> None:
    # Nagle's algorithm and the client's delayed acknowledgment together cost 40 ms a reply, every reply.
    with httpx.Client(base_url=server.url, timeout=20) as client:
        seconds = sorted(client.post("/tag", json={"texts": [TEXT]}).elapsed.total_seconds() for _ in range(60))
    assert seconds[len(seconds) // 4] < 0.035
