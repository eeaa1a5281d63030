"""What goes wrong, each under its own name: overload, deadlines, clients that leave, bad bodies, broken backends."""

from __future__ import annotations

import asyncio
import gzip
import json
import signal
import socket
import time
from typing import Any

import httpx

from tests.runtime.serve.running import TIMEOUT, Server
from tests.runtime.serve.stand_in import Slow, Starting


async def _at_once(url: str, texts: list[str], **headers: str) -> list[tuple[int, float, httpx.Headers]]:
    """All requests at once: status, seconds and headers of each."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(timeout=TIMEOUT, limits=limits) as client:

        async def ask(text: str) -> tuple[int, float, httpx.Headers]:
            begun = time.perf_counter()
            reply = await client.post(f"{url}/tag", json={"texts": [text]}, headers=headers)
            return reply.status_code, time.perf_counter() - begun, reply.headers

        return await asyncio.gather(*(ask(text) for text in texts))


def test_overload_is_refused_at_once_and_says_when_to_come_again(slow: Starting) -> None:
    text = "word " * 40
    with slow(1000, "--max-queued-tokens", "200", "--no-request-log") as server:
        replies = asyncio.run(_at_once(server.url, [text] * 40))
        served = [seconds for status, seconds, _ in replies if status == 200]
        refused = [headers for status, _, headers in replies if status == 429]
        assert len(served) + len(refused) == 40
        assert len(served) >= 4
        # A batch runs on each stream, one is made ready, and 200 tokens wait behind them: nobody waits for 40 texts.
        assert max(served) < 1.5
        assert all(int(headers["retry-after"]) >= 1 for headers in refused)
        assert server.metric('ner_requests_total{outcome="overloaded"') == len(refused)
        assert server.tag("Paris").status_code == 200


def test_a_deadline_that_passed_is_answered_by_504_before_the_backend(slow: Starting) -> None:
    with slow(200, "--max-queued-tokens", "10000") as server:
        busy = "word " * 60
        statuses = asyncio.run(_at_once(server.url, [busy] * 8, **{"X-Request-Timeout-Ms": "700"}))
        late = [seconds for status, seconds, _ in statuses if status == 504]
        assert late
        assert max(late) < 1.5
        assert server.metric('ner_requests_total{outcome="deadline"') == len(late)
        # 8 texts of 62 tokens would keep the backend for 2.5 seconds; those that were dropped did not.
        assert server.metric("ner_batch_tokens_count") < 8
        assert server.tag("a", **{"X-Request-Timeout-Ms": "soon"}).status_code == 400


def test_a_client_that_went_away_is_dropped_before_the_backend(slow: Starting) -> None:
    with slow(200, "--max-queued-tokens", "10000") as server:
        body = json.dumps({"texts": ["word " * 60]})
        request = f"POST /tag HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(10)]
        for client in clients:
            client.sendall(request)
        time.sleep(0.3)
        for client in clients:
            client.close()
        deadline = time.monotonic() + TIMEOUT
        while server.metric('ner_requests_total{outcome="client_gone"') < 10 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert server.metric('ner_requests_total{outcome="client_gone"') == 10
        assert server.tag("Paris").status_code == 200
        assert server.metric("ner_batch_tokens_count") < 10


def test_what_was_accepted_is_answered_though_the_process_is_told_to_end(slow: Starting) -> None:
    with slow(100) as server:

        async def ask_and_end() -> list[tuple[int, float, httpx.Headers]]:
            asked = asyncio.create_task(_at_once(server.url, ["Paris " * 60] * 2))
            await asyncio.sleep(0.3)
            server.process.send_signal(signal.SIGTERM)
            return await asked

        assert [status for status, *_ in asyncio.run(ask_and_end())] == [200, 200]
        assert server.process.wait(TIMEOUT) == 0


def test_drain_has_a_limit(slow: Starting) -> None:
    with slow(20, "--drain-seconds", "1") as server:
        body = json.dumps({"texts": ["Paris " * 400]})
        with socket.create_connection(("127.0.0.1", server.port), TIMEOUT) as client:
            client.sendall(f"POST /tag HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
            time.sleep(0.5)
            begun = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            came = client.makefile("rb").read()
            assert server.process.wait(TIMEOUT) == 0
        # The backend would take 20 seconds; 1 is granted, and 5 for its threads.
        assert time.monotonic() - begun < 9
        assert came.startswith(b"HTTP/1.1 503")
        assert b"this server is about to end" in came
        assert "Traceback" not in server.log.read_text()


def faults_of(server: Slow) -> list[dict[str, Any]]:
    """The log's faults, once there is one: a thread of its own writes the log, after the answer at times."""
    end = time.monotonic() + TIMEOUT
    while not (told := [each for each in server.events() if each["event"] == "backend failed"]):
        assert time.monotonic() < end, server.events()
        time.sleep(0.05)
    return told


def test_a_backend_that_fails_makes_the_server_unready_and_is_logged_once(slow: Starting) -> None:
    with slow(10_000) as server:
        replies = [server.tag("broken word") for _ in range(3)]
        assert [reply.status_code for reply in replies] == [500] * 3
        assert all("id" in reply.json() and "bus" not in reply.text for reply in replies)
        faults = faults_of(server)
        assert len(faults) == 1
        assert "fell off the bus" in faults[0]["problem"]
        # Another request is answered, and the known sentence too, so that the server is ready again.
        assert server.tag("Paris").status_code == 200
        assert httpx.get(f"{server.url}/health/ready").status_code == 200
        assert server.metric("ner_backend_faults_total") == 3


def test_nan_inf(slow: Starting) -> None:
    with slow(10_000) as server:
        reply = server.tag("a nan here")
        assert reply.status_code == 500
        assert server.metric("ner_ready") == 0
        assert "not finite" in faults_of(server)[0]["problem"]


def test_large_payload(slow: Starting) -> None:
    with slow(1e6, "--max-body-bytes", "100000", "--max-texts", "50") as server:

        def post(body: bytes, **headers: str) -> httpx.Response:
            return httpx.post(f"{server.url}/tag", content=body, headers=headers, timeout=TIMEOUT)

        big = json.dumps({"texts": ["w" * 200_000]}).encode()
        assert post(big).status_code == 413
        assert post(gzip.compress(big), **{"Content-Encoding": "gzip"}).status_code == 413
        assert httpx.post(f"{server.url}/tag", content=iter([big]), timeout=TIMEOUT).status_code == 413
        bomb = gzip.compress(b" " * 300_000_000)
        begun = time.perf_counter()
        assert post(bomb[:90_000], **{"Content-Encoding": "gzip"}).status_code == 413
        assert time.perf_counter() - begun < 5
        assert post(json.dumps({"texts": ["a"] * 51}).encode()).status_code == 413
        small = json.dumps({"texts": ["Paris"]}).encode()
        assert post(gzip.compress(small), **{"Content-Encoding": "gzip"}).status_code == 200
        assert post(gzip.compress(small)[:-9], **{"Content-Encoding": "gzip"}).status_code == 400
        assert post(small, **{"Content-Encoding": "gzip"}).status_code == 400
        assert post(small, **{"Content-Encoding": "br"}).status_code == 415


NASTY_BODIES = [
    b"",
    b"{",
    b"null",
    b"[" * 100_000,
    b'{"texts": [' + b"[" * 5000,
    b'{"texts": ["\\ud800"]}',
    b'{"texts": ["\xff"]}',
    b'{"texts": [null]}',
    b'{"texts": {"a": 1}}',
    b'{"texts": ["a"], "stride": -1}',
    b'{"texts": ["a"], "stride": 1e400}',
    b'{"texts": ["a"], "thresholds": {"PER": NaN}}',
    b'{"texts": ["a"], "ignore": ["\\u0000"]}',
    b"\x00" * 1000,
]


def test_http_fuzz(server: Server) -> None:
    for path in ("/tag", "/", "/analyze", "/pooling", "/predict", "/v1/extract", "/v2/models/ner/infer"):
        for body in NASTY_BODIES:
            reply = httpx.post(server.url + path, content=body, timeout=TIMEOUT)
            assert 400 <= reply.status_code < 500, (path, body[:60], reply.text)
            assert "Traceback" not in reply.text
    assert server.tag("a\0b Paris", "\u202e Paris", "") == [[("LOC", "Paris")], [("LOC", "Paris")], []]


def test_half_a_character_is_called_so(server: Server) -> None:
    packed = {"Content-Type": "application/json"}
    told = {}
    for body in (b'{"texts": ["a\\ud83d b"]}', b'{"texts": ["\\ud83d\\ude00", 1]}', b'{"texts": ["\\ud83d\\ude00"'):
        told[body] = httpx.post(f"{server.url}/tag", content=body, headers=packed, timeout=TIMEOUT).json()["error"]
    half, number, cut = told.values()
    assert "half of a surrogate pair" in half
    assert "Expected `str`, got `int`" in number
    assert "truncated" in cut


def test_ten_megabytes_of_one_word_and_100_000_texts(server: Server) -> None:
    assert server.post("/tag", {"texts": ["x" * 10_000_000]}).status_code == 413
    assert server.post("/tag", {"texts": ["x" * 2_000_000]}).status_code == 413
    assert server.post("/tag", {"texts": ["Paris"] * 100_000}).status_code == 413
    assert len(server.post("/tag", {"texts": ["Paris"] * 10_000}).json()["entities"]) == 10_000


def test_client_timeout_of_slow_loris(slow: Starting) -> None:
    with slow(1e6, "--idle-seconds", "1") as server:
        half = socket.create_connection(("127.0.0.1", server.port), TIMEOUT)
        half.sendall(b"POST /tag HTTP/1.1\r\nHost: x\r\nX-A")
        assert half.recv(100) == b""
        body = socket.create_connection(("127.0.0.1", server.port), TIMEOUT)
        body.sendall(b'POST /tag HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"te')
        assert body.recv(100).startswith(b"HTTP/1.1 408")
        half.close()
        body.close()
        assert server.tag("Paris").status_code == 200


def test_half_closed_connections_and_garbage(server: Server) -> None:
    for raw in (
        b"\x16\x03\x01garbage\r\n\r\n",
        b"GET /info HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /tag HTTP/1.1\r\nContent-Length: 9\r\n\r\n{}",
    ):
        with socket.create_connection(("127.0.0.1", server.port), TIMEOUT) as client:
            client.sendall(raw)
            client.shutdown(socket.SHUT_WR)
            answer = client.makefile("rb").read()
            assert b" 5" not in answer[:12]
    assert server.tag("Paris") == [[("LOC", "Paris")]]


def test_routes_and_methods_that_there_are_not(server: Server) -> None:
    assert (server.get("/nowhere").status_code, server.get("/tag").status_code) == (404, 405)
    reply = server.get("/nowhere", headers={"X-Request-Id": "mine"})
    assert (reply.headers["x-request-id"], reply.json()["id"]) == ("mine", "mine")
    assert server.get("/tag").headers["allow"] == "POST"
    assert "error" in server.get("/nowhere").json()


def test_every_refusal_is_counted_and_clients_make_up_no_route(slow: Starting) -> None:
    with slow(1e6) as server, httpx.Client(base_url=server.url) as client:
        for number in range(5):
            assert client.get(f"/nowhere/{number}").status_code == 404
        assert client.options("/nowhere").status_code == 404
        assert client.put("/tag").status_code == 405
        assert client.head("/tag").status_code == 405
        assert client.get("/models/other").status_code == 405
        for garbage, status in ((b"garbage\r\n\r\n", b"400"), (b"GET / HTTP/1.1\r\nX: " + b"x" * (1 << 17), b"431")):
            with socket.create_connection(("127.0.0.1", server.port), TIMEOUT) as raw:
                raw.sendall(garbage)
                assert raw.recv(12) == b"HTTP/1.1 " + status
        counted = {
            'route="elsewhere"': 6 + 2,
            'route="/tag"': 2,
            'route="/models/{name}"': 1,
            'route="/nowhere': 0,
        }
        for route, count in counted.items():
            assert server.metric(f'ner_requests_total{{outcome="bad_request",{route}') == count


def test_a_connection_that_asks_now_and_then_is_kept(slow: Starting) -> None:
    with slow(1e6, "--idle-seconds", "1") as server, httpx.Client(base_url=server.url) as client:
        streams = set()
        for _ in range(16):
            reply = client.get("/health/live")
            streams.add(reply.extensions["network_stream"].get_extra_info("client_addr"))
            time.sleep(0.2)
        assert len(streams) == 1
        until = time.monotonic() + TIMEOUT
        while reply.extensions["network_stream"].get_extra_info("is_readable") is False and time.monotonic() < until:
            time.sleep(0.1)  # silent now, and closed
        assert reply.extensions["network_stream"].get_extra_info("is_readable")


def test_a_reply_comes_in_one_piece(slow: Starting) -> None:
    with slow(1e6) as server, socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT) as client:
        for _ in range(5):
            body = b'{"texts": ["Paris"]}'
            client.sendall(b"POST /tag HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            came = client.recv(1 << 16)
            assert came.startswith(b"HTTP/1.1 200")
            assert came.endswith(b"}]]}")
