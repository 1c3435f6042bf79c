"""What happens to a real Label Studio under a campaign, and a pull that dies anywhere."""

import importlib.util
import json
from pathlib import Path

import pytest

from qreasoning.annotation.accounts import session_key
from qreasoning.annotation.answers import write_results
from qreasoning.annotation.client import Server, tasks
from qreasoning.annotation.log import LOG
from qreasoning.annotation.run import annotate
from qreasoning.annotation.server import embedded
from qreasoning.workspace import cache_folder, make_study

pytestmark = pytest.mark.server

# The tests' folders are no packages.
_spec = importlib.util.spec_from_file_location(
    "annotation_fixtures", Path(__file__).parents[1] / "annotation" / "conftest.py"
)
_there = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_there)
running, answer, dimensions = _there.running, _there.answer, _there.dimensions

LOAD = [
    *("qreasoning.annotation.commands", "qreasoning.annotation.collected", "label_studio_sdk"),
    *("httpx", "pyarrow.parquet", "qreasoning.annotation.status_page", "rich.table"),
]


class Campaign:
    """A study of a team that works on the session's server, with one annotator."""

    def __init__(self, running, folder, name, count=3):
        self.admin = running.server
        self.study = make_study(folder / "study")
        self.project = _there.write_and_load(self.study, name, annotators=1)
        _there.paint_pictures(self.project.pictures, count, seed=hash(name) % 1000)
        token = json.loads((running.workspace.label_studio / "admin.json").read_text())["token"]
        self.environ = {"LABEL_STUDIO_URL": running.server.url, "LABEL_STUDIO_API_KEY": token}
        self.said = []

    def annotate(self):
        """One round of `qr annotate`; how many states it added."""
        options = {"once": True, "say": self.said.append, "show": lambda _: None}
        report = annotate(self.project.name, self.study, environ=self.environ, **options)
        self.folder = report.folder
        return report.appended

    @property
    def id(self):
        found = self.admin.get("api/projects/", title=self.project.file.title)["results"]
        return found[0]["id"]

    def answer(self, answer, count, **parts):
        rows = (self.folder / "logins.csv").read_text().splitlines()[1:]
        login = next(
            each
            for each in _there.logins(self.folder / "logins.csv", self.project.name, 0)
            if each.email in rows[0]
        )
        own = Server(self.admin.url, session_key(self.admin, login), loopback=True)
        body = {"result": write_results(answer(**parts)), "lead_time": 4.0}
        for task in list(tasks(own, self.id, "id"))[:count]:
            own.send("POST", f"api/tasks/{task['id']}/annotations/", body)

    def rows(self):
        from pyarrow import parquet

        return parquet.read_table(self.folder / "table.parquet").to_pylist()

    def lines(self):
        return (self.folder / LOG).read_bytes()


@pytest.fixture
def campaign(running, tmp_path, request):
    made = Campaign(running, tmp_path, f"c{abs(hash(request.node.name)) % 10**8}")
    made.annotate()
    return made


@pytest.fixture
def answered(campaign, answer):
    """A study whose last pull was before two more answers."""
    campaign.answer(answer, 1)
    campaign.annotate()
    campaign.answer(answer, 3, caption="A second look at the red door.")
    return campaign


def pull_dies(answered, die_everywhere, **how):
    command = ["annotate", "pull", "--project", answered.project.name]
    clock, environ = "2027-01-01T00:00:00+00:00", answered.environ
    root = answered.study.root
    die_everywhere("pull", root, command, load=LOAD, clock=clock, environ=environ, **how)


def test_pull_that_dies_at_a_sample_of_places_is_finished_by_the_next(answered, die_everywhere):
    pull_dies(answered, die_everywhere, most=3, kills=1)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_pull_that_dies_anywhere_is_finished_by_the_next(answered, die_everywhere):
    pull_dies(answered, die_everywhere, kills=20)


def test_project_deleted_and_made_anew_keeps_the_answers(campaign, answer, tried):
    campaign.answer(answer, 3, caption="Before it was deleted.")
    campaign.annotate()
    before = campaign.lines()
    old = campaign.id
    campaign.admin.send("DELETE", f"api/projects/{old}/")
    campaign.annotate()
    assert campaign.id != old
    assert campaign.lines() == before
    assert {row["caption"] for row in campaign.rows()} == {"Before it was deleted."}
    campaign.answer(answer, 1, caption="After it was made anew.")
    campaign.annotate()
    assert campaign.lines().startswith(before)
    captions = sorted(row["caption"] for row in campaign.rows())
    assert captions == ["After it was made anew.", *["Before it was deleted."] * 2]
    tried("annotate", "project deleted and made anew")


def test_tasks_deleted_are_made_anew_and_their_answers_stay_in_the_history(campaign, answer, tried):
    campaign.answer(answer, 3)
    campaign.annotate()
    before = campaign.lines()
    first = next(iter(tasks(campaign.admin, campaign.id, "id")))["id"]
    campaign.admin.send("DELETE", f"api/tasks/{first}/")
    campaign.annotate()
    assert campaign.lines().startswith(before)
    assert len(campaign.rows()) == 2
    assert len(list(tasks(campaign.admin, campaign.id, "id"))) == 3
    assert any("went with tasks" in said for said in campaign.said)
    tried("annotate", "task deleted")


def test_annotator_whose_account_is_removed_stays_the_author(campaign, answer, tried):
    campaign.answer(answer, 3)
    campaign.annotate()
    (author,) = {row["annotator"] for row in campaign.rows()}
    before = campaign.lines()
    people = {user["email"]: user["id"] for user in campaign.admin.get("api/users/")}
    campaign.admin.send("DELETE", f"api/users/{people[author]}/")
    campaign.annotate()
    assert campaign.lines().startswith(before)
    assert {row["annotator"] for row in campaign.rows()} == {author}
    assert len(campaign.rows()) == 3
    tried("annotate", "annotator removed")


def test_server_restarted_goes_on(tmp_path, answer, tried):
    study = make_study(tmp_path / "study")
    project = _there.write_and_load(study, "r", annotators=1)
    _there.paint_pictures(project.pictures, 2)
    options = {"once": True, "say": lambda _: None, "show": lambda _: None, "environ": {}}
    annotate("r", study, **options)
    place = study.label_studio, project.document_root, cache_folder(), lambda _: None
    with embedded(*place) as server:
        (login,) = _there.logins(study.annotations / "r" / "logins.csv", "r", 0)
        own = Server(server.url, session_key(server, login), loopback=True)
        (found,) = server.get("api/projects/", title=project.file.title)["results"]
        for task in tasks(own, found["id"], "id"):
            body = {"result": write_results(answer()), "lead_time": 4.0}
            own.send("POST", f"api/tasks/{task['id']}/annotations/", body)
    report = annotate("r", study, **options)
    assert (report.imported, report.appended) == (0, 2)
    assert annotate("r", study, **options).appended == 0
    tried("annotate", "server restarted")
