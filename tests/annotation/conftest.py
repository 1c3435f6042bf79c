"""A real embedded Label Studio for the whole session, and projects to put on it."""

import itertools
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image

from qreasoning.annotation.accounts import LOGINS, logins
from qreasoning.annotation.answers import Answer, write_results
from qreasoning.annotation.blind import sync_project
from qreasoning.annotation.client import Server
from qreasoning.annotation.collected import pull_project
from qreasoning.annotation.desks import planned
from qreasoning.annotation.items import write_items
from qreasoning.annotation.log import Log, append_states
from qreasoning.annotation.pictures import KNOWN, collect
from qreasoning.annotation.project import load_project
from qreasoning.annotation.server import embedded
from qreasoning.dimensions import load_dimensions
from qreasoning.simulation.raters import DIMENSIONS, Study, rate
from qreasoning.workspace import Workspace, cache_folder, make_study, shipped


@pytest.fixture(scope="session")
def dimensions():
    """The shipped eight."""
    return load_dimensions(shipped() / "annotation" / "dimensions.yaml")


@pytest.fixture
def answer(dimensions):
    """Make an answer that keeps the rules; what is given replaces parts of it."""

    def make(**parts):
        ratings = {each: 1 + number % 5 for number, each in enumerate(dimensions.ids)}
        notes = dict.fromkeys(dimensions.ids)
        texts = {
            "caption": "A red door in a white wall.",
            "reasoning": "The edges are crisp and the colours true, so it is good.",
        }
        return Answer(**{"ratings": ratings, "notes": notes, "overall": 4, **texts, **parts})

    return make


@pytest.fixture
def paint():
    """Fill a folder with `count` different small pictures."""
    return paint_pictures


def paint_pictures(folder, count, side=48, seed=0):
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    for number in range(count):
        pixels = random.integers(0, 256, (side, side, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"picture {number:02}.png")
    return sorted(folder.iterdir())


@pytest.fixture
def write_project():
    """Write `annotation/<name>.yaml` of a study, and read it as a project."""
    return write_and_load


def write_and_load(workspace, name, **settings):
    content = {"title": f"Project {name}", "images": f"pictures/{name}", **settings}
    path = workspace.root / "annotation" / f"{name}.yaml"
    path.write_text(json.dumps(content), encoding="utf-8")
    return load_project(name, workspace)


@dataclass
class Running:
    """A server in a study of its own, on which every test makes its own project."""

    server: Server
    workspace: Workspace
    said: list[str] = field(default_factory=list)
    numbers: itertools.count = field(default_factory=itertools.count)

    def project(self, count=3, **settings):
        """A new project with `count` pictures of its own, not yet on the server."""
        number = next(self.numbers)
        name = f"test{number}"
        paint_pictures(self.workspace.root / "pictures" / name, count, seed=number)
        return write_and_load(self.workspace, name, **settings)

    def folder(self, project) -> Path:
        return self.workspace.annotations / project.slug

    def pictures(self, project):
        return collect(project, self.folder(project) / "pictures.json", self.said.append)

    def sync(self, project, server=None):
        server = server or self.server
        logins = self.folder(project) / LOGINS
        return sync_project(server, project, self.pictures(project), logins, self.said.append)

    def pull(self, project, synced):
        pulled, now = pull_project(self.server, project, synced, Log(self.folder(project)))
        return pulled.appended, now


@pytest.fixture(scope="session")
def running(tmp_path_factory):
    """The session's server; its environment is made in the user's cache on first use."""
    workspace = make_study(tmp_path_factory.mktemp("server") / "study")
    data = workspace.root / "outputs" / "label-studio"
    with embedded(data, workspace.root / "outputs" / "pictures", cache_folder(), print) as server:
        yield Running(server, workspace)


BEGAN = datetime(2026, 1, 1, 8, tzinfo=UTC)
WORDS = [f"word{number}" for number in range(400)]


def state(number, person, item, answer, seconds, when, desk=1, **raw):
    """A line of the log: an answer to an item of a blind project."""
    at = when.isoformat().replace("+00:00", "Z")
    unit = item.unit
    line = {
        "place": f"{desk}@then",
        "id": number,
        "task_id": number,
        "task_updated": at,
        "image_id": unit.image_id,
        "name": unit.name,
        "item": item.id,
        "repeat": item.repeat,
        "annotator": person,
        "form_version": "f",
        "origin": "server",
        "seen": "2026-02-01T00:00:00+00:00",
        "annotation": {
            "id": number,
            "result": write_results(answer) if isinstance(answer, Answer) else answer,
            "was_cancelled": False,
            "lead_time": seconds,
            "created_at": at,
            "updated_at": at,
            **raw,
        },
    }
    if unit.shown:
        line["judged"] = [vars(each) for each in unit.shown]
    return line


@pytest.fixture
def simulate():
    """Fill the log of a blind project with simulated answers."""
    return simulate_answers


@pytest.fixture
def judge():
    """Fill the log of a judges' project with simulated judgements."""
    return simulate_judges


def simulate_answers(project, folder, seed=0, share=1.0, study=None):
    """Fill the log of a blind project whose annotators are named after `raters.rate`'s.

    Repeats are answered as the first time, with a little noise. Returns the plan.
    """
    pictures = collect(project, folder / KNOWN, lambda _: None)
    items = planned(project, pictures, {}, lambda _: None)
    write_items(folder, items)
    logins(folder / LOGINS, project.name, list(items))
    study = study or Study(images=len(pictures.pictures))
    rated = {(each.image, each.annotator): each for each in rate(study, seed)}
    number_of = {each.image_id: at for at, each in enumerate(pictures.pictures)}
    random, lines, number = Random(seed), [], 0
    for desk, (person, mine) in enumerate(items.items()):
        label = person.partition("@")[0]
        for place, item in enumerate(mine[: round(share * len(mine))]):
            found = rated[f"{number_of[item.unit.image_id]:04}", label]
            stars = dict(found.ratings)
            if item.repeat:
                shift = {each: random.choice([-1, 0, 0, 0, 1]) for each in stars}
                stars = {each: min(5, max(1, value + shift[each])) for each, value in stars.items()}
            number += 1
            late = timedelta(days=30 if label == "copier" else 0, minutes=3 * place)
            caption, reasoning = (" ".join(random.choices(WORDS, k=count)) for count in (9, 20))
            overall = stars.pop("overall")
            answer = Answer(stars, dict.fromkeys(DIMENSIONS), caption, reasoning, overall)
            lines.append(
                state(number, person, item, answer, found.seconds, BEGAN + late, desk=desk)
            )
    append_states(folder, lines)
    return items


def rated_result(correctness, completeness, likeness):
    """A judge's result list, as the form sends it."""
    given = {"correctness": correctness, "completeness": completeness, "likeness": likeness}
    return [
        {"from_name": name, "to_name": "image", "type": "rating", "value": {"rating": int(stars)}}
        for name, stars in given.items()
    ]


def chosen_result(choice):
    """A judge's choice, as the form sends it: `a`, `b` or `tie`."""
    value = {"choices": [choice]}
    return [{"from_name": "preferred", "to_name": "image", "type": "choices", "value": value}]


def simulate_judges(project, folder, pictures, better, seed=0, question="rate"):
    """Fill the log of a judges' project in which texts of `better` (author to strength) are liked
    so much more. Returns the plan."""
    items = planned(project, pictures, {}, lambda _: None)
    write_items(folder, items)
    logins(folder / LOGINS, project.name, list(items))
    draw, lines, number = np.random.default_rng(seed), [], 0
    hard = {each.image_id: draw.normal(0, 0.4) for each in pictures.pictures}
    for desk, (person, mine) in enumerate(items.items()):
        bias = draw.normal(0, 0.3)
        for place, item in enumerate(mine):
            number += 1
            worth = [better.get(each.author, 0.0) for each in item.unit.shown]
            if question == "rate":
                level = 3 + bias + hard[item.unit.image_id] + worth[0] + draw.normal(0, 0.7, 3)
                result = rated_result(*np.clip(np.rint(level), 1, 5))
            else:
                chance = 1 / (1 + np.exp(worth[1] - worth[0]))
                tie = draw.random() < 0.1
                result = chosen_result("tie" if tie else "a" if draw.random() < chance else "b")
            when = BEGAN + timedelta(minutes=place)
            lines.append(state(number, person, item, result, 20.0, when, desk=desk))
    append_states(folder, lines)
    return items
