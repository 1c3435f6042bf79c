"""The embedded server's life: private files, one at a time, ended whatever happens."""

import errno
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time

import httpx
import pytest

from qreasoning.annotation import environment, server
from qreasoning.annotation.run import OPEN_WARNING, annotate
from qreasoning.annotation.server import embedded
from qreasoning.errors import DataError, QReasoningError, ServerError
from qreasoning.workspace import cache_folder

pytestmark = pytest.mark.server


def data_of(running):
    return running.workspace.root / "outputs" / "label-studio"


def alive(url):
    try:
        return httpx.get(url + "health", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def test_embedded_keeps_its_secrets_to_the_owner_and_off_the_command_line(running):
    data = data_of(running)
    admin = json.loads((data / "admin.json").read_text())
    assert admin["proven"] is True
    for name in ("admin.json", "label_studio.sqlite3", ".env"):
        assert stat.S_IMODE((data / name).stat().st_mode) == 0o600
    shown = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, text=True).stdout
    assert "label-studio start" in shown
    assert admin["password"] not in shown
    assert admin["token"] not in shown


def test_embedded_listens_on_loopback_only(running):
    port = running.server.url.rsplit(":", 1)[1].rstrip("/")
    lines = open("/proc/net/tcp").read().splitlines()[1:]  # noqa: SIM115, PTH123
    bound = {line.split()[1] for line in lines if line.split()[3] == "0A"}  # 0A: listening
    (address,) = (each for each in bound if each.endswith(f":{int(port):04X}"))
    assert address.startswith("0100007F:")  # 127.0.0.1, in the machine's byte order


def test_embedded_sign_up_without_the_invitation_is_closed(running):
    with httpx.Client(base_url=running.server.url, trust_env=False) as browser:
        browser.get("user/login/")
        form = {"email": "stranger@example.org", "password": "long enough 123"}
        token = {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        answer = browser.post(
            "user/signup/", data={**form, **token}, headers={"Referer": running.server.url}
        )
    assert answer.status_code == 403
    users = running.server.get("api/users/")
    assert "stranger@example.org" not in {user["email"] for user in users}


WATCHER = """
import os, sys
def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        line = f"{event} {arguments[1]!r}"
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        line = f"{event} {arguments[0]!r}"
    else:
        return
    descriptor = os.open(os.environ["WATCHED"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, (line + "\\n").encode())
    os.close(descriptor)
sys.addaudithook(watch)
"""


def test_embedded_opens_a_page_and_looks_nothing_up_outside(tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(WATCHER)
    watched = tmp_path / "watched"
    watched.touch()
    settings = server.settings
    extra = {"PYTHONPATH": str(tmp_path), "WATCHED": str(watched)}
    monkeypatch.setattr(server, "settings", lambda data: {**settings(data), **extra})
    with (
        embedded(tmp_path / "data", tmp_path, cache_folder(), print) as own,
        httpx.Client(base_url=own.url, trust_env=False, follow_redirects=True) as browser,
    ):
        page = browser.get("projects/")
        assert (page.status_code, page.url.path) == (200, "/user/login/")
        login = json.loads((tmp_path / "data" / "admin.json").read_text())
        form = {each: login[each] for each in ("email", "password")}
        token = {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        browser.post("user/login/", data={**form, **token}, headers={"Referer": own.url})
        assert browser.get("projects/").url.path == "/projects/"
        own.send("POST", "api/projects/", {"title": "A project"})
        time.sleep(2)
    here = ("'127.0.0.1'", "'localhost'", "'0.0.0.0'", "'::1'", "''", "None")
    lines = watched.read_text().splitlines()
    assert any(line.startswith("socket.connect") for line in lines)  # the watch is on
    assert [line for line in lines if not any(name in line for name in here)] == []


@pytest.mark.parametrize("problem", [errno.EADDRINUSE, errno.EADDRNOTAVAIL])
def test_embedded_without_a_free_port_says_so(tmp_path, monkeypatch, problem):
    class Full(socket.socket):
        def bind(self, address):
            raise OSError(problem, os.strerror(problem))

    monkeypatch.setattr(server.socket, "socket", Full)
    with (
        pytest.raises(ServerError, match=r"no port to listen on at 127\.0\.0\.1 \(.*ddress"),
        embedded(tmp_path / "data", tmp_path, cache_folder(), print),
    ):
        pass


def test_embedded_on_another_address_listens_there_only(tmp_path):
    with embedded(tmp_path / "data", tmp_path, cache_folder(), print, "127.0.0.2") as own:
        assert own.url.startswith("http://127.0.0.2:")
        port = own.url.rsplit(":", 1)[1]
        assert alive(own.url)
        assert not alive(f"http://127.0.0.1:{port}")


def test_annotate_on_another_address_warns_first(study, write_project, paint):
    paint(write_project(study, "p", annotators=0).pictures, 1)
    said = []
    options = {"once": True, "show": print, "environ": {}}
    report = annotate("p", study, say=said.append, host="127.0.0.2", **options)
    assert report.address.startswith("http://127.0.0.2:")
    warning = OPEN_WARNING.format(host="127.0.0.2")
    assert said.count(warning) == 1
    assert said.index(warning) < said.index(f"Annotators begin at {report.address}")
    for danger in ("listens on 127.0.0.2", "no roles", "no TLS"):
        assert danger in warning


def test_embedded_again_keeps_its_port_and_says_where_it_cannot(tmp_path):
    data, said = tmp_path / "data", []

    def start():
        with embedded(data, tmp_path, cache_folder(), said.append) as own:
            assert own.whoami()["email"] == "admin@qreasoning.local"
            return int(own.url.rstrip("/").rsplit(":", 1)[1])

    first = start()
    assert start() == first
    assert said == []
    with socket.create_server(("127.0.0.1", first)):
        another = start()
    assert another != first
    (sentence,) = said
    assert sentence.startswith(
        f"Port {first}, which the last start had, is taken: this time it is port {another}."
    )
    assert start() == another


def test_embedded_twice_on_the_same_data_names_the_running_one(running):
    data = data_of(running)
    expected = rf"already runs on {data} \(process \d+, {running.server.url}\)"
    with (
        pytest.raises(ServerError, match=expected),
        embedded(data, data.parent, cache_folder(), print),
    ):
        pass
    assert alive(running.server.url)


def test_embedded_ends_when_its_block_fails(tmp_path):
    with (
        pytest.raises(ZeroDivisionError),
        embedded(tmp_path / "data", tmp_path, cache_folder(), print) as own,
    ):
        assert alive(own.url)
        raise ZeroDivisionError
    assert not alive(own.url)


def test_embedded_without_its_own_account_file_keeps_the_database(tmp_path):
    (tmp_path / "label_studio.sqlite3").write_text("somebody's annotations")
    with (
        pytest.raises(ServerError, match=r"admin\.json is missing.*Put it back"),
        embedded(tmp_path, tmp_path.parent, cache_folder(), print),
    ):
        pass
    assert (tmp_path / "label_studio.sqlite3").read_text() == "somebody's annotations"


def test_embedded_that_does_not_start_names_the_log(tmp_path, monkeypatch):
    folder = tmp_path / "broken"
    (folder / "venv" / "bin").mkdir(parents=True)
    (folder / environment.TEMPLATE).parent.mkdir()
    (folder / environment.TEMPLATE).touch()
    environment.program(folder).write_text("#!/bin/sh\necho no disk left >&2\nexit 3\n")
    environment.program(folder).chmod(0o755)
    monkeypatch.setattr(server, "environment", lambda cache, say: folder)
    data = tmp_path / "data"
    with (
        pytest.raises(ServerError, match=r"ended while starting \(3\)\. See \S+/server\.log"),
        embedded(data, tmp_path, tmp_path, print),
    ):
        pass
    assert (data / "server.log").read_text() == "no disk left\n"


def test_annotate_with_a_broken_picture_starts_and_writes_nothing(study, write_project, paint):
    project = write_project(study, "p")
    path = paint(project.pictures, 2)[1]
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match=r"picture 01\.png is damaged"):
        annotate("p", study, once=True, say=print, show=print, environ={})
    assert not (study.root / "outputs").exists()


def test_annotate_a_remote_server_makes_one_round_and_leaves_it_running(
    running, study, write_project, paint
):
    project = write_project(study, "far", title="A far project", annotators=1)
    paint(project.pictures, 2)
    admin = json.loads((data_of(running) / "admin.json").read_text())
    environ = {
        "LABEL_STUDIO_URL": running.server.url,
        "LABEL_STUDIO_API_KEY": admin["token"],
    }
    shown = []
    report = annotate("far", study, once=False, say=print, show=shown.append, environ=environ)
    assert (report.imported, report.appended) == (2, 0)
    assert shown == [report.status]
    assert (report.status.images, report.status.answers) == (2, {"annotator-1": 0})
    assert report.address.startswith(running.server.url)
    manifest = json.loads((report.folder / "manifest.json").read_text())
    assert (manifest["project"], manifest["images"]) == ("far", "pictures/far")
    assert alive(running.server.url)


PROGRAM = """
import os, signal, sys
from qreasoning.cli import main
# A process started in the background of a shell ignores Ctrl-C until it is told not to.
signal.signal(signal.SIGINT, signal.default_int_handler)
os.chdir(sys.argv[1])
sys.argv[1:] = ["annotate", "--project", "p"]
main()
"""


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_annotate_ends_cleanly_on_a_signal(study, write_project, paint, ending):
    paint(write_project(study, "p", annotators=1).pictures, 1)
    command = [sys.executable, "-c", PROGRAM, str(study.root)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        for line in process.stdout:
            if line.startswith("Pulling new annotations"):
                process.send_signal(ending)
            if line.startswith("Annotators begin at"):
                address = line.split()[-1]
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.stdout.close()
    assert not alive(address.split("projects/")[0])
    table = study.root / "outputs" / "annotations" / "p" / "table.parquet"
    assert table.is_file()


def test_annotate_killed_leaves_a_server_that_the_next_run_names(study, write_project, paint):
    paint(write_project(study, "p", annotators=0).pictures, 1)
    command = [sys.executable, "-c", PROGRAM, str(study.root)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.startswith("Pulling new annotations"):
            process.kill()
    process.wait()
    process.stdout.close()
    holder = (study.root / "outputs" / "label-studio" / "lock").read_text()
    number, address = holder.removeprefix("process ").split(", ")
    try:
        with pytest.raises(QReasoningError, match=rf"already runs .*process {number}"):
            annotate("p", study, once=True, say=print, show=print, environ={})
    finally:
        os.kill(int(number), signal.SIGTERM)
    while alive(address):
        time.sleep(0.1)
    said = []
    report = annotate("p", study, once=True, say=said.append, show=print, environ={})
    assert report.status.images == 1
    assert report.imported == 0
    assert not any("Warning" in line for line in said)
