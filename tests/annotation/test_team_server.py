"""A team's server as it is met in real life: behind a proxy, under a path, with HTTPS, and with
every fault that a network has. The server is real, and so is the proxy."""

import http.client
import http.server
import json
import os
import socket
import ssl
import struct
import subprocess
import threading
import time
from contextlib import contextmanager

import httpx
import pytest

from qreasoning.annotation import client, server
from qreasoning.annotation.accounts import session_key
from qreasoning.annotation.answers import write_results
from qreasoning.annotation.client import Server, tasks
from qreasoning.annotation.collected import pull_project
from qreasoning.annotation.log import Log
from qreasoning.annotation.run import annotate
from qreasoning.annotation.server import embedded
from qreasoning.errors import ServerError
from qreasoning.workspace import cache_folder

pytestmark = pytest.mark.server

JSON = {"Content-Type": "application/json"}


def answer_with(code, headers, body):
    def fault(handler, forwarded):
        handler.give(code, headers, body)

    return fault


def reset(handler, forwarded):
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(handler.connection.detach())


def stall(handler, forwarded):
    time.sleep(2.7)


def half(handler, forwarded):
    body = forwarded()[2]
    handler.give(200, {**JSON, "Content-Length": str(len(body))}, body[: len(body) // 2])


FAULTS = {
    "401": answer_with(401, JSON, b'{"detail": "no"}'),
    "403": answer_with(403, JSON, b'{"detail": "no"}'),
    "404": answer_with(404, JSON, b'{"detail": "no"}'),
    "429": answer_with(429, {**JSON, "Retry-After": "0"}, b"{}"),
    "500": answer_with(500, JSON, b"{}"),
    "502 page": answer_with(502, {"Content-Type": "text/html"}, b"<html>Bad Gateway</html>"),
    "page": answer_with(200, {"Content-Type": "text/html"}, b"<html>Log in</html>"),
    "list": answer_with(200, JSON, b"[]"),
    "object": answer_with(200, JSON, b"{}"),
    "tasks of null": answer_with(200, JSON, b'{"tasks": [null], "total": 1, "results": [null]}'),
    "list of null": answer_with(200, JSON, b"[null]"),
    "429 bare": answer_with(429, JSON, b"{}"),
    "reset": reset,
    "time-out": stall,
    "half": half,
}


class Proxy(http.server.ThreadingHTTPServer):
    """Forwards to `target` what is asked below `prefix`, unless `fault` says otherwise."""

    daemon_threads = True

    def __init__(self, target, prefix=""):
        super().__init__(("127.0.0.1", 0), Handler)
        self.target = target.removeprefix("http://").rstrip("/")
        self.prefix = prefix
        self.asked = []
        self.fault = lambda number, path: None


class Handler(http.server.BaseHTTPRequestHandler):
    def forward(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append(f"{self.command} {self.path}")
        fault = self.server.fault(len(self.server.asked), self.path)
        if not self.path.startswith(self.server.prefix):
            self.give(404, {}, b"not below the prefix")
        elif fault is not None:
            fault(self, lambda: self.answer_to(body))
        else:
            self.give(*self.answer_to(body))

    do_GET = do_POST = do_PATCH = do_DELETE = forward

    def answer_to(self, body):
        connection = http.client.HTTPConnection(self.server.target, timeout=60)
        path = self.path.removeprefix(self.server.prefix)
        connection.request(self.command, path, body, dict(self.headers))
        with connection.getresponse() as response:
            content = response.read()
        connection.close()
        kept = ("content-type", "location", "set-cookie")
        headers = [each for each in response.getheaders() if each[0].lower() in kept]
        return response.status, headers, content

    def give(self, code, headers, body):
        self.send_response(code)
        for name, value in headers.items() if isinstance(headers, dict) else headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextmanager
def serving(proxy):
    thread = threading.Thread(target=proxy.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()


def key_of(running):
    return json.loads((running.workspace.label_studio / "admin.json").read_text())["token"]


@pytest.fixture(scope="module")
def answered(running):
    """A project with four answered pictures, and where it is."""
    project = running.project(count=4, annotators=1)
    synced = running.sync(project)
    own = Server(running.server.url, session_key(running.server, synced.logins[0]), loopback=True)
    ids = project.dimensions.ids
    result = [
        {"from_name": name, "to_name": "image", "type": "rating", "value": {"rating": 3}}
        for name in (*ids, "overall")
    ]
    for task in tasks(running.server, synced.project_id, "id"):
        own.send("POST", f"api/tasks/{task['id']}/annotations/", {"result": result})
    return project, synced


@pytest.fixture
def through(running, monkeypatch):
    """A proxy before the session's server, and a client of it that loses patience soon; tasks come
    two to a page."""
    monkeypatch.setattr(client, "PAGE", 2)
    with serving(Proxy(running.server.url)) as proxy:
        url = f"http://127.0.0.1:{proxy.server_port}/"
        yield proxy, Server(url, key_of(running), loopback=True, timeout=2.5, pauses=(0, 0))


def pulled(server, answered, folder):
    """Pull into `folder`; the rows, without the moment each was seen."""
    project, synced = answered
    _, now = pull_project(server, project, synced, Log(folder))
    return [row.annotation for row in now.rows]


def whole_lines(folder):
    path = folder / "log.jsonl"
    lines = path.read_bytes().splitlines(keepends=True) if path.is_file() else []
    assert all(line.endswith(b"\n") for line in lines)
    return [json.loads(line)["id"] for line in lines]


@pytest.mark.parametrize("name", FAULTS)
def test_pull_under_a_fault_at_any_request_leaves_the_log_whole(
    running, answered, through, tmp_path, name
):
    proxy, server = through
    expected = pulled(server, answered, tmp_path / "undisturbed")
    assert len(expected) == 4
    requests = len(proxy.asked)
    assert requests >= 4
    for first in range(1, requests + 1):
        proxy.asked.clear()
        proxy.fault = lambda number, path, first=first: FAULTS[name] if number >= first else None
        folder = tmp_path / f"from {first}"
        try:
            pulled(server, answered, folder)
            assert first == requests  # drafts come last, and no answer depends on them
        except ServerError as error:
            assert str(error).count(". ") <= 2
        before = whole_lines(folder)
        proxy.fault = lambda number, path: None
        assert pulled(server, answered, folder) == expected
        lines = whole_lines(folder)
        assert lines[: len(before)] == before
        assert len(lines) == 4


@pytest.mark.parametrize("name", ["429", "500", "502 page", "reset", "time-out", "half"])
def test_pull_outlasts_a_fault_that_passes(running, answered, through, tmp_path, name):
    proxy, server = through
    proxy.fault = lambda number, path: FAULTS[name] if number % 2 else None
    assert len(pulled(server, answered, tmp_path)) == 4


@pytest.mark.parametrize("name", ["401", "404", "500", "page", "list", "object", "half"])
def test_sync_under_a_fault_at_any_request_is_a_sentence_and_is_finished_later(
    running, through, name
):
    proxy, server = through
    project = running.project(count=2, annotators=1)
    for first in range(1, 40):
        proxy.asked.clear()
        proxy.fault = lambda number, path, first=first: FAULTS[name] if number >= first else None
        try:
            running.sync(project, server)
        except ServerError as error:
            assert str(error).count(". ") <= 2
        if len(proxy.asked) < first:  # it was done before the fault
            break
    proxy.fault = lambda number, path: None
    synced = running.sync(project, server)
    assert len(running.server.get("api/projects/", title=project.file.title)["results"]) == 1
    there = [task["data"]["image_id"] for task in tasks(server, synced.project_id, "id,data")]
    assert len(there) == len(set(there)) == 2
    assert [login.label for login in synced.logins] == ["annotator-1"]


@pytest.mark.parametrize("name", ["500", "reset", "time-out", "half"])
def test_import_whose_answer_is_lost_is_finished_without_doubles(running, through, name):
    proxy, server = through
    project = running.project(count=3, annotators=0)

    def carried_out_but_unanswered(handler, forwarded):
        answer = forwarded()
        FAULTS[name](handler, lambda: answer)

    def fault(number, path):
        return carried_out_but_unanswered if "/import" in path else None

    proxy.fault = fault
    with pytest.raises(ServerError):
        running.sync(project, server)
    proxy.fault = lambda number, path: None
    synced = running.sync(project, server)
    there = [task["data"]["image_id"] for task in tasks(server, synced.project_id, "id,data")]
    assert len(there) == len(set(there)) == 3


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that nobody has signed."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", folder / "key.pem", "-out", folder / "certificate.pem"),
        ],
        check=True,
        capture_output=True,
    )
    return folder / "certificate.pem"


@pytest.fixture
def team(tmp_path, certificate, monkeypatch):
    """A server of its own below https://127.0.0.1:port/team/studio/, and a personal token."""
    proxy = Proxy("nothing yet", "/team/studio")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    proxy.socket = context.wrap_socket(proxy.socket, server_side=True)
    url = f"https://127.0.0.1:{proxy.server_port}/team/studio"
    settings = server.settings

    def below_the_prefix(data):
        return {**settings(data), "LABEL_STUDIO_HOST": url}

    monkeypatch.setattr(server, "settings", below_the_prefix)
    with embedded(tmp_path / "team", tmp_path, cache_folder(), print) as own, serving(proxy):
        proxy.target = own.url.removeprefix("http://").rstrip("/")
        token = own.send("POST", "api/token/", {})["token"]
        yield own, {"LABEL_STUDIO_URL": url, "LABEL_STUDIO_API_KEY": token}


def test_team_server_below_a_path_with_https_and_a_personal_token(
    team, study, write_project, paint, answer, certificate, monkeypatch
):
    own, environ = team
    project = write_project(study, "far", annotators=1)
    paint(project.pictures, 3)
    foreign = own.send("POST", "api/projects/", {"title": "Somebody else's"})
    before = own.get(f"api/projects/{foreign['id']}/")

    def run():
        options = {"once": True, "say": print, "show": print, "environ": environ}
        return annotate("far", study, **options)

    with pytest.raises(ServerError, match=r"certificate of https.*not trusted.*SSL_CERT_FILE"):
        run()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert run().imported == 3
    assert run().imported == 0
    (found,) = own.get("api/projects/", title=project.file.title)["results"]
    people = [user for user in own.get("api/users/") if user["email"].startswith("annotator-1@")]
    body = {"result": write_results(answer()), "completed_by": people[0]["id"], "lead_time": 9.0}
    for task in tasks(own, found["id"], "id"):
        own.send("POST", f"api/tasks/{task['id']}/annotations/", body)
    report = run()
    assert report.appended == 3
    assert report.status.answers == {"annotator-1": 3}
    assert report.address.startswith(f"{environ['LABEL_STUDIO_URL']}/projects/")
    assert own.get(f"api/projects/{foreign['id']}/") == before


def test_pictures_on_a_team_server_are_the_originals(
    team, study, write_project, paint, certificate, monkeypatch, tmp_path
):
    own, environ = team
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    project = write_project(study, "far", annotators=0)
    (picture,) = paint(project.pictures, 1)
    annotate("far", study, once=True, say=print, show=print, environ=environ)
    (found,) = own.get("api/projects/", title=project.file.title)["results"]
    (task,) = tasks(own, found["id"], "id,data")
    prefix, _, stored = task["data"]["image"].partition("/data/upload/")
    assert prefix == "/team/studio"  # browsers ask for it as it stands
    token = json.loads((tmp_path / "team" / "admin.json").read_text())["token"]
    shown = httpx.get(
        f"{own.url}data/upload/{stored}",
        headers={"Authorization": f"Token {token}"},
        trust_env=False,
    )
    assert shown.content == picture.read_bytes()
    assert httpx.get(f"{own.url}data/upload/{stored}", trust_env=False).status_code != 200
