"""The server as users start it: a process, a bundle, HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import uvicorn

from runtime import Tagger
from runtime.errors import UsageError
from runtime.serve.server import listen
from tests.conftest import ROOT, Command
from tests.runtime.serve.running import TIMEOUT, Server
from tests.waiting import wait_until

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


def _listens(server: Server) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.port), TIMEOUT).close()
    except OSError:
        return False
    return True


def test_sigterm_answers_what_was_accepted_and_ends_with_0(known_words: Path, tmp_path: Path) -> None:
    body = json.dumps({"texts": [TEXT]}).encode()
    head = b"POST /tag HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
    with Server(known_words, tmp_path / "log") as server:
        assert server.get("/health/ready").status_code == 200
        with socket.create_connection(("127.0.0.1", server.port), TIMEOUT) as client:
            client.sendall(head)
            assert client.recv(1 << 16).startswith(b"HTTP/1.1 100")  # so it is accepted
            server.process.send_signal(signal.SIGTERM)
            wait_until(lambda: not _listens(server))
            client.sendall(body)
            answer = client.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 200")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["entities"][0][0]["text"] == "Angela Merkel"
        assert server.process.wait(TIMEOUT) == 0
    events = [json.loads(line)["event"] for line in server.log.read_text().splitlines() if line.startswith("{")]
    assert events[0] == "ready"
    assert events[-2:] == ["request", "ended"]


def test_a_server_that_drains_says_so_and_takes_requests_and_a_second_signal_ends_it_at_once(
    known_words: Path, tmp_path: Path
) -> None:
    with (
        Server(known_words, tmp_path / "log", "--drain-notice", TIMEOUT) as server,
        httpx.Client(base_url=server.url, timeout=TIMEOUT) as client,
    ):
        assert "connection" not in client.get("/health/ready").headers
        server.process.send_signal(signal.SIGTERM)
        while (reply := client.get("/health/ready")).status_code == 200:
            pass
        assert reply.status_code == 503
        assert "draining" in reply.json()["error"]
        # A request on a kept connection could come when nobody reads it any more: its client is told to leave.
        assert reply.headers["connection"] == "close"
        assert server.tag(TEXT) == [[("PER", "Angela Merkel"), ("LOC", "Paris")]]
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(TIMEOUT) == 1


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
        (["--bundle", known_words, "--api-key", "0123456789abcdef"], "lists of processes show arguments"),
        (["--bundle", known_words, "--max-queued-tokens", "-5"], "not a whole number"),
        (["--bundle", known_words, "--batch-tokens", "-5"], "not a whole number"),
        (["--bundle", known_words, "--name", "a/b"], "no part of a path"),
        (["--bundle", known_words, "--deadline", "0"], "leaves no time"),
        (["--bundle", known_words, "--idle-seconds", "0"], "leaves no time"),
        (["--bundle", known_words, "--shadow-share", "0.5"], "without --shadow"),
        (["--bundle", known_words, "--port", "0", "--presidio-label", "DOG=PET"], "no entity type 'DOG'"),
        (["--bundle", known_words, "--host", "192.0.2.1"], "192.0.2.1:8080"),
    ):
        done = command("runtime.serve", *arguments)
        assert done.returncode == 2
        assert said in done.stderr.splitlines()[-1]
        assert "0123456789abcdef" not in done.stderr


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


def test_a_connection_sends_at_once_what_is_written() -> None:
    """By either event loop: Nagle's algorithm and a client's delayed acknowledgment cost 40 ms a reply together."""

    async def held_back() -> bool:
        told = asyncio.get_running_loop().create_future()
        listening = listen("127.0.0.1", 0)
        server = await asyncio.start_server(lambda _, writer: told.set_result(writer), sock=listening)
        _, client = await asyncio.open_connection(*listening.getsockname())
        writer = await told
        sends_at_once: int = writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        for each in (writer, client, server):
            each.close()
            await each.wait_closed()
        return not sends_at_once

    for loop in (asyncio.new_event_loop, uvicorn.Config("app:app").get_loop_factory()):
        with asyncio.Runner(loop_factory=loop) as runner:
            assert not runner.run(held_back())


@pytest.mark.slow
def test_replies_on_a_kept_connection_are_not_held_back(server: Server) -> None:
    with httpx.Client(base_url=server.url, timeout=TIMEOUT) as client:
        seconds = sorted(client.post("/tag", json={"texts": [TEXT]}).elapsed.total_seconds() for _ in range(60))
    assert seconds[len(seconds) // 4] < 0.035
