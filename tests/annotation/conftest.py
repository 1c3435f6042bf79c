"""A real embedded Label Studio for the whole session, and projects to put on it."""

import itertools
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from qreasoning.annotation.answers import Answer
from qreasoning.annotation.blind import sync_project
from qreasoning.annotation.client import Server
from qreasoning.annotation.collected import pull_project
from qreasoning.annotation.log import Log
from qreasoning.annotation.pictures import collect
from qreasoning.annotation.project import load_project
from qreasoning.annotation.run import LOGINS
from qreasoning.annotation.server import embedded
from qreasoning.dimensions import load_dimensions
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
