"""Titles, labels and an export that a real server has to accept and give back as they are."""

import json
from dataclasses import replace

import pytest

from qreasoning.annotation.answers import read_results
from qreasoning.annotation.client import tasks
from qreasoning.annotation.exports import read_export
from qreasoning.annotation.plan import plan
from qreasoning.annotation.run import LOGINS
from qreasoning.annotation.submit import Submission, submit_answers
from qreasoning.dimensions import Dimensions

pytestmark = pytest.mark.server

HOSTILE = '<Rating name="x"/> & "quotes" \'too\' ]]> {{x}} %s 亮度 ✨'


def planned(running, project):
    logins = running.folder(project) / LOGINS
    return plan(running.server, project, running.pictures(project), logins)


@pytest.mark.parametrize("title", ["abc", "x" * 50, "<b>&\"' 研究 ✨ [qreasoning:other]"])
def test_title_at_the_limits_is_made_and_found_again(running, title):
    project = running.project(count=1, annotators=0, title=title)
    synced = running.sync(project)
    assert running.server.get(f"api/projects/{synced.project_id}/")["title"] == title
    assert running.sync(project).project_id == synced.project_id
    assert planned(running, project).changes == ()


def test_labels_with_markup_make_no_control_and_come_back_as_they_are(running):
    project = running.project(count=1, annotators=0)
    first, *rest = (each.model_dump() for each in project.dimensions.dimensions)
    marked = {**first, "label": HOSTILE, "hint": HOSTILE, "low": HOSTILE, "high": "x" * 120}
    dimensions = Dimensions.model_validate({"version": 1, "dimensions": [marked, *rest]})
    project = replace(project, dimensions=dimensions, guidelines=HOSTILE, consent=HOSTILE)
    synced = running.sync(project)
    assert planned(running, project).changes == ()
    form = running.server.get(f"api/projects/{synced.project_id}/")["parsed_label_config"]
    ids = project.dimensions.ids
    notes = {f"{each}_note" for each in ids}
    hidden = {"form_version", "guidelines_version"}
    assert form.keys() == {*ids, *notes, "overall", "caption", "reasoning", *hidden}


def test_pictures_with_any_name_are_imported_and_found_again(running):
    project = running.project(count=5, annotators=0)
    names = ["a#b?c=1&d.png", "50% größe 照片.png", "+ +.png", "'\"<b>.png", "sub dir/é.png"]
    for path, name in zip(sorted(project.pictures.iterdir()), names, strict=True):
        (project.pictures / name).parent.mkdir(exist_ok=True)
        path.rename(project.pictures / name)
    synced = running.sync(project)
    found = {task["data"]["name"] for task in tasks(running.server, synced.project_id, "id,data")}
    assert found == set(names)
    assert planned(running, project).changes == ()


def test_export_of_the_server_is_read_as_what_was_submitted(running, answer, tmp_path, dimensions):
    project = running.project(count=2, annotators=1)
    synced = running.sync(project)
    pictures = running.pictures(project)
    given = {
        each.image_id: Submission(answer(caption=f"What is {each.name} showing?"), 3.0)
        for each in pictures.pictures
    }
    submit_answers(running.server, synced.logins[0], synced.project_id, given, running.said.append)
    export = running.server.get(f"api/projects/{synced.project_id}/export", exportType="JSON")
    path = tmp_path / "export.json"
    for task in export:  # as if it came from another study
        del task["data"]["image_id"]
    path.write_text(json.dumps(export))
    states = read_export(path, project, pictures)
    found = {
        state["image_id"]: read_results(state["annotation"]["result"], dimensions.ids).answer
        for state in states
    }
    assert found == {image_id: each.answer for image_id, each in given.items()}
    assert {state["annotation"]["lead_time"] for state in states} == {3.0}
