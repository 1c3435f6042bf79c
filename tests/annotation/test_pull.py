"""The pull against a real server: what only the real one shows."""

import json
import random
import shutil
import subprocess
import sys
import threading
import time

import pytest
from pyarrow import parquet

from qreasoning.annotation.accounts import session_key
from qreasoning.annotation.answers import write_results
from qreasoning.annotation.client import Server, tasks
from qreasoning.annotation.collected import pull_project, rebuild
from qreasoning.annotation.derived import HISTORY, TABLE
from qreasoning.annotation.log import LOG, Log
from qreasoning.annotation.server import embedded
from qreasoning.annotation.states import INCLUDE
from qreasoning.annotation.sync import sync
from qreasoning.workspace import cache_folder

pytestmark = pytest.mark.server


class Campaign:
    """A project on the server, and its first annotator."""

    def __init__(self, running, count=2, people=2):
        self.running = running
        self.project = running.project(count=count, annotators=people)
        self.synced = running.sync(self.project)
        self.folder = running.folder(self.project)
        self.log = Log(self.folder)
        self.keys = [session_key(running.server, login) for login in self.synced.logins]
        self.own = Server(running.server.url, self.keys[0], loopback=True)
        self.tasks = [task["id"] for task in tasks(self.own, self.synced.project_id, "id")]

    def pull(self):
        return pull_project(self.running.server, self.project, self.synced, self.log)

    def answer(self, task, answer, server=None, **more):
        body = {"result": write_results(answer), "lead_time": 4.0, **more}
        return (server or self.own).send("POST", f"api/tasks/{task}/annotations/", body)["id"]

    def truth(self):
        emails = {user["id"]: user["email"] for user in self.running.server.get("api/users/")}
        raws = [
            (raw["updated_at"], raw["id"], task["data"]["image_id"], raw)
            for task in tasks(self.running.server, self.synced.project_id, INCLUDE)
            for raw in task["annotations"]
            if not raw["was_cancelled"]
        ]
        return {
            (image_id, emails[raw["completed_by"]]): text(raw["result"])
            for _, _, image_id, raw in sorted(raws, key=lambda each: each[:2])
        }

    def table(self):
        rows = parquet.read_table(self.folder / TABLE).to_pylist()
        return {(row["image_id"], row["annotator"]): row["caption"] for row in rows}

    def history(self):
        rows = parquet.read_table(self.folder / HISTORY).to_pylist()
        return [(row["caption"], row["reason"]) for row in rows]


def text(result):
    return next(each["value"]["text"][0] for each in result if each["from_name"] == "caption")


def test_pull_shows_every_kind_of_change_and_keeps_the_history(running, answer):
    campaign = Campaign(running)
    one, two = campaign.tasks
    number = campaign.answer(one, answer(caption="The first text."))
    steps = []

    def step(expected):
        pulled, _ = campaign.pull()
        assert campaign.table() == campaign.truth()
        steps.append((pulled.appended, expected))

    step("created")
    edited = {"result": write_results(answer(caption="The edited text."))}
    campaign.own.send("PATCH", f"api/annotations/{number}/", edited)
    step("edited")
    foreign = {"result": write_results(answer(caption="Edited by the admin."))}
    running.server.send("PATCH", f"api/annotations/{number}/", foreign)
    pulled, now = campaign.pull()
    assert [row.annotation.labels for row in now.rows] == [("edited by someone else",)]
    campaign.answer(two, answer(caption="A skipped one."), was_cancelled=True)
    step("skipped")
    campaign.own.send("DELETE", f"api/annotations/{number}/")
    step("deleted")
    campaign.answer(one, answer(caption="Written once more."), ground_truth=True)
    step("again")
    running.server.send("DELETE", f"api/tasks/{one}/")
    pulled, _ = campaign.pull()
    assert pulled.notes[0].startswith("1 answers went with tasks")
    assert running.sync(campaign.project).imported == 1
    step("imported again")
    assert [count for count, _ in steps] == [1, 1, 1, 1, 1, 0]
    assert campaign.table() == {}
    assert campaign.history() == [
        ("The first text.", "edited later"),
        ("The edited text.", "edited later"),
        ("Edited by the admin.", "deleted"),
        ("A skipped one.", "skipped"),
        ("Written once more.", "task deleted"),
    ]
    before = {name: (campaign.folder / name).read_bytes() for name in (TABLE, HISTORY)}
    for name in before:
        (campaign.folder / name).unlink()
    rebuild(campaign.project, Log(campaign.folder))
    assert {name: (campaign.folder / name).read_bytes() for name in before} == before


def test_pull_keeps_the_drafts_of_every_annotator(running, answer):
    campaign = Campaign(running, count=1)
    (task,) = campaign.tasks
    draft = {"result": write_results(answer(caption="A half written text.")), "lead_time": 3.0}
    campaign.own.send("POST", f"api/tasks/{task}/drafts", draft)
    pulled, now = campaign.pull()
    assert (pulled.appended, pulled.notes) == (1, ())
    (past,) = now.history
    assert (past.reason, past.row.annotation.caption) == ("draft", "A half written text.")
    assert past.row.annotation.annotator == campaign.synced.logins[0].email
    assert campaign.pull()[0].appended == 0
    assert campaign.table() == {}


def test_pull_while_three_people_write_ends_at_what_the_server_has(running, answer):
    campaign = Campaign(running, count=6, people=3)
    done = threading.Event()

    def work(number):
        own = Server(running.server.url, campaign.keys[number], loopback=True)
        chance, mine = random.Random(number), []
        while not done.is_set():
            written = answer(caption=f"Text {number} {chance.random()}")
            if len(mine) < 3 or chance.random() < 0.5:
                mine.append(campaign.answer(chance.choice(campaign.tasks), written, own))
            elif chance.random() < 0.5:
                body = {"result": write_results(written)}
                own.send("PATCH", f"api/annotations/{chance.choice(mine)}/", body)
            else:
                own.send("DELETE", f"api/annotations/{mine.pop()}/")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        appended = sum(campaign.pull()[0].appended for _ in range(4))
    finally:
        done.set()
        for thread in threads:
            thread.join()
    appended += campaign.pull()[0].appended
    assert campaign.table() == campaign.truth()
    assert appended == len((campaign.folder / LOG).read_bytes().splitlines())


PROGRAM = """
import sys
from pathlib import Path
from qreasoning.annotation.client import Server
from qreasoning.annotation.log import Log
from qreasoning.annotation.store import pull
url, key, project, place, folder = sys.argv[1:]
server = Server(url, key, loopback=True)
print("ready", flush=True)
while True:
    pull(server, int(project), place, Log(Path(folder)), "f")
    Path(folder, "pull.json").unlink()
"""


def test_pull_killed_at_any_instant_is_finished_by_the_next(running, answer):
    campaign = Campaign(running, count=4, people=1)
    for task in campaign.tasks:
        campaign.answer(task, answer(caption=f"About task {task}."))
    arguments = [running.server.url, campaign.keys[0], campaign.synced.project_id]
    arguments += [campaign.synced.place, campaign.folder]
    chance = random.Random(2)
    for _ in range(3):
        (campaign.folder / LOG).unlink(missing_ok=True)
        command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"ready\n"
        time.sleep(chance.uniform(0, 0.5))
        process.kill()
        process.wait()
        process.stdout.close()
        campaign.log = Log(campaign.folder)
        campaign.pull()
        lines = (campaign.folder / LOG).read_bytes().splitlines()
        assert len({json.loads(line)["id"] for line in lines}) == len(lines) == 4
        assert campaign.table() == campaign.truth()


def test_pull_from_a_database_set_back_says_so_and_keeps_the_answers(
    study, write_project, paint, answer
):
    project = write_project(study, "p", annotators=1)
    paint(project.pictures, 2)
    from qreasoning.annotation.pictures import collect

    folder = study.annotations / "p"
    pictures = collect(project, folder / "pictures.json", print)
    data = study.root / "outputs" / "label-studio"
    log = Log(folder)

    def work(*captions):
        with embedded(data, project.document_root, cache_folder(), print) as server:
            synced = sync(server, project, pictures, folder / "logins.csv", print)
            there = [task["id"] for task in tasks(server, synced.project_id, "id")]
            for task, caption in zip(there, captions, strict=False):
                body = {"result": write_results(answer(caption=caption)), "lead_time": 4.0}
                server.send("POST", f"api/tasks/{task}/annotations/", body)
            pulled, now = pull_project(server, project, synced, log)
            return pulled.notes, sorted(row.annotation.caption for row in now.rows)

    assert work("Before the backup.") == ((), ["Before the backup."])
    database = data / "label_studio.sqlite3"
    shutil.copy(database, study.root / "backup")
    notes, captions = work("Newer, by the same.", "After the backup.")
    assert (notes, captions) == ((), ["After the backup.", "Newer, by the same."])
    shutil.copy(study.root / "backup", database)
    notes, captions = work()
    assert "The server was set back to an older backup: 2 answers" in notes[0]
    assert captions == ["After the backup.", "Newer, by the same."]
