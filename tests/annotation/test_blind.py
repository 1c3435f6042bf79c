"""Blind projects on a real server: one project for each annotator, merged by picture."""

import json
from dataclasses import replace

import pytest
from pyarrow import parquet

from qreasoning.annotation.accounts import session_key
from qreasoning.annotation.blind import found_project, plan_project
from qreasoning.annotation.client import tasks
from qreasoning.annotation.items import ITEMS, read_items
from qreasoning.annotation.run import LOGINS
from qreasoning.annotation.submit import Submission, submit_answers
from qreasoning.errors import DataError, SettingsError

pytestmark = pytest.mark.server

BLIND = {
    "annotators": ["anna", "ben"],
    "blind": True,
    "repeats": {"share": 0.2, "distance": 2},
    "gold": "gold.csv",
}


@pytest.fixture
def blind(running):
    """A blind project with a gold picture, as yet on no server."""
    (running.workspace.root / "gold.csv").write_text(
        "name,field,low,high\npicture 03.png,overall,4,5\npicture 03.png,noise,1,1\n"
    )
    return running.project(count=6, **BLIND)


def answer_all(running, project, synced, answer, stars=lambda item: 4):
    """Everybody answers all that they are shown; each item with `stars` overall."""
    items = read_items(running.folder(project))
    for part in synced.each:
        person = part.desk.person
        login = next(each for each in synced.logins if each.email == person)
        given = {
            item.id: Submission(answer(overall=stars(item)), 20.0 + item.repeat)
            for item in items[person]
        }
        submit_answers(running.server, login, part.project_id, given, running.said.append)


@pytest.fixture
def synced(running, blind):
    return running.sync(blind)


def test_blind_annotators_have_a_project_each_whose_tasks_tell_nothing(running, blind, synced):
    folder = running.folder(blind)
    items = read_items(folder)
    assert [part.desk.label for part in synced.parts] == ["anna", "ben"]
    assert len({part.project_id for part in synced.parts}) == 2
    secrets = ["sha256", "picture", "gold", "repeat", "noise", "03"]
    for part in synced.parts:
        there = list(tasks(running.server, part.project_id, "id,data,meta"))
        mine = items[part.desk.person]
        # Six pictures, and of the five ordinary ones one once more.
        assert (len(mine), sum(item.repeat for item in mine)) == (7, 1)
        assert [task["data"]["item"] for task in there] == [item.id for item in mine]
        for task in there:
            assert set(task["data"]) == {"image", "item"}
            assert task["meta"] in (None, {})
            opaque = task["data"]["image"].replace(blind.slug, "")
            assert not [
                each for each in secrets if each in opaque.replace(task["data"]["item"], "")
            ]
        made = running.server.get(f"api/projects/{part.project_id}/")
        assert made["title"] == f"Project {blind.name} · {part.desk.label}"
        assert made["sampling"] == "Sequential sampling"
        assert made["maximum_annotations"] == 1


def test_blind_pictures_open_under_their_opaque_addresses(running, blind, synced):
    import httpx

    part = synced.parts[0]
    task = next(tasks(running.server, part.project_id, "id,data"))
    item = read_items(running.folder(blind))[part.desk.person][0]
    login = next(each for each in synced.logins if each.email == part.desk.person)
    key = {"Authorization": f"Token {session_key(running.server, login)}"}
    found = httpx.get(running.server.url + task["data"]["image"].lstrip("/"), headers=key)
    assert found.status_code == 200
    assert found.content == (blind.pictures / item.unit.name).read_bytes()


def test_blind_answers_are_merged_by_picture_with_repeats_apart(running, blind, synced, answer):
    answer_all(running, blind, synced, answer, stars=lambda item: 2 if item.repeat else 4)
    appended, now = running.pull(blind, synced)
    assert appended == 14
    assert len(now.rows) == 12
    assert {row.annotation.overall for row in now.rows} == {4}
    rows = parquet.read_table(running.folder(blind) / "table.parquet").to_pylist()
    assert len({(row["image_id"], row["annotator"]) for row in rows}) == len(rows) == 12
    labels = {row["name"]: row["labels"] for row in rows}
    assert labels.pop("picture 03.png") == ["gold"]
    assert set(map(tuple, labels.values())) == {()}
    pairs = parquet.read_table(running.folder(blind) / "repeats.parquet").to_pylist()
    assert [(row["overall_first"], row["overall_second"]) for row in pairs] == [(4, 2), (4, 2)]
    assert {row["annotator"].partition("@")[0] for row in pairs} == {"anna", "ben"}
    assert [(row["seconds_first"], row["seconds_second"]) for row in pairs] == [(20, 21)] * 2
    assert running.pull(blind, synced)[0] == 0


def test_blind_again_changes_nothing_and_a_new_picture_comes_last(running, blind, synced, paint):
    before = read_items(running.folder(blind))
    logins = running.folder(blind) / LOGINS
    pictures = running.pictures(blind)
    none = plan_project(running.server, blind, pictures, logins, running.said.append)
    assert none == ((), ())
    again = running.sync(blind)
    assert [part.project_id for part in again.parts] == [p.project_id for p in synced.parts]
    assert again.imported == 0
    paint(blind.pictures / "later", 1, seed=99)
    changes, refused = plan_project(
        running.server, blind, running.pictures(blind), logins, running.said.append
    )
    assert changes == ("anna: 1 picture is imported.", "ben: 1 picture is imported.")
    assert refused == ()
    assert read_items(running.folder(blind)) == before
    running.sync(blind)
    for part in synced.parts:
        mine = read_items(running.folder(blind))[part.desk.person]
        assert mine[:7] == before[part.desk.person]
        assert mine[-1].unit.name == "later/picture 00.png"
        there = list(tasks(running.server, part.project_id, "id,data"))
        assert [task["data"]["item"] for task in there] == [item.id for item in mine]


def test_blind_picture_with_answers_that_leaves_is_refused_for_everybody(
    running, blind, synced, answer
):
    answer_all(running, blind, synced, answer)
    (blind.pictures / "picture 01.png").unlink()
    before = (running.folder(blind) / ITEMS).read_bytes()
    with pytest.raises(DataError, match=r"the first is picture 01\.png: take back"):
        running.sync(blind)
    assert (running.folder(blind) / ITEMS).read_bytes() == before


def test_blind_annotator_who_leaves_keeps_the_answers(running, blind, synced, answer):
    answer_all(running, blind, synced, answer)
    changed = replace(
        blind,
        file=blind.file.model_copy(update={"annotators": ("ben", "zoe"), "exclude": ("anna",)}),
        excluded=frozenset({f"anna@{blind.name}.local"}),
    )
    again = running.sync(changed)
    assert [part.desk.label for part in again.parts] == ["ben", "zoe", "anna"]
    _, now = running.pull(changed, again)
    people = {row.annotation.annotator.partition("@")[0] for row in now.rows}
    assert people == {"anna", "ben"}
    for row in now.rows:
        assert ("excluded" in row.annotation.labels) == row.annotation.annotator.startswith("anna")
    there = found_project(running.server, changed, running.folder(blind))
    assert [part.project_id for part in there.parts] == [p.project_id for p in again.parts]


def test_blind_project_whose_plan_is_lost_is_refused(running, blind, synced):
    (running.folder(blind) / ITEMS).unlink()
    with pytest.raises(DataError, match=r"has 7 tasks that are not in outputs/annotations/.*copy"):
        running.sync(blind)


def test_excluded_blind_annotator_is_asked_for_no_more_and_replaced(running, answer):
    people = {"annotators": ["anna", "ben", "zoe"], "blind": True, "annotators_per_image": 2}
    project = running.project(count=6, **people)
    before = running.sync(project)
    assert [len(part) for part in read_items(running.folder(project)).values()] == [4, 4, 4]
    email = before.parts[0].desk.person
    changed = replace(project, excluded=frozenset({email}))
    after = running.sync(changed)
    assert [part.desk.label for part in after.parts] == ["ben", "zoe", "anna"]
    items = read_items(running.folder(project))
    assert [len(mine) for mine in items.values()] == [4, 6, 6]


def test_gold_picture_that_is_none_of_the_projects_is_said(running, blind):
    other = replace(blind, gold={"nowhere.png": {"overall": (1, 2)}})
    with pytest.raises(SettingsError, match=r"'gold' names nowhere\.png, which is none of"):
        running.sync(other)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"gold": "gold.csv"}, "'gold' needs an order for each annotator, set blind: true"),
        ({"blind": True, "annotators": 0}, "a blind project needs to know its annotators"),
        ({"blind": True, "annotators": ["a"]}, "'annotators_per_image' is 2, but there are 1"),
        ({"kind": "judge"}, "kind: judge needs 'judge', what is judged"),
        ({"judge": {"predictions": ["a/b"]}}, "kind: annotate has no 'judge'"),
        ({"kind": "judge", "judge": {}}, "neither 'predictions' nor 'humans' is given"),
    ],
)
def test_campaign_settings_that_cannot_be_are_said(study, write_project, settings, problem):
    with pytest.raises(SettingsError) as error:
        write_project(study, "p", **settings)
    assert problem in str(error.value)
    assert json.loads((study.root / "annotation" / "p.yaml").read_text())["title"] == "Project p"
