"""Two people who bring one project to a team's server at the same moment, each from a machine of
their own: real processes, and a real server."""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from qreasoning.annotation.client import tasks
from qreasoning.annotation.lookup import same_projects
from qreasoning.annotation.showing import link_to
from qreasoning.workspace import make_study


def at_once(studies, environ):
    """`qr annotate --project p` in each of the studies, all at the same time; what each said."""
    command = [sys.executable, "-m", "qreasoning", "annotate", "--project", "p"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    running = [
        subprocess.Popen(command, cwd=study.root, env={**os.environ, **environ}, **pipes)
        for study in studies
    ]
    said = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0] * len(studies), said
    return said


@pytest.mark.server
def test_two_at_once_make_one_project_with_each_picture_once(
    running, tmp_path, paint, write_project
):
    token = json.loads((running.workspace.label_studio / "admin.json").read_text())["token"]
    environ = {"LABEL_STUDIO_URL": running.server.url, "LABEL_STUDIO_API_KEY": token}
    studies = [make_study(tmp_path / name) for name in ("here", "there")]
    for number in (1, 2):
        projects = [
            write_project(study, "p", title="Made by two at once", annotators=1)
            for study in studies
        ]
        paint(projects[0].pictures, 20 * number, side=16)
        shutil.rmtree(projects[1].pictures, ignore_errors=True)
        shutil.copytree(projects[0].pictures, projects[1].pictures)
        at_once(studies, environ)
        (found,) = [
            each for each in same_projects(running.server, projects[0]) if each["task_number"]
        ]
        there = tasks(running.server, int(found["id"]), "id,data")
        images = [task["data"]["image_id"] for task in there]
        assert len(images) == len(set(images)) == 20 * number
    files = [study.annotations / "p" / "logins.csv" for study in studies]
    rows = [row for file in files if file.is_file() for row in file.read_text().splitlines()[1:]]
    assert [row.partition(",")[0] for row in rows] == ["annotator-1@p.local"]


def test_link_that_eight_make_at_the_same_moment_is_there(tmp_path):
    start = Barrier(8)

    def make(number):
        start.wait()
        link_to(tmp_path / f"link{number}", tmp_path / "target")

    with ThreadPoolExecutor(8) as pool:
        for number in range(200):
            list(pool.map(make, [number] * 8))
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(
        f"link{number}" for number in range(200)
    )
    assert {each.readlink() for each in tmp_path.iterdir()} == {tmp_path / "target"}
