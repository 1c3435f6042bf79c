"""A project file edited while people work, against a real server: what changes, what is refused."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest
from PIL import Image

from qreasoning.annotation import changes
from qreasoning.annotation.accounts import Login, session_key
from qreasoning.annotation.answers import write_results
from qreasoning.annotation.client import Server, tasks
from qreasoning.annotation.lookup import project_tasks, same_projects
from qreasoning.annotation.plan import plan
from qreasoning.annotation.project_file import Guidelines
from qreasoning.annotation.run import LOGINS
from qreasoning.annotation.sync import sync
from qreasoning.dimensions import Dimensions
from qreasoning.errors import DataError, ServerError

pytestmark = pytest.mark.server


def planned(running, project, server=None):
    logins = running.folder(project) / LOGINS
    return plan(server or running.server, project, running.pictures(project), logins)


def there(running, synced):
    found = tasks(running.server, synced.project_id, "id,data")
    return {task["data"]["name"]: task for task in found}


def give(running, task, answer):
    path = f"api/tasks/{task['id']}/annotations/"
    running.server.send("POST", path, {"result": write_results(answer)})


def edited(project, **settings):
    return replace(project, file=project.file.model_copy(update=settings))


def remote(running):
    path = running.workspace.root / "outputs" / "label-studio" / "admin.json"
    content = json.loads(path.read_text())
    login = Login(content["email"], content["password"])
    return Server(running.server.url, session_key(running.server, login))


def test_plan_of_a_new_project_says_all_of_it_and_changes_nothing(running):
    project = running.project(count=3, annotators=2)
    expected = (
        f"The project '{project.file.title}' is made.",
        "3 pictures are imported.",
        "2 log-ins are made.",
    )
    assert planned(running, project).changes == expected
    assert planned(running, project).changes == expected
    assert not (running.folder(project) / LOGINS).exists()
    synced = running.sync(project)
    assert running.said[-4:-1] == list(expected)
    again = planned(running, project)
    assert (again.changes, again.refused) == ((), ())
    assert len(there(running, synced)) == 3


def test_plan_after_edits_says_each_and_sync_does_them(running, paint):
    project = running.project(count=2, annotators=1)
    synced = running.sync(project)
    paint(project.pictures / "later", 1, seed=77)
    (project.pictures / "picture 00.png").unlink()
    changed = edited(
        project,
        title=f"{project.file.title} renamed",
        annotators=("annotator-1", "zoe"),
        annotators_per_image=4,
        guidelines=Guidelines(version="2"),
    )
    wanted = planned(running, changed)
    assert wanted.refused == ()
    assert wanted.changes == (
        f"The project's title becomes '{changed.file.title}' (it was '{project.file.title}').",
        "The form changes; answers to the old one are kept and marked.",
        "The instructions become those of version 2.",
        "Each picture is for 4 annotators (it was for 2).",
        "1 picture is imported.",
        "1 picture is removed, to which there is no answer.",
        "1 log-in is made.",
    )
    assert running.sync(changed).project_id == synced.project_id
    assert planned(running, changed).changes == ()
    made = running.server.get(f"api/projects/{synced.project_id}/")
    assert (made["title"], made["maximum_annotations"]) == (changed.file.title, 4)
    assert set(there(running, synced)) == {"picture 01.png", "later/picture 00.png"}


def test_sync_that_would_lose_answers_is_refused_and_changes_nothing(running, answer, paint):
    project = running.project(count=2, annotators=0)
    synced = running.sync(project)
    give(running, there(running, synced)["picture 01.png"], answer())
    (project.pictures / "picture 01.png").unlink()
    paint(project.pictures / "later", 1, seed=78)
    with pytest.raises(DataError, match=r"1 picture is no longer in the project but has answers, "):
        running.sync(edited(project, title="Another title"))
    assert set(there(running, synced)) == {"picture 00.png", "picture 01.png"}
    made = running.server.get(f"api/projects/{synced.project_id}/")
    assert made["title"] == project.file.title


def test_sync_with_a_draft_to_a_picture_that_left_is_refused(running, answer):
    project = running.project(count=2, annotators=0)
    synced = running.sync(project)
    task = there(running, synced)["picture 01.png"]
    body = {"result": write_results(answer()), "lead_time": 3.0}
    running.server.send("POST", f"api/tasks/{task['id']}/drafts", body)
    (project.pictures / "picture 01.png").unlink()
    with pytest.raises(DataError, match=r"the first is picture 01\.png"):
        running.sync(project)


def test_removal_keeps_what_was_answered_after_the_plan(running, answer):
    project = running.project(count=3, annotators=0)
    synced = running.sync(project)
    (project.pictures / "picture 00.png").unlink()
    (project.pictures / "picture 01.png").unlink()
    wanted = planned(running, project)
    give(running, there(running, synced)["picture 01.png"], answer())
    changes.remove_pictures(running.server, wanted.found, wanted.leaving, running.said.append)
    assert set(there(running, synced)) == {"picture 01.png", "picture 02.png"}


def test_plan_without_a_dimension_that_has_answers_is_refused(running, answer):
    project = running.project(count=1, annotators=0)
    synced = running.sync(project)
    first, *rest = (each.model_dump() for each in project.dimensions.dimensions)
    other = Dimensions.model_validate({"version": 2, "dimensions": [{**first, "id": "x"}, *rest]})
    changed = replace(project, dimensions=other)
    assert planned(running, changed).refused == ()
    give(running, there(running, synced)["picture 00.png"], answer())
    (refused,) = planned(running, changed).refused
    assert refused.startswith(f"The dimension '{first['id']}' has answers and is no longer in")
    assert planned(running, project).refused == ()


def test_plan_with_other_guidelines_under_the_same_version_is_refused(running, answer):
    project = running.project(count=1, annotators=0)
    synced = running.sync(project)
    reworded = replace(project, guidelines="Look *twice*.")
    assert planned(running, reworded).refused == ()
    give(running, there(running, synced)["picture 00.png"], answer())
    (refused,) = planned(running, reworded).refused
    assert "still version 1" in refused
    assert "raise guidelines.version" in refused
    raised = replace(edited(reworded, guidelines=Guidelines(version="2")), guidelines="Look twice.")
    assert planned(running, raised).refused == ()


def test_sync_by_four_people_at_once_makes_one_project_with_each_picture_once(running):
    project = running.project(count=40, annotators=0)
    pictures = running.pictures(project)
    with ThreadPoolExecutor(4) as pool:
        folders = [running.folder(project) / str(person) / LOGINS for person in range(4)]
        runs = [
            pool.submit(sync, running.server, project, pictures, folder, running.said.append)
            for folder in folders
        ]
        ids = {run.result().project_id for run in runs}
    assert [each["id"] for each in same_projects(running.server, project)] == list(ids)
    found = list(tasks(running.server, ids.pop(), "id,data"))
    assert sorted(task["data"]["name"] for task in found) == [
        each.name for each in pictures.pictures
    ]


def test_import_that_somebody_else_makes_at_the_same_moment_leaves_no_doubles(
    running, answer, monkeypatch
):
    project = running.project(count=6, annotators=0)
    synced = running.sync(project)
    every = list(there(running, synced).values())
    # The other person's import lands between our look and ours: all tasks are there twice.
    body = [{"data": task["data"]} for task in every]
    running.server.send("POST", f"api/projects/{synced.project_id}/import", body)
    found = running.server.get(f"api/projects/{synced.project_id}/")
    doubled = project_tasks(running.server, found)
    assert len(doubled) == 12
    changes.remove_doubles(running.server, found, doubled, running.said.append)
    kept = project_tasks(running.server, found)
    assert [task.id for task in kept] == [task["id"] for task in every]


def test_sync_elsewhere_makes_no_second_password_for_an_account(running, tmp_path):
    project = running.project(count=1, annotators=2)
    first = running.sync(project)
    pictures = running.pictures(project)
    other = sync(running.server, project, pictures, tmp_path / LOGINS, running.said.append)
    assert other.project_id == first.project_id
    assert other.logins == ()
    more = edited(project, annotators=3)
    other = sync(running.server, more, pictures, tmp_path / LOGINS, running.said.append)
    assert [each.label for each in other.logins] == ["annotator-3"]
    assert session_key(running.server, other.logins[0])


def test_sync_makes_log_ins_for_a_list_of_people(running):
    project = running.project(count=1, annotators=["Anna", "ben@lab.example"])
    synced = running.sync(project)
    emails = [each.email for each in synced.logins]
    assert emails == [f"anna@{project.name}.local", "ben@lab.example"]
    for login in synced.logins:
        assert session_key(running.server, login)


@pytest.mark.parametrize("where", ["embedded", "remote"])
def test_sync_shows_the_prepared_copy_and_keeps_the_original_identity(running, where):
    project = running.project(count=1, annotators=0)
    Image.new("CMYK", (90, 60), (0, 200, 200, 0)).save(project.pictures / "cmyk #1 é.jpg")
    server = running.server if where == "embedded" else remote(running)
    synced = running.sync(project, server)
    task = there(running, synced)["cmyk #1 é.jpg"]
    picture = next(each for each in running.pictures(project).pictures if each.prepared is not None)
    assert task["data"]["image_id"] == picture.image_id
    key = session_key(running.server, Login(*admin_of(running)))
    address = running.server.url.rstrip("/") + task["data"]["image"]
    shown = httpx.get(address, headers={"Authorization": f"Token {key}"}, trust_env=False)
    assert shown.status_code == 200
    assert shown.content == (project.prepared / picture.prepared).read_bytes()


def admin_of(running):
    path = running.workspace.root / "outputs" / "label-studio" / "admin.json"
    content = json.loads(path.read_text())
    return content["email"], content["password"]


@pytest.mark.parametrize("where", ["embedded", "remote"])
def test_sync_with_another_long_side_shows_others_and_keeps_the_answers(running, answer, where):
    project = running.project(count=0, annotators=0)
    project.pictures.mkdir(parents=True, exist_ok=True)
    Image.effect_noise((200, 120), 50).save(project.pictures / "a.png")
    server = running.server if where == "embedded" else remote(running)
    synced = running.sync(project, server)
    before = there(running, synced)["a.png"]
    give(running, before, answer())
    smaller = edited(project, long_side=100)
    assert planned(running, smaller, server).changes == (
        "1 picture is shown from another file; the answers stay.",
    )
    running.sync(smaller, server)
    assert planned(running, smaller, server).changes == ()
    (after,) = tasks(running.server, synced.project_id, "id,data,total_annotations")
    assert (after["id"], after["total_annotations"]) == (before["id"], 1)
    assert after["data"]["image"] != before["data"]["image"]
    running.sync(project, server)
    assert planned(running, project, server).changes == ()


def test_sync_with_two_projects_of_one_title_and_no_memory_refuses_to_choose(running, tmp_path):
    project = running.project(annotators=0)
    synced = running.sync(project)
    made = running.server.get(f"api/projects/{synced.project_id}/")
    copy = {key: made[key] for key in ("title", "description", "label_config")}
    other = running.server.send("POST", "api/projects/", copy)
    pictures = running.pictures(project)
    empty = plan(running.server, project, pictures, tmp_path / LOGINS)
    assert empty.found["id"] == synced.project_id
    task = {"data": {"image": "x", "image_id": "sha256:x", "name": "x"}}
    running.server.send("POST", f"api/projects/{other['id']}/import", [task])
    assert running.sync(project).project_id == synced.project_id
    with pytest.raises(ServerError, match=r"'Project test\d+' more than once \(ids \d+, \d+\)"):
        plan(running.server, project, pictures, tmp_path / LOGINS)
