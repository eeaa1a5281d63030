"""What goes wrong, each under its own name: overload, deadlines, clients that leave, bad bodies, broken backends."""

from __future__ import annotations

import gzip
import json
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from runtime.serve.batching.fair_queue import QUANTUM
from runtime.serve.connections import MOST_HEAD
from tests.runtime.serve.running import TIMEOUT, Server
from tests.runtime.serve.slow_backend import HELD
from tests.runtime.serve.stand_in import Slow, Starting
from tests.waiting import wait_until

TEXT = "word " * 40


def _post(text: str, **headers: str) -> bytes:
    """A request for /tag as it goes over the wire."""
    body = json.dumps({"texts": [text]})
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"POST /tag HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{more}\r\n{body}".encode()


class Client:
    """A connection on which one text is asked about; nobody waits for the answer before `status` does."""

    def __init__(self, server: Slow, text: str, **headers: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), TIMEOUT)
        self.socket.sendall(_post(text, **headers))

    def reply(self) -> bytes:
        """The head, waited for, and what came with it; nothing where the server hung up."""
        return self.socket.recv(1 << 16)

    def status(self) -> int:
        """Of the reply."""
        status = int(self.reply().split()[1])
        self.socket.close()
        return status


def _busy(server: Slow) -> list[Client]:
    """Fill both streams of a server that is held: what comes later waits in the queue."""
    clients = []
    for count in (1, 2):
        clients.append(Client(server, TEXT))
        server.wait_for_batches(count)
    return clients


def test_overload_is_refused_at_once_and_says_when_to_come_again(slow: Starting) -> None:
    with slow(HELD, "--max-queued-tokens", "200", "--no-request-log") as server, ThreadPoolExecutor(40) as pool:
        replies = [pool.submit(server.tag, TEXT) for _ in range(40)]
        # At most four texts, of 52 tokens by the estimate, wait or share a batch; two batches run, and one is made
        # ready. So nobody waits for 40 texts: the rest is refused while nothing at all is answered.
        wait_until(lambda: sum(reply.done() for reply in replies) >= 28)
        refused = [reply.result() for reply in replies if reply.done()]
        assert {reply.status_code for reply in refused} == {429}
        assert all(int(reply.headers["retry-after"]) >= 1 for reply in refused)
        server.release()
        statuses = [reply.result().status_code for reply in replies]
        assert set(statuses) == {200, 429}
        assert statuses.count(200) >= 4
        assert server.metric('ner_requests_total{outcome="overloaded"') == statuses.count(429)
        assert server.tag("Paris").status_code == 200


def test_a_deadline_that_passed_is_answered_by_504_before_the_backend(slow: Starting) -> None:
    with slow(HELD, "--max-queued-tokens", "10000") as server:
        busy = _busy(server)
        late = [Client(server, "broken " * 100, X_Request_Timeout_Ms="300") for _ in range(8)]
        assert [client.status() for client in late] == [504] * 8
        wait_until(lambda: server.metric('ner_requests_total{outcome="deadline"') == 8)
        server.release()
        assert [client.status() for client in busy] == [200, 200]
        assert server.tag("Paris").status_code == 200
        assert server.metric("ner_backend_faults_total") == 0  # it fails on that word, which it never saw
        assert server.tag("a", **{"X-Request-Timeout-Ms": "soon"}).status_code == 400


def test_a_client_that_went_away_is_dropped_before_the_backend(slow: Starting) -> None:
    with slow(HELD, "--max-queued-tokens", "10000") as server:
        busy = _busy(server)
        gone = [Client(server, "broken " * 100) for _ in range(10)]
        wait_until(lambda: server.metric("ner_queue_tokens") == 10 * QUANTUM)
        for client in gone:
            client.socket.close()
        wait_until(lambda: server.metric('ner_requests_total{outcome="client_gone"') == 10)
        server.release()
        assert [client.status() for client in busy] == [200, 200]
        assert server.tag("Paris").status_code == 200
        assert server.metric("ner_backend_faults_total") == 0


def _drains(server: Slow) -> bool:
    return any(event["event"] == "draining" for event in server.events())


def test_what_was_accepted_is_answered_though_the_process_is_told_to_end(slow: Starting) -> None:
    with slow(HELD) as server:
        busy = _busy(server)
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: _drains(server))
        server.release()
        assert [client.status() for client in busy] == [200, 200]
        assert server.process.wait(TIMEOUT) == 0
        assert [event["requests"] for event in server.events() if event["event"] == "draining"] == [2]


def test_drain_has_a_limit(slow: Starting) -> None:
    with slow(HELD, "--drain-seconds", "1") as server:
        client = Client(server, TEXT)
        server.wait_for_batches(1)
        server.process.send_signal(signal.SIGTERM)
        # The backend never ends: a second is granted to it, and 5 to its threads.
        came = client.socket.makefile("rb").read()
        assert server.process.wait(TIMEOUT) == 0
        assert came.startswith(b"HTTP/1.1 503")
        assert b"this server is about to end" in came
        assert "Traceback" not in server.log.read_text()
        client.socket.close()


def faults_of(server: Slow) -> list[dict[str, Any]]:
    """The log's faults, once there is one: a thread of its own writes the log, after the answer at times."""

    def told() -> list[dict[str, Any]]:
        return [each for each in server.events() if each["event"] == "backend failed"]

    wait_until(told)
    return told()


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
        assert httpx.get(f"{server.url}/health/ready", timeout=TIMEOUT).status_code == 200
        assert server.metric("ner_backend_faults_total") == 3


def test_a_failed_request_has_its_line_where_others_have_none(slow: Starting) -> None:
    with slow(10_000, "--no-request-log") as server:
        assert server.tag("Paris").status_code == 200
        said = server.tag("broken word").json()
        wait_until(lambda: any(each["event"] == "request" for each in server.events()))
        lines = [each for each in server.events() if each["event"] == "request"]
        assert [(each["id"], each["outcome"]) for each in lines] == [(said["id"], "failed")]


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
        assert post(bomb[:90_000], **{"Content-Encoding": "gzip"}).status_code == 413
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
    with slow(1e6, "--idle-seconds", "3") as server:
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


def test_a_slash_at_a_paths_end_changes_nothing(server: Server) -> None:
    """A redirect would lead to what a client wrote as its host."""
    reply = server.post("/models/ner/", {"inputs": "Paris"})
    assert (reply.status_code, reply.json()[0]["word"]) == (200, "Paris")
    assert "x-request-id" in reply.headers
    assert server.get("/health/live/").json() == {"live": True}
    assert (server.get("/tag/").status_code, server.get("/tag/").headers["allow"]) == (405, "POST")
    assert [server.get(path).status_code for path in ("/nowhere/", "//", "/health/live//")] == [404, 200, 404]


def test_every_refusal_is_counted_and_clients_make_up_no_route(slow: Starting) -> None:
    with slow(1e6) as server, httpx.Client(base_url=server.url, timeout=TIMEOUT) as client:
        for number in range(5):
            assert client.get(f"/nowhere/{number}").status_code == 404
        assert client.options("/nowhere").status_code == 404
        assert client.put("/tag").status_code == 405
        assert client.head("/tag").status_code == 405
        assert client.get("/models/other").status_code == 405
        # A byte too many: the server hangs up, and a byte that it had not read would reset the connection.
        long = (b"GET / HTTP/1.1\r\nX: " + b"x" * MOST_HEAD)[: MOST_HEAD + 1]
        for garbage, status in ((b"garbage\r\n\r\n", b"400"), (long, b"431")):
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


def test_a_silent_connection_is_closed(slow: Starting) -> None:
    with slow(1e6, "--idle-seconds", "1") as server:
        client = socket.create_connection(("127.0.0.1", server.port), TIMEOUT)
        assert client.recv(1) == b""
        client.close()


def test_a_reply_comes_in_one_piece(slow: Starting) -> None:
    with slow(1e6) as server, socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT) as client:
        for _ in range(5):
            body = b'{"texts": ["Paris"]}'
            client.sendall(b"POST /tag HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            came = client.recv(1 << 16)
            assert came.startswith(b"HTTP/1.1 200")
            assert came.endswith(b"}]]}")
