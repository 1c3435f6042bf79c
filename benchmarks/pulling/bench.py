"""A real Label Studio of its own in a temporary folder, projects on it, and pulls from them.

The answers have every field filled in, with words whose frequencies fall as in natural language.
"""

import json
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path

from pyarrow import parquet

from qreasoning.annotation.accounts import logins, make_accounts, session_key
from qreasoning.annotation.answers import Answer, write_results
from qreasoning.annotation.client import Server, tasks
from qreasoning.annotation.collected import rebuild
from qreasoning.annotation.interface import form_version, form_xml
from qreasoning.annotation.log import Log
from qreasoning.annotation.project import load_project
from qreasoning.annotation.server import embedded
from qreasoning.annotation.states import INCLUDE
from qreasoning.annotation.store import pull
from qreasoning.files import write_text
from qreasoning.workspace import Workspace, cache_folder, make_study

WRITERS = 6
VOCABULARY = [f"word{number}" for number in range(8000)]
WEIGHTS = list(accumulate(1 / (1 + number) for number in range(8000)))


@contextmanager
def bench(seed: int) -> Iterator["Bench"]:
    """A server in a temporary folder, and an empty study beside it."""
    with tempfile.TemporaryDirectory() as name:
        study = make_study(Path(name) / "study")
        with embedded(study.root / "data", study.root, cache_folder(), print) as server:
            yield Bench(study, server, seed)


class Bench:
    """One server, its people, and the projects on it."""

    def __init__(self, study: Workspace, server: Server, seed: int) -> None:
        self.study, self.server = study, server
        (study.root / "pictures").mkdir()
        settings = {"title": "Bench", "images": "pictures", "annotators": WRITERS}
        write_text(study.root / "annotation" / "bench.yaml", json.dumps(settings))
        self.project = load_project("bench", study)
        self.form = form_version(self.project.dimensions)
        self.random = random.Random(seed)
        self.folders = 0
        self.key = json.loads((study.root / "data" / "admin.json").read_text())["token"]
        file = study.root / "logins.csv"
        people = logins(file, "bench", WRITERS)
        make_accounts(server, people, file, people)
        self.emails = {user["id"]: user["email"] for user in server.get_list("api/users/")}
        self.keys = [session_key(server, login) for login in people]

    def text(self, count: int) -> str:
        return " ".join(self.random.choices(VOCABULARY, cum_weights=WEIGHTS, k=count))

    def result(self) -> list:
        """An answer as the form sends it."""
        ids = self.project.dimensions.ids
        stars = {each: self.random.randint(1, 5) for each in ids}
        notes = {each: self.text(6) for each in ids}
        return write_results(Answer(stars, notes, self.text(20), self.text(60), 3))

    def fill(self, count: int, answers: int) -> int:
        """A project with `count` tasks, each answered by `answers` people."""
        body = {"title": f"Bench {count}", "label_config": form_xml(self.project.dimensions)}
        project_id = self.server.send("POST", "api/projects/", body)["id"]
        ids = [number for number, email in self.emails.items() if "bench" in email]
        for start in range(0, count, 500):
            batch = []
            for number in range(start, min(start + 500, count)):
                data = {"image": "/x.png", "image_id": f"sha256:{number}", "name": f"{number}.png"}
                given = [
                    {
                        "result": self.result(),
                        "completed_by": ids[(number + each) % len(ids)],
                        "ground_truth": False,
                        "lead_time": 20.0,
                    }
                    for each in range(answers)
                ]
                batch.append({"data": data, "annotations": given})
            self.server.send("POST", f"api/projects/{project_id}/import", batch)
        return int(project_id)

    def folder(self) -> Path:
        """A new folder for a log."""
        self.folders += 1
        return self.study.root / "outputs" / "pulled" / str(self.folders)

    def take(self, project_id: int, log: Log, before=None):
        """Pull, and write the tables."""
        pulled = pull(self.server, project_id, "here", log, self.form)
        return pulled, rebuild(self.project, log, before)

    def change(self, page: list, count: int) -> None:
        """Edit the first answers of some of the tasks in `page`."""
        for task in self.random.sample(page, count):
            path = f"api/annotations/{task['annotations'][0]['id']}/"
            self.server.send("PATCH", path, {"result": self.result()})

    def truth(self, project_id: int) -> dict:
        """The newest answer that counts of each picture and annotator, as the server has it."""
        found = [
            (raw["updated_at"], raw["id"], task["data"]["image_id"], raw)
            for task in tasks(self.server, project_id, INCLUDE)
            for raw in task["annotations"]
            if not raw["was_cancelled"]
        ]
        return {
            (image_id, self.emails[raw["completed_by"]]): caption(raw["result"])
            for _, _, image_id, raw in sorted(found, key=lambda each: each[:2])
        }


def caption(result: list) -> str:
    return next(each["value"]["text"][0] for each in result if each["from_name"] == "caption")


def table(folder: Path) -> dict:
    """The captions of the pulled table, by picture and annotator."""
    rows = parquet.read_table(folder / "table.parquet").to_pylist()
    return {(row["image_id"], row["annotator"]): row["caption"] for row in rows}
