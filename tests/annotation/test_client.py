"""The errors of the connection, each against something that really answers (or does not)."""

import http.server
import socket
import threading

import jwt
import pytest

from qreasoning.annotation.client import Server, remote, tasks
from qreasoning.errors import ServerError


@pytest.fixture
def page():
    """The address of a web server that answers every request with an HTML page."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<html>Welcome to our proxy</html>")

        do_POST = do_GET

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_remote_without_settings_is_none():
    assert remote({}) is None
    assert remote({"LABEL_STUDIO_URL": " "}) is None


@pytest.mark.parametrize(
    ("environ", "missing"),
    [
        ({"LABEL_STUDIO_URL": "http://127.0.0.1:9"}, "LABEL_STUDIO_API_KEY"),
        ({"LABEL_STUDIO_API_KEY": "key"}, "LABEL_STUDIO_URL"),
    ],
)
def test_remote_with_one_of_two_settings_names_the_other(environ, missing):
    with pytest.raises(ServerError, match=f"^{missing} is not set"):
        remote(environ)


def test_remote_without_a_server_names_the_address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        environ = {"LABEL_STUDIO_URL": url, "LABEL_STUDIO_API_KEY": "key"}
        with pytest.raises(ServerError, match=rf"There is no Label Studio server at {url}/"):
            remote(environ)


@pytest.mark.parametrize("url", ["127.0.0.1:9", "ftp://x", "http://[", "http://no-such.invalid"])
def test_remote_with_an_address_that_is_none_asks_to_correct_it(url):
    environ = {"LABEL_STUDIO_URL": url, "LABEL_STUDIO_API_KEY": "key"}
    with pytest.raises(ServerError, match="LABEL_STUDIO_URL"):
        remote(environ)


def test_remote_with_an_expired_key_says_so():
    key = jwt.encode({"exp": 1_000_000_000, "token_type": "refresh"}, "x" * 32)
    environ = {"LABEL_STUDIO_URL": "http://127.0.0.1:9", "LABEL_STUDIO_API_KEY": key}
    with pytest.raises(ServerError, match="does not accept the API key"):
        remote(environ)


def test_remote_that_answers_with_a_page_is_refused(page):
    environ = {"LABEL_STUDIO_URL": page, "LABEL_STUDIO_API_KEY": "key"}
    with pytest.raises(ServerError, match="answered with a page instead of data"):
        remote(environ)


@pytest.mark.server
def test_remote_with_a_wrong_key_says_where_the_right_one_is(running):
    environ = {"LABEL_STUDIO_URL": running.server.url, "LABEL_STUDIO_API_KEY": "0" * 40}
    with pytest.raises(ServerError, match=r"does not accept the API key \(401\).*Account"):
        remote(environ)


@pytest.mark.server
def test_remote_accepts_a_personal_access_token(running):
    token = running.server.send("POST", "api/token/", {})["token"]
    environ = {"LABEL_STUDIO_URL": running.server.url, "LABEL_STUDIO_API_KEY": token}
    assert remote(environ).whoami()["email"] == "admin@qreasoning.local"


@pytest.mark.server
def test_request_for_what_is_not_there_says_so(running):
    with pytest.raises(ServerError, match="404"):
        running.server.get("api/projects/987654/")


@pytest.mark.server
def test_tasks_over_several_pages_are_complete_and_in_order(running, monkeypatch):
    monkeypatch.setattr("qreasoning.annotation.client.PAGE", 2)
    synced = running.sync(running.project(count=5, annotators=0))
    found = [task["id"] for task in tasks(running.server, synced.project_id, "id")]
    assert len(set(found)) == 5
    assert found == sorted(found)


@pytest.mark.server
def test_healthy_tells_a_server_from_none(running):
    assert running.server.healthy() is True
    assert Server("http://127.0.0.1:9/", "key").healthy() is False
