"""Faults of the network, each committed by a server that really listens on loopback."""

import http.server
import json
import os
import socket
import struct
import threading
import time

import pytest

from qreasoning.annotation import client
from qreasoning.annotation.client import Server, other_version, remote, tasks
from qreasoning.annotation.faults import TESTED
from qreasoning.errors import ServerError

JSON = {"Content-Type": "application/json"}
BODY = b'{"tasks": [], "total": 0}'
GOOD = (200, JSON, BODY)
HTML = (502, {"Content-Type": "text/html"}, b"<html><h1>502 Bad Gateway</h1>nginx</html>")


def status(code, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return code, {**JSON, **named}, b'{"detail": "no"}'


def reset(handler):
    """End the connection by a reset, as a crashed proxy does."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(handler.connection.detach())


def hang_up(handler):
    """End the connection without a word."""


def stall(handler):
    """Answer nothing for longer than the tests wait."""
    time.sleep(0.6)


def drip(handler):
    """Answer a byte at a time, each well before anybody would call it a pause."""
    send(handler, 200, {**JSON, "Content-Length": str(len(BODY))}, b"")
    for place in range(len(BODY)):
        time.sleep(0.1)
        handler.wfile.write(BODY[place : place + 1])
        handler.wfile.flush()


def half(handler):
    """Promise an answer and send half of it."""
    send(handler, 200, {**JSON, "Content-Length": str(len(BODY))}, BODY[: len(BODY) // 2])


def half_without_length(handler):
    """Send half an answer, the end of which only the end of the connection tells."""
    send(handler, 200, JSON, BODY[: len(BODY) // 2])


def send(handler, code, headers, body):
    handler.send_response(code)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def stub():
    """A server that gives the scripted answers in turn, the last one for ever; `asked` lists what
    it was asked."""
    servers = []

    def start(*answers):
        asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                asked.append(f"{self.command} {self.path}")
                script = answers[min(len(asked), len(answers)) - 1]
                script(self) if callable(script) else send(self, *script)

            do_GET = do_POST = do_PATCH = answer

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        servers.append((server, thread))
        address = f"http://127.0.0.1:{server.server_port}/studio"
        return Server(address, "key", loopback=True, timeout=0.3, pauses=(0.01, 0.01)), asked

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


PASSING = [
    *(pytest.param(status(code), id=str(code)) for code in (408, 429, 500, 503, 504)),
    pytest.param(status(429, Retry_After="0"), id="429 Retry-After"),
    pytest.param(HTML, id="502 page"),
    *(reset, hang_up, stall, drip, half, half_without_length),
]


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_request_that_may_be_repeated_outlasts_two_faults(stub, fault, method):
    server, asked = stub(fault, fault, GOOD)
    answer = server.get("api/tasks/") if method == "GET" else server.send(method, "api/tasks/", {})
    assert answer == json.loads(BODY)
    assert asked == [f"{method} /studio/api/tasks/"] * 3


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (status(408), r"refused a request \(408, GET api/x"),
        (status(429), r"is asked too often \(429, .*Wait a minute"),
        (status(500), r"has a fault of its own \(500, GET api/x: .*Run the same"),
        (HTML, r"has a fault of its own \(502, GET api/x: Bad Gateway\)"),
        (reset, r"broke off while answering GET api/x .*Run the same command again"),
        (stall, r"did not answer GET api/x within 0\.3 s.*LABEL_STUDIO_TIMEOUT"),
        (drip, r"did not answer GET api/x within 0\.3 s.*LABEL_STUDIO_TIMEOUT"),
        (half, r"broke off while answering GET api/x"),
        (half_without_length, r"broke off while answering GET api/x \(half an answer\)"),
    ],
)
def test_fault_that_stays_is_one_sentence_after_three_attempts(stub, fault, said):
    server, asked = stub(fault)
    with pytest.raises(ServerError, match=said):
        server.get("api/x")
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (status(401), r"does not accept the API key \(401\).*LABEL_STUDIO_API_KEY"),
        (status(403), r"does not allow the account of this API key .*403.*administrator"),
        (status(404), r"does not know what was asked for \(404, GET api/x"),
        (status(400), r'refused a request \(400, GET api/x: \{"detail": "no"\}\)'),
        (
            status(301, Location="https://x.org/"),
            r"own address \(301, .*sends on to https://x\.org",
        ),
        ((200, {"Content-Type": "text/html"}, b"<html>Log in"), "a page instead of data"),
    ],
)
def test_answer_that_will_not_change_is_one_sentence_at_once(stub, answer, said):
    server, asked = stub(answer)
    with pytest.raises(ServerError, match=said):
        server.get("api/x")
    assert len(asked) == 1


@pytest.mark.parametrize(
    "fault", [status(500), HTML, reset, stall, drip, half, half_without_length]
)
def test_post_that_may_have_been_carried_out_is_not_repeated(stub, fault):
    server, asked = stub(fault, GOOD)
    with pytest.raises(ServerError):
        server.send("POST", "api/projects/1/import", [])
    assert len(asked) == 1


def test_post_turned_away_for_coming_too_often_is_repeated(stub):
    server, asked = stub(status(429), GOOD)
    assert server.send("POST", "api/projects/1/import", []) == json.loads(BODY)
    assert len(asked) == 2


@pytest.mark.parametrize(("asks", "waits"), [("7", 7.0), ("100000", 60.0), ("soon", 0.01)])
def test_retry_after_is_followed_within_reason(stub, monkeypatch, asks, waits):
    waited = []
    monkeypatch.setattr(client.time, "sleep", waited.append)
    server, _ = stub(status(429, Retry_After=asks), GOOD)
    server.get("api/x")
    assert waited == [waits]


@pytest.mark.parametrize(
    "body",
    [
        *(b"[]", b"{}", b"3", b"null", b'{"total": 1}'),
        *(b'{"tasks": [null], "total": 1}', b'{"tasks": {"id": 1}, "total": 1}'),
        *(b'{"tasks": [{"id": "1"}], "total": 1}', b'{"tasks": [{"id": 1}], "total": "1"}'),
        b'{"tasks": [{"id": 1, "annotations": [null]}], "total": 1}',
        b'{"tasks": [{"id": 1, "annotations": 5}], "total": 1}',
        b'{"tasks": [{"id": 1, "data": []}], "total": 1}',
    ],
)
def test_tasks_answered_by_something_else_are_no_empty_project(stub, body):
    server, _ = stub((200, JSON, body))
    with pytest.raises(ServerError, match=r"something else than .*1\.23\.2"):
        list(tasks(server, 1, "id"))


@pytest.mark.parametrize("body", [BODY, b"[null]", b'[{"email": "a@x"}]', b'["id"]'])
def test_list_answered_by_something_else_is_refused(stub, body):
    server, _ = stub((200, JSON, body))
    with pytest.raises(ServerError, match="something else than a list of objects with id"):
        server.get_list("api/users/", "id")


def test_tasks_with_a_404_on_a_later_page_do_not_end_early(stub, monkeypatch):
    monkeypatch.setattr(client, "PAGE", 2)
    first = json.dumps({"tasks": [{"id": 1}, {"id": 2}], "total": 4}).encode()
    server, asked = stub((200, JSON, first), status(404))
    with pytest.raises(ServerError, match="404"):
        list(tasks(server, 1, "id"))
    assert len(asked) == 2


@pytest.mark.parametrize("text", ["soon", "-1", "0", "nan", "1e9"])
def test_remote_with_a_timeout_that_is_none_says_so(text):
    names = ("LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY", "LABEL_STUDIO_TIMEOUT")
    with pytest.raises(ServerError, match="LABEL_STUDIO_TIMEOUT is"):
        remote(dict(zip(names, ("http://127.0.0.1:9", "key", text), strict=True)))


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ({"release": TESTED[0], "label-studio-os-package": {"version": TESTED[0]}}, None),
        ({"release": "1.7.3", "label-studio-os-package": {"version": "1.7.3"}}, "1.7.3"),
        ({"release": "2.0"}, "2.0"),
    ],
)
def test_other_version_names_one_that_was_not_tested(stub, answer, found):
    server, _ = stub((200, JSON, json.dumps(answer).encode()))
    assert other_version(server) == found
