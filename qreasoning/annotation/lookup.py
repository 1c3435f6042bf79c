"""What a server has of a project: the project itself, its pictures, and where they are shown."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qreasoning.annotation.client import Server, tasks
from qreasoning.annotation.faults import objects
from qreasoning.annotation.project import Project, marker
from qreasoning.errors import ServerError
from qreasoning.files import write_json

PLACES = "servers.json"
"""Beside the log: which project of a server is this one, so that its title may change."""


@dataclass(frozen=True)
class Task:
    """A picture on the server."""

    id: int
    key: str
    """The picture's identity; in a blind project an opaque id."""
    name: str
    address: str
    prelabelled: bool = False
    """Whether annotators found the form filled in."""


def find_project(server: Server, project: Project, folder: Path) -> dict[str, Any] | None:
    """The project on the server: the one it was the last time, else the one with its title and our
    marker; empty ones count only where there is no other. Raises ServerError where several are
    left."""
    known = _places(folder).get(_place_name(server, project))
    if known is not None:
        same = _listed(server, ids=str(known["id"]), page_size=1)
        if same and same[0]["created_at"] == known["created_at"]:
            return _whole(server, same[0])
    named = same_projects(server, project)
    filled = [each for each in named if each["task_number"]]
    if len(filled) > 1:
        ids = ", ".join(str(each["id"]) for each in filled)
        raise ServerError(
            f"{server.url} has the project '{project.file.title}' more than once (ids {ids}). "
            "Delete all but one there."
        )
    return _whole(server, (filled or named)[0]) if named else None


def _listed(server: Server, **params: Any) -> list[dict[str, Any]]:
    answer = server.get_object("api/projects/", "results", **params)
    keys = ("id", "title", "description", "created_at", "task_number")
    return objects(server.url, "api/projects/", answer["results"], *keys)


def same_projects(server: Server, project: Project) -> list[dict[str, Any]]:
    """The projects with this one's title and marker, by rising id; one is as it should be."""
    same = [
        each
        for each in _listed(server, title=project.file.title, page_size=100)
        if each["title"] == project.file.title and marker(project) in (each["description"] or "")
    ]
    return sorted(same, key=lambda each: int(each["id"]))


def remember_project(
    server: Server, project: Project, found: Mapping[str, Any], folder: Path
) -> None:
    """Note which project of the server this one is."""
    places, name = _places(folder), _place_name(server, project)
    place = {"id": found["id"], "created_at": found["created_at"]}
    if places.get(name) != place:
        write_json(folder / PLACES, {**places, name: place})


def project_tasks(
    server: Server, found: Mapping[str, Any] | None, after: int = 0
) -> tuple[Task, ...]:
    """Our pictures in a project, with ids above `after`, by rising id; others are left out."""
    if found is None:
        return ()
    return tuple(
        Task(
            task["id"],
            key,
            str(data.get("name")),
            str(data.get("image")),
            data.get("prelabelled") is True,
        )
        for task in tasks(server, int(found["id"]), "id,data", after=after)
        if isinstance(key := (data := task["data"]).get("item", data.get("image_id")), str)
    )


def _whole(server: Server, listed: Mapping[str, Any]) -> dict[str, Any]:
    return server.get_object(f"api/projects/{listed['id']}/", "id", "created_at")


def _place_name(server: Server, project: Project) -> str:
    # The embedded one has another port each time.
    name = "embedded" if server.loopback else server.url
    return name if project.desk is None else f"{name} {project.desk.person}"


def _places(folder: Path) -> dict[str, Any]:
    path = folder / PLACES
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return content
