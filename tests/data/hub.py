"""A stand-in for the Hub's HTTP interface on loopback: what publishing a data set needs of it.

It keeps one repository in memory: files per commit, tags, and large files by their SHA-256, which
it checks. Other paths are 404, a wrong token is 401.
"""

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

TOKEN = "hf_" + "secretsecret" * 3


class Hub:
    """The stand-in; `commits` are dictionaries of file contents, `tags` name one of them."""

    def __init__(self):
        self.created = []
        self.commits = [{}]
        self.messages = []
        self.tags = {}
        self.blobs = {}
        self.refused_tags = 0

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

    def do_POST(self):
        content = self.rfile.read(int(self.headers["Content-Length"] or 0))
        path = unquote(urlsplit(self.path).path)
        if path == "/api/validate-yaml":
            return self.answer({"errors": [], "warnings": []})
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            return self.answer({"error": "Invalid credentials"}, 401)
        if path == "/api/repos/create":
            return self.create(json.loads(content))
        if path.endswith("/info/lfs/objects/batch"):
            return self.batch(json.loads(content))
        if path == "/verify":
            return self.answer({}, 200 if json.loads(content)["oid"] in self.state.blobs else 404)
        _, _, kind, *_, action, revision = path.split("/")
        assert kind == "datasets"
        if action == "preupload":
            files = json.loads(content)["files"]
            return self.answer({"files": [_mode(each["path"]) for each in files]})
        if action == "commit":
            return self.commit([json.loads(line) for line in content.splitlines()])
        if action == "tag":
            return self.tag(json.loads(content), revision)
        return self.answer({"error": path}, 404)

    def do_GET(self):
        path = unquote(urlsplit(self.path).path)
        if path.endswith("/refs"):
            tags = [
                {"name": tag, "ref": f"refs/tags/{tag}", "targetCommit": _oid(number)}
                for tag, number in self.state.tags.items()
            ]
            return self.answer({"tags": tags, "branches": [], "converts": []})
        if "/tree/" in path:
            files = self.state.commits[-1]
            return self.answer(
                [
                    {"type": "file", "path": name, "size": len(files[name]), "oid": "0" * 40}
                    for name in files
                ]
            )
        if "/resolve/" in path:
            revision, name = path.partition("/resolve/")[2].split("/", 1)
            number = self.state.tags[revision]
            content = self.state.commits[number][name]
            return self.send(content, {"X-Repo-Commit": _oid(number), "ETag": '"e"'})
        return self.answer({"error": path}, 404)

    do_HEAD = do_GET

    def do_PUT(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        oid = self.path.rpartition("/")[2]
        right = hashlib.sha256(content).hexdigest() == oid
        self.state.blobs[oid] = content
        self.answer({}, 200 if right else 400)

    def create(self, asked):
        there = bool(self.state.created)
        self.state.created.append(asked)
        name = f"{asked['organization']}/{asked['name']}"
        found = {"url": f"{self.state.url}/datasets/{name}"}
        error = {"error": "You already created this dataset repo"} if there else {}
        return self.answer({**found, **error}, 409 if there else 200)

    def batch(self, asked):
        def action(each):
            href = f"{self.state.url}/upload/{each['oid']}"
            return {
                **each,
                "actions": {
                    "upload": {"href": href},
                    "verify": {"href": f"{self.state.url}/verify"},
                },
            }

        self.answer({"transfer": "basic", "objects": [action(each) for each in asked["objects"]]})

    def commit(self, lines):
        files = dict(self.state.commits[-1])
        for line in lines:
            value = line["value"]
            if line["key"] == "header":
                self.state.messages.append(value["summary"])
            elif line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.state.blobs[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        self.state.commits.append(files)
        oid = _oid(len(self.state.commits) - 1)
        return self.answer(
            {"commitOid": oid, "commitUrl": f"{self.state.url}/datasets/lab/small/commit/{oid}"}
        )

    def tag(self, asked, revision):
        if self.state.refused_tags:
            self.state.refused_tags -= 1
            return self.answer({"error": "try later"}, 500)
        self.state.tags[asked["tag"]] = int(revision, 16)
        return self.answer({})

    def answer(self, content, status=200):
        self.send(json.dumps(content).encode(), {"Content-Type": "application/json"}, status)

    def send(self, content, headers, status=200):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _mode(path):
    mode = "lfs" if path.endswith(".parquet") else "regular"
    return {"path": path, "uploadMode": mode, "shouldIgnore": False}


def _oid(number):
    return f"{number:040x}"
