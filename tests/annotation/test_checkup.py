"""One picture of each project, opened in a real Label Studio, and each link of the chain broken."""

import json
import os
import shutil

import pytest

from qreasoning.annotation.checkup import _pictures
from qreasoning.annotation.client import Server

pytestmark = pytest.mark.server


def key_of(running):
    admin = running.workspace.label_studio / "admin.json"
    return json.loads(admin.read_text(encoding="utf-8"))["token"]


def picture(running, project, server=None):
    """The check of a project's picture."""
    (check,) = _pictures(server or running.server, running.workspace, [project])
    return check


def test_a_picture_that_opens_is_ok_with_its_size(running):
    project = running.project()
    assert picture(running, project).state == "note"
    running.sync(project)
    check = picture(running, project)
    assert (check.state, check.found) == ("ok", "opens (48 x 48)")


def test_a_blind_project_is_looked_at_on_one_desk(running):
    project = running.project(blind=True, annotators=2, annotators_per_image=1)
    running.sync(project)
    assert picture(running, project).state == "ok"


@pytest.mark.parametrize("link", ["document root", "storage", "file"])
def test_the_broken_link_is_named(running, link):
    project = running.project()
    synced = running.sync(project)
    if link == "document root":
        shutil.rmtree(project.served)
    elif link == "storage":
        for row in running.server.get_list("api/storages/localfiles", project=synced.project_id):
            running.server.send("DELETE", f"api/storages/localfiles/{row['id']}")
    else:
        for each in project.pictures.iterdir():
            each.unlink()
    check = picture(running, project)
    assert check.state == "problem"
    assert check.found.startswith(f"link '{link}': /data/local-files/?d=")
    assert "qr annotate --project" in check.remedy


def test_a_damaged_picture_is_a_problem(running):
    project = running.project()
    running.sync(project)
    for each in project.pictures.iterdir():
        each.write_bytes(b"no picture")
    check = picture(running, project)
    assert check.state == "problem"
    assert "is not a picture" in check.found


def test_a_server_that_serves_no_files_is_the_setting(running, monkeypatch):
    project = running.project()
    running.sync(project)
    answer = b"Serving local files can be dangerous: LOCAL_FILES_SERVING_ENABLED=true is not set."
    monkeypatch.setattr(Server, "fetch", lambda *_: (403, answer))
    assert picture(running, project).found.startswith("link 'setting'")


def test_an_upload_opens_and_a_lost_one_is_the_file(running):
    project = running.project(count=1)
    team = Server(running.server.url, key_of(running))
    running.sync(project, team)
    assert picture(running, project, team).found == "opens (48 x 48)"
    media = running.workspace.label_studio / "media" / "upload"
    for each in media.rglob("*"):
        if each.is_file():
            each.unlink()
    assert picture(running, project, team).found.startswith("link 'file': /data/upload/")


def test_a_file_that_may_not_be_read_is_the_permission(running, monkeypatch):
    # Tests may run as root, who may read everything: the server's and the system's word are given.
    project = running.project()
    running.sync(project)
    monkeypatch.setattr(Server, "fetch", lambda *_: (500, b""))
    monkeypatch.setattr(os, "access", lambda *_: False)
    check = picture(running, project)
    assert check.found.startswith("link 'permission'")
    assert "may not be read" in check.remedy
