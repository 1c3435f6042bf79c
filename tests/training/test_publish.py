"""A run on the Hub, against a stand-in on loopback: what is there is what the run vouches for."""

import base64
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import pytest

from qreasoning.errors import DataError, SettingsError
from qreasoning.files import read_manifest
from qreasoning.training.publish import push

TOKEN = "hf_" + "secretsecret" * 3


class Hub:
    """A stand-in for the Hub that keeps one model repository in memory: what was created, its
    files, the commits' messages. A wrong token is 401, any other path 404."""

    def __init__(self):
        self.created = []
        self.files = {}
        self.messages = []

    def __enter__(self):
        hub = self

        class Handler(_Handler):
            state = hub

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            return self.answer({"error": "Invalid credentials"}, 401)
        if self.path == "/api/whoami-v2":
            return self.answer({"type": "user", "name": "lab", "orgs": []})
        return self.answer({"error": self.path}, 404)

    def do_POST(self):
        content = self.rfile.read(int(self.headers["Content-Length"] or 0))
        path = unquote(urlsplit(self.path).path)
        if path == "/api/validate-yaml":
            return self.answer({"errors": [], "warnings": []})
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            return self.answer({"error": "Invalid credentials"}, 401)
        if path == "/api/repos/create":
            return self.create(json.loads(content))
        if path.startswith("/api/models/lab/run/preupload/"):
            # All of them inline: the stand-in has no store for large files.
            files = json.loads(content)["files"]
            modes = {"uploadMode": "regular", "shouldIgnore": False}
            return self.answer({"files": [{"path": each["path"], **modes} for each in files]})
        if path.startswith("/api/models/lab/run/commit/"):
            return self.commit([json.loads(line) for line in content.splitlines()])
        return self.answer({"error": path}, 404)

    def create(self, asked):
        self.state.created.append(asked)
        return self.answer({"url": f"{self.state.url}/{asked['organization']}/{asked['name']}"})

    def commit(self, lines):
        for line in lines:
            if line["key"] == "header":
                self.state.messages.append(line["value"]["summary"])
            elif line["key"] == "file":
                self.state.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
        oid = "c" * 40
        return self.answer(
            {"commitOid": oid, "commitUrl": f"{self.state.url}/lab/run/commit/{oid}"}
        )

    def answer(self, content, status=200):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


CALL = """
import sys
from pathlib import Path
from qreasoning.errors import QReasoningError
from qreasoning.training.publish import check_repository, push
try:
    check_repository(sys.argv[2])
    print(push(Path(sys.argv[1]), sys.argv[2]))
except QReasoningError as error:
    print(type(error).__name__, error)
"""


def _push(run, repository, **environment):
    """In a process of its own: the client reads its settings when it is imported."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGG"))}
    done = subprocess.run(
        [sys.executable, "-c", CALL, str(run), repository],
        env={**clean, "HF_HOME": str(run.parent / "nobody"), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_push_publishes_the_run_but_not_its_completions(finished_run):
    with Hub() as hub:
        address = _push(finished_run, "lab/run", HF_ENDPOINT=hub.url, HF_TOKEN=TOKEN)
    assert address == f"{hub.url}/lab/run"
    assert [each["visibility"] for each in hub.created] == ["private"]
    assert hub.messages == ["Run tiny/001"]
    names = set(read_manifest(finished_run)["files"])
    kept = {name for name in names if name.startswith(("completions/", "tensorboard/"))}
    assert kept
    assert set(hub.files) == names - kept - {"start.json"} | {"manifest.json"}
    assert {"adapter_model.safetensors", "README.md", "curves.png", "recipe.yaml"} < set(hub.files)
    for name, content in hub.files.items():
        assert content == (finished_run / name).read_bytes()


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({}, "DataError Nobody is logged in to the Hub"),
        ({"HF_TOKEN": "hf_wrong"}, "DataError The Hub refused lab/run"),
        ({"HF_TOKEN": TOKEN, "HF_HUB_OFFLINE": "1"}, "DataError HF_HUB_OFFLINE is set"),
        ({"HF_TOKEN": TOKEN, "HF_ENDPOINT": "http://127.0.0.1:9"}, "cannot be reached"),
    ],
)
def test_push_that_cannot_be_is_an_error(finished_run, environment, says):
    with Hub() as hub:
        said = _push(finished_run, "lab/run", **{"HF_ENDPOINT": hub.url, **environment})
    assert says in said
    assert hub.files == {}


def test_push_to_no_repository_or_of_no_finished_run_is_an_error(finished_run, tmp_path):
    with pytest.raises(SettingsError, match="Give it as ORG/NAME"):
        push(finished_run, "run")
    with pytest.raises(DataError, match="not finished"):
        push(tmp_path, "lab/run")
