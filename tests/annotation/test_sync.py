"""Against a real server: what is made on it, once, and what is pulled from it."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest

from qreasoning.annotation.accounts import Login, logins, make_accounts, session_key
from qreasoning.annotation.answers import write_results
from qreasoning.annotation.client import Server, tasks
from qreasoning.annotation.instructions import instructions_html
from qreasoning.annotation.interface import form_xml
from qreasoning.annotation.run import LOGINS
from qreasoning.annotation.submit import Submission, submit_answers
from qreasoning.errors import DataError, ServerError

pytestmark = pytest.mark.server


def all_tasks(running, synced):
    return list(tasks(running.server, synced.project_id, "id,data,annotations,result"))


def submit(running, synced, submissions, person=0):
    login = synced.logins[person]
    return submit_answers(
        running.server, login, synced.project_id, submissions, running.said.append
    )


def test_sync_twice_leaves_one_project_with_each_picture_once(running):
    project = running.project(count=3, annotators=2)
    first = running.sync(project)
    log_ins = running.folder(project) / LOGINS
    written = log_ins.read_bytes()
    second = running.sync(project)
    assert (first.imported, second.imported) == (3, 0)
    assert second.project_id == first.project_id
    assert second.place == first.place
    found = {task["data"]["name"] for task in all_tasks(running, second)}
    assert found == {f"picture {number:02}.png" for number in range(3)}
    assert len(all_tasks(running, second)) == 3
    assert log_ins.read_bytes() == written
    assert stat.S_IMODE(log_ins.stat().st_mode) == 0o600
    storages = running.server.get("api/storages/localfiles", project=first.project_id)
    assert len(storages) == 1


def test_sync_makes_the_form_and_the_settings_of_the_file(running):
    project = running.project(annotators=0, annotators_per_image=3)
    synced = running.sync(project)
    made = running.server.get(f"api/projects/{synced.project_id}/")
    assert made["label_config"] == form_xml(project.dimensions, "1")
    assert made["maximum_annotations"] == 3
    told = instructions_html(project.guidelines, project.dimensions, project.consent, "1")
    assert made["expert_instruction"] == told
    assert made["show_instruction"] is False
    assert synced.logins == ()


def test_sync_after_a_change_of_the_file_updates_the_project(running):
    project = running.project(annotators=0)
    synced = running.sync(project)
    changed = replace(
        project,
        file=project.file.model_copy(update={"annotators_per_image": 5}),
        guidelines="Look *twice*.",
    )
    assert running.sync(changed).project_id == synced.project_id
    made = running.server.get(f"api/projects/{synced.project_id}/")
    assert made["maximum_annotations"] == 5
    assert "Look <em>twice</em>." in made["expert_instruction"]


def test_sync_imports_only_pictures_that_came_later(running, paint):
    project = running.project(count=2, annotators=0)
    running.sync(project)
    paint(project.pictures / "later", 1, seed=99)
    assert running.sync(project).imported == 1
    assert len(all_tasks(running, running.sync(project))) == 3


def test_sync_serves_the_pictures_to_annotators_and_to_nobody_else(running):
    project = running.project(count=1, annotators=1)
    synced = running.sync(project)
    (task,) = all_tasks(running, synced)
    address = running.server.url.rstrip("/") + task["data"]["image"]
    content = (project.pictures / "picture 00.png").read_bytes()
    key = session_key(running.server, synced.logins[0])
    with httpx.Client(trust_env=False) as client:
        shown = client.get(address, headers={"Authorization": f"Token {key}"})
        assert (shown.status_code, shown.content) == (200, content)
        assert client.get(address).status_code == 401
        beside = address.replace(f"{project.name}/originals/picture%2000.png", "beside/secret.txt")
        assert beside != address
        secret = project.document_root / "beside" / "secret.txt"
        secret.parent.mkdir(exist_ok=True)
        secret.write_text("not a picture of the project")
        hidden = client.get(beside, headers={"Authorization": f"Token {key}"})
        assert hidden.status_code == 404


def test_sync_to_a_remote_server_uploads_the_pictures_once(running):
    project = running.project(count=3, annotators=0)
    key = session_key(running.server, admin(running))
    remote = Server(running.server.url, key)
    assert running.sync(project, remote).imported == 3
    synced = running.sync(project, remote)
    assert synced.imported == 0
    found = all_tasks(running, synced)
    assert len(found) == 3
    for task in found:
        address = running.server.url.rstrip("/") + task["data"]["image"]
        shown = httpx.get(address, headers={"Authorization": f"Token {key}"}, trust_env=False)
        assert shown.content == (project.pictures / task["data"]["name"]).read_bytes()


def admin(running):
    path = running.workspace.root / "outputs" / "label-studio" / "admin.json"
    content = json.loads(path.read_text())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return Login(content["email"], content["password"])


def test_submitted_answers_are_pulled_as_they_were(running, answer):
    project = running.project(count=2, annotators=1)
    synced = running.sync(project)
    text = "A <b>\"red\"</b> &amp; 'blue'\n\ttwo  lines 清晰 🌈  "
    pictures = running.pictures(project).pictures
    given = {
        pictures[0].image_id: answer(caption=text, notes={"noise": text}),
        pictures[1].image_id: answer(reasoning=f"{text} because of the noise", overall=1),
    }
    submissions = {key: Submission(value, 61.25) for key, value in given.items()}
    assert submit(running, synced, submissions) == 2
    appended, now = running.pull(project, synced)
    assert appended == 2
    for row in now.rows:
        expected = given[row.annotation.image_id]
        found = row.annotation
        assert (found.caption, found.reasoning) == (expected.caption, expected.reasoning)
        assert (found.ratings, found.overall) == (expected.ratings, expected.overall)
        assert found.notes == {**dict.fromkeys(project.dimensions.ids), **expected.notes}
        assert (found.seconds, found.annotator) == (61.25, synced.logins[0].email)
        assert row.findings == ()


def test_pull_twice_appends_nothing_the_second_time(running, answer):
    project = running.project(count=1, annotators=1)
    synced = running.sync(project)
    (picture,) = running.pictures(project).pictures
    submit(running, synced, {picture.image_id: Submission(answer(), 3.0)})
    assert running.pull(project, synced)[0] == 1
    folder = running.folder(project)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert running.pull(project, synced)[0] == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert stat.S_IMODE((folder / "log.jsonl").stat().st_mode) == 0o600


def test_pull_follows_changes_and_deletions_and_keeps_the_history(running, answer):
    project = running.project(count=1, annotators=1)
    synced = running.sync(project)
    (picture,) = running.pictures(project).pictures
    submit(running, synced, {picture.image_id: Submission(answer(), 3.0)})
    running.pull(project, synced)
    (task,) = tasks(running.server, synced.project_id, "id,annotations")
    path = f"api/annotations/{task['annotations'][0]['id']}/"
    changed = answer(caption="Another caption with words.")
    running.server.send("PATCH", path, {"result": write_results(changed)})
    _, now = running.pull(project, synced)
    assert [row.annotation.caption for row in now.rows] == [changed.caption]
    running.server.send("DELETE", path)
    _, now = running.pull(project, synced)
    assert now.rows == ()
    lines = (running.folder(project) / "log.jsonl").read_text().splitlines()
    states = [json.loads(line) for line in lines]
    kept = [state["annotation"] and state["annotation"]["result"] for state in states]
    assert kept == [write_results(answer()), write_results(changed), None]


def test_pull_of_what_the_server_lets_through_lists_it_as_findings(running):
    project = running.project(count=1, annotators=0)
    synced = running.sync(project)
    (task,) = all_tasks(running, synced)
    bad = [{"from_name": "noise", "to_name": "image", "type": "rating", "value": {"rating": 99}}]
    running.server.send("POST", f"api/tasks/{task['id']}/annotations/", {"result": bad})
    _, now = running.pull(project, synced)
    assert "noise is no rating from 1 to 5 (99)" in now.rows[0].findings
    assert "empty caption" in now.rows[0].findings


def test_submit_again_leaves_answered_pictures_alone(running, answer):
    project = running.project(count=2, annotators=1)
    synced = running.sync(project)
    pictures = running.pictures(project).pictures
    first = {pictures[0].image_id: Submission(answer(), 1.0)}
    both = {each.image_id: Submission(answer(), 1.0) for each in pictures}
    assert [submit(running, synced, each) for each in (first, both, both)] == [1, 1, 0]
    assert len(running.pull(project, synced)[1].rows) == 2


def test_submit_by_three_annotators_at_once_keeps_every_answer(running, answer):
    project = running.project(count=4, annotators=3)
    synced = running.sync(project)
    pictures = running.pictures(project).pictures
    submissions = {each.image_id: Submission(answer(), 1.0) for each in pictures}
    with ThreadPoolExecutor(3) as pool:
        people = (pool.submit(submit, running, synced, submissions, person) for person in range(3))
        assert [each.result() for each in list(people)] == [4, 4, 4]
    _, now = running.pull(project, synced)
    assert len(now.rows) == 12
    assert {row.annotation.annotator for row in now.rows} == {
        login.email for login in synced.logins
    }
    assert now.replaced == 0


def test_submit_to_a_picture_that_is_not_there_names_it(running, answer):
    project = running.project(count=1, annotators=1)
    synced = running.sync(project)
    with pytest.raises(DataError, match=r"1 answers are to pictures .* first to sha256:none"):
        submit(running, synced, {"sha256:none": Submission(answer(), 1.0)})


def test_session_key_with_a_wrong_password_names_the_log_in(running):
    project = running.project(annotators=1)
    synced = running.sync(project)
    wrong = replace(synced.logins[0], password="wrong")
    with pytest.raises(ServerError, match=r"does not accept the log-in annotator-1@test\d+\.local"):
        session_key(running.server, wrong)


def test_make_accounts_that_the_server_refuses_names_the_file(running, tmp_path):
    weak = [Login("somebody@weak.local", "1")]
    with pytest.raises(ServerError, match=r"did not make the account somebody@weak\.local of"):
        make_accounts(running.server, weak, tmp_path / "logins.csv", weak)


def test_make_accounts_again_makes_none(running, tmp_path):
    file = tmp_path / "logins.csv"
    people = logins(file, "again", 2)
    made = [make_accounts(running.server, people, file, new) for new in (people, [])]
    assert made == [[login.email for login in people], []]
    assert logins(file, "again", 0) == people


def test_log_ins_of_accounts_that_somebody_else_made_meanwhile_leave_the_file(running, tmp_path):
    here, there = tmp_path / "here.csv", tmp_path / "there.csv"
    first = logins(here, "meanwhile", 1)
    make_accounts(running.server, first, here, first)
    late = logins(there, "meanwhile", 2)
    made = make_accounts(running.server, late, there, late)
    assert made == [late[1].email]
    assert logins(there, "meanwhile", 0) == [late[1]]


def test_another_project_with_the_same_title_is_not_touched(running, write_project):
    project = running.project(annotators=0)
    synced = running.sync(project)
    before = running.server.get(f"api/projects/{synced.project_id}/")
    settings = {"title": project.file.title, "images": str(project.pictures), "annotators": 0}
    other = write_project(running.workspace, f"other-{project.name}", **settings)
    assert running.sync(other).project_id != synced.project_id
    assert running.server.get(f"api/projects/{synced.project_id}/") == before
