"""Clients that mean no good, or speak an HTTP of their own: no hang, no traceback, nothing lost without a word."""

from __future__ import annotations

import contextlib
import gzip
import json
import signal
import socket
import zlib
from pathlib import Path

import httpx
import pytest

from tests.runtime.serve.running import TIMEOUT, Server
from tests.runtime.serve.slow_backend import HELD
from tests.runtime.serve.stand_in import Starting
from tests.waiting import wait_until

BODY = b'{"texts":["Angela visited Paris"]}'
NDJSON = b"Content-Type: application/x-ndjson\r\n"
CHUNKED = b"POST /tag HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


def post(body: bytes = BODY, headers: bytes = b"", version: bytes = b"1.1") -> bytes:
    head = b"POST /tag HTTP/%b\r\nHost: x\r\nContent-Length: %d\r\n%b\r\n"
    return head % (version, len(body), headers) + body


def talk(server: Server, data: bytes, *, until: bytes = b"\r\n\r\n", end: bool = False) -> bytes:
    """What comes back until that has come, or the server hangs up."""
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT) as client:
        client.settimeout(TIMEOUT)
        came = b""
        try:
            client.sendall(data)
            if end:
                client.shutdown(socket.SHUT_WR)
            while until not in came and (part := client.recv(1 << 16)):
                came += part
        except ConnectionError:  # the server hung up before it had read all
            pass
        return came


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (post(version=b"1.0"), b"200"),
        (post(version=b"1.0", headers=b"Connection: keep-alive\r\n"), b"200"),
        (CHUNKED + b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n", b"200"),
        (CHUNKED + b"zz\r\n", b"400"),
        (post(headers=b"Transfer-Encoding: chunked\r\n"), b"400"),
        (post(headers=b"Content-Length: 7\r\n"), b"400"),
        (b"POST /tag HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 17 + b"\r\n\r\n", b"413"),
        (b"POST /tag HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"400"),
        (b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"OPTIONS /tag HTTP/1.1\r\nHost: x\r\nOrigin: http://elsewhere\r\n\r\n", b"405"),
        (b"GET /tag HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", b"405"),
        (b"HEAD /info HTTP/1.1\r\nHost: x\r\n\r\n", b"200"),
        (b"HEAD /tag HTTP/1.1\r\nHost: x\r\n\r\n", b"405"),
        (b"GET /models/%00%ff HTTP/1.1\r\nHost: x\r\n\r\n", b"405"),
        (b"GET /info HTTP/1.1\r\nHost: x\r\nX-A: a\0b\r\n\r\n", b"400"),
        (post(headers=b"X-Request-Timeout-Ms: \xb2\r\n"), b"400"),
        (post(headers=b"X-Request-Timeout-Ms: 0\r\n"), b"504"),
        (post(b"\xef\xbb\xbf" + BODY), b"400"),
        (post(b"[" * 1_000_000), b"400"),
        (post(b'{"texts":["a"],"context":' + b"9" * 5000 + b"}"), b"400"),
    ],
)
def test_what_is_http_is_answered_and_what_is_not_is_refused(
    server: Server, request_bytes: bytes, status: bytes
) -> None:
    assert talk(server, request_bytes).startswith((b"HTTP/1.1 " + status, b"HTTP/1.0 " + status))


def test_continue_is_said_before_a_body_and_not_before_one_that_is_refused(server: Server) -> None:
    head = b"POST /tag HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
    assert talk(server, head % len(BODY)).startswith(b"HTTP/1.1 100")
    assert talk(server, head % 99_999_999).startswith(b"HTTP/1.1 413")


def test_a_wish_for_another_protocol_is_passed_over_and_the_body_is_not(server: Server) -> None:
    """What Java's own client sends to a server that it does not know."""
    wish = {"Connection": "Upgrade, HTTP2-Settings", "HTTP2-Settings": "AAEAAEAAAAIAAAAB", "Upgrade": "h2c"}
    with httpx.Client(base_url=server.url, headers=wish, timeout=TIMEOUT) as client:
        for text in ("Paris", "Upgrade: h2c \r\n\r\nupgrade: Paris"):
            reply = client.post("/tag", json={"texts": [text]})
            assert [entity["text"] for entity in reply.json()["entities"][0]] == ["Paris"]
        assert client.get("/health/live").status_code == 200
    assert b'"Paris"' in talk(server, post(headers=b"Connection: upgrade\r\nUPGRADE: h2c\r\n"), until=b"}]]}")


def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    places = ["Paris", "Oslo"] * 10
    sent = b"".join(
        post(json.dumps({"texts": [place]}).encode(), headers=b"X-Request-Id: %d\r\n" % number)
        for number, place in enumerate(places)
    )
    came = talk(server, sent + b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n", until=b'"live"')
    assert came.count(b"HTTP/1.1 200") == 21
    answers = came.split(b"HTTP/1.1 200")[1:-1]
    for number, (place, answer) in enumerate(zip(places, answers, strict=True)):
        assert b"x-request-id: %d\r\n" % number in answer
        assert place.encode() in answer


@pytest.mark.parametrize(
    "head", [b"X-A: " + b"a" * 1_000_000, b"\r\n".join(b"X-%d: a" % number for number in range(50_000))]
)
def test_headers_have_a_bound(server: Server, head: bytes) -> None:
    came = talk(server, b"GET /info HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n")
    # A client that is still sending may see its connection reset before it reads why.
    assert came[:12] in (b"HTTP/1.1 431", b"")
    assert server.get("/health/live").status_code == 200


def test_gzip_of_several_members_is_read_to_its_end(server: Server) -> None:
    packed = {"Content-Encoding": "gzip"}
    halves = gzip.compress(BODY[:10]) + gzip.compress(b"") + gzip.compress(BODY[10:])
    reply = httpx.post(f"{server.url}/tag", content=halves, headers=packed, timeout=TIMEOUT)
    assert [entity["text"] for entity in reply.json()["entities"][0]] == ["Angela", "Paris"]
    lines = gzip.compress(b'"Paris"\n' * 100) + gzip.compress(b'"Oslo"\n' * 100)
    stream = packed | {"Content-Type": "application/x-ndjson"}
    reply = httpx.post(f"{server.url}/tag", content=lines, headers=stream, timeout=TIMEOUT)
    assert len(reply.text.splitlines()) == 200


def test_deflate_is_unpacked_as_tritons_client_packs_it(server: Server) -> None:
    packed = {"Content-Encoding": "deflate"}
    reply = httpx.post(f"{server.url}/tag", content=zlib.compress(BODY), headers=packed, timeout=TIMEOUT)
    assert [entity["text"] for entity in reply.json()["entities"][0]] == ["Angela", "Paris"]
    bomb = zlib.compress(b"0" * 100_000_000)
    for content, status in ((bomb, 413), (zlib.compress(BODY)[:-4], 400), (gzip.compress(BODY), 400)):
        assert httpx.post(f"{server.url}/tag", content=content, headers=packed, timeout=TIMEOUT).status_code == status


@pytest.mark.parametrize("given", ["9223372036854775807", "0" * 30 + "30000"])
def test_a_deadline_beyond_the_servers_own_is_that_one(server: Server, given: str) -> None:
    assert server.post("/tag", {"texts": ["Paris"]}, headers={"X-Request-Timeout-Ms": given}).status_code == 200


@pytest.mark.parametrize("given", ["-1", "nan", "1e3", "1_000", "", "5.5"])
def test_a_deadline_that_is_no_number_is_refused(server: Server, given: str) -> None:
    reply = server.post("/tag", {"texts": ["Paris"]}, headers={"X-Request-Timeout-Ms": given})
    assert (reply.status_code, "whole number" in reply.json()["error"]) == (400, True)


def test_what_follows_gzip_and_is_none_is_refused(server: Server) -> None:
    packed = {"Content-Encoding": "gzip"}
    for content in (gzip.compress(BODY) + b"garbage", gzip.compress(BODY) + gzip.compress(b"more")[:-4]):
        reply = httpx.post(f"{server.url}/tag", content=content, headers=packed, timeout=TIMEOUT)
        assert reply.status_code == 400
        assert "gzip" in reply.json()["error"]


def test_a_stream_of_answers_needs_http_1_1(server: Server) -> None:
    came = talk(server, post(b'"Paris"\n', headers=NDJSON, version=b"1.0"), until=b"HTTP/1.1}")
    assert came.split()[1] == b"400"
    assert b"ask by HTTP/1.1" in came


def test_a_stream_that_is_cut_off_ends(server: Server) -> None:
    """Its client says that it sends no more, once its answer has begun: whatever came before that, nothing hangs."""
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT) as client:
        client.settimeout(TIMEOUT)
        client.sendall(post(b'"Paris"\n' * 10, headers=NDJSON)[:-3])
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")
        client.shutdown(socket.SHUT_WR)
        while client.recv(1 << 16):
            pass


def test_a_client_that_leaves_before_its_answer_began_leaves_the_server_well(server: Server) -> None:
    came = talk(server, post(b'"Paris"\n' * 10, headers=NDJSON)[:-3], until=b"never", end=True)
    assert came[:12] in (b"HTTP/1.1 200", b"")
    assert server.get("/health/live").status_code == 200


def test_a_body_that_drips_has_until_its_deadline(known_words: Path, tmp_path: Path) -> None:
    with Server(known_words, tmp_path / "log", "--deadline", "1") as server:
        with socket.create_connection(("127.0.0.1", server.port), TIMEOUT) as client:
            client.sendall(b"POST /tag HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n")
            client.settimeout(0.05)
            came = b""
            while not came:  # 8,000,000 bytes of it take longer than any test has
                client.sendall(b" ")
                with contextlib.suppress(TimeoutError):
                    came = client.recv(100)
            assert came.startswith(b"HTTP/1.1 408")
        assert server.get("/health/live").status_code == 200


def test_words_are_bounded_by_their_characters(known_words: Path, tmp_path: Path) -> None:
    with Server(known_words, tmp_path / "log", "--max-characters", "1000") as server:
        for words, status in ((["a" * 99] * 10, 200), (["a" * 100] * 10, 413), ([""] * 1001, 413)):
            reply = server.post("/tag", {"words": [words]})
            assert reply.status_code == status, reply.text


def test_a_client_that_never_reads_is_left(known_words: Path, tmp_path: Path) -> None:
    text = "Angela Paris Oslo " * 30
    with Server(known_words, tmp_path / "log", "--idle-seconds", "2", "--deadline", "4") as server:
        whole, stream = (socket.socket() for _ in range(2))
        for client in (whole, stream):
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(TIMEOUT)
            client.connect(("127.0.0.1", server.port))
        whole.sendall(post(json.dumps({"texts": [text] * 500}).encode()))
        head = b"POST /tag HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n%b\r\n"
        stream.sendall(head % NDJSON)
        line = json.dumps(text).encode() + b"\n"
        with pytest.raises(OSError, match=r"reset|Broken pipe"):  # noqa: PT012  # it is sent to until it hangs up
            while True:
                stream.sendall(line * 20)
        # Nothing is kept for either of them: both connections are gone.
        table = Path(f"/proc/{server.process.pid}/net/tcp")
        wait_until(lambda: _established(table.read_text(), server.port) == 0)
        assert server.tag("Paris") == [[("LOC", "Paris")]]
        whole.close()
        stream.close()
    assert "Traceback" not in server.log.read_text()


def _established(table: str, port: int) -> int:
    """Connections that the server holds on that port."""
    rows = [line.split() for line in table.splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


def test_no_more_of_a_long_text_is_computed_than_somebody_waits_for(slow: Starting) -> None:
    """It has a hundred batches, and would keep a stream from everybody for all of them."""
    with slow(HELD, "--max-queued-tokens", "1000000") as server:
        client = socket.create_connection(("127.0.0.1", server.port), TIMEOUT)
        client.sendall(post(json.dumps({"texts": ["word " * 40_000]}).encode()))
        server.wait_for_batches(1)
        client.close()
        wait_until(lambda: server.metric('ner_requests_total{outcome="client_gone"') == 1)
        server.release()
        assert server.tag("Paris").status_code == 200
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(TIMEOUT) == 0
        assert server.begun < 10


def test_what_is_no_http_is_in_the_log_as_json(known_words: Path, tmp_path: Path) -> None:
    with Server(known_words, tmp_path / "log") as server:
        talk(server, b"garbage\r\n\r\n")
        talk(server, b"CONNECT /tag HTTP/1.1\r\nHost: x\r\n\r\n")
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if not line.startswith("python")]
    assert [line["message"] for line in lines if line["event"] == "http"] == ["Invalid HTTP request received."]
