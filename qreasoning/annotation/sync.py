"""Bringing a server to the state of a project file: project, form, pictures, log-ins.

Every step looks first and does what is missing, so it can be run as often as one likes, by several
people at once, and a run that was cut off is finished by the next one.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qreasoning.annotation.accounts import Login, logins, make_accounts
from qreasoning.annotation.changes import import_pictures, remove_pictures, show_others
from qreasoning.annotation.client import Server
from qreasoning.annotation.lookup import remember_project, same_projects
from qreasoning.annotation.pictures import Pictures
from qreasoning.annotation.plan import Plan, plan
from qreasoning.annotation.project import Desk, Project
from qreasoning.annotation.showing import link_items, link_to
from qreasoning.errors import DataError

SETTLING = 1.0
"""Seconds after which a team's server shows every project that was begun before ours."""


@dataclass(frozen=True)
class Synced:
    """A project as it now is on a server."""

    project_id: int
    place: str
    """Names this project on this server: another one there, or elsewhere, has another place."""
    imported: int
    """How many pictures were imported now."""
    logins: tuple[Login, ...]
    """The project's own log-ins (empty with annotators: 0)."""
    tasks: int = 0
    """How many tasks it had when it was looked up."""
    desk: Desk | None = None
    """Whose it is, in a blind project."""
    parts: tuple["Synced", ...] = ()
    """Of a whole blind project, the annotators' own; then it has no id of its own."""

    @property
    def each(self) -> tuple["Synced", ...]:
        """The projects on the server that are this one."""
        return self.parts or (self,)


def sync(
    server: Server,
    project: Project,
    pictures: Pictures,
    logins_file: Path,
    say: Callable[[str], None],
) -> Synced:
    """Say what has to change, and do it: make or update the project, import pictures that are not
    there, remove unanswered ones that left, make missing accounts.

    On the embedded server (`server.loopback`) pictures are served from their folder, elsewhere
    they are uploaded. Raises DataError, before anything is changed, where a change would lose
    answers, and ServerError where the server refuses something.
    """
    wanted = plan(server, project, pictures, logins_file)
    if wanted.refused:
        raise DataError(" ".join(wanted.refused) + " Nothing was changed.")
    for change in wanted.changes:
        say(change)
    if server.loopback:
        link_originals(project)
        link_items(project, wanted.shown)
    found = _project(server, project, wanted, say)
    remember_project(server, project, found, logins_file.parent)
    if server.loopback:
        _serve_folder(server, int(found["id"]), project.served)
    imported = import_pictures(server, found, project, wanted, say)
    show_others(server, found, project, wanted, say)
    remove_pictures(server, found, wanted.leaving, say)
    known = logins(logins_file, project.name, 0)
    people = logins(logins_file, project.name, wanted.people)
    make_accounts(server, people, logins_file, [each for each in people if each not in known])
    place = f"{found['id']}@{found['created_at']}"
    everybody = tuple(logins(logins_file, project.name, 0))
    return Synced(int(found["id"]), place, imported, everybody, desk=project.desk)


def link_originals(project: Project) -> None:
    """Put a link to the folder of the pictures where the embedded server may reach it."""
    project.prepared.mkdir(parents=True, exist_ok=True)
    link_to(project.served / "originals", project.pictures)


def _project(
    server: Server, project: Project, wanted: Plan, say: Callable[[str], None]
) -> Mapping[str, Any]:
    if wanted.found is not None:
        if wanted.settings:
            server.send("PATCH", f"api/projects/{wanted.found['id']}/", dict(wanted.settings))
        return wanted.found
    answer = server.send("POST", "api/projects/", dict(wanted.settings))
    made = server.checked("api/projects/", answer, "id", "created_at")
    if not server.loopback:
        time.sleep(SETTLING)
    first, *others = same_projects(server, project)
    for other in others:
        if not other["task_number"]:
            _put_aside(server, other, say)
    whole: Mapping[str, Any] = server.get_object(f"api/projects/{first['id']}/")
    return whole if first["id"] != made["id"] else made


def _put_aside(server: Server, empty: Mapping[str, Any], say: Callable[[str], None]) -> None:
    """Rename an empty project that was made beside ours: by somebody else at the same moment, or
    by a request that a busy server carried out by half.

    It is not deleted: while Label Studio deletes a project it forgets to count what others submit
    (and two deletions at once leave it so until it is started again).
    """
    aside = {"title": "Made twice: to be deleted", "description": "Empty; made by qreasoning."}
    server.send("PATCH", f"api/projects/{empty['id']}/", aside)
    say(
        f"The project was made twice at the same moment. The one with id {empty['id']} is empty: "
        "delete it in Label Studio while nobody is at work."
    )


def _serve_folder(server: Server, project_id: int, folder: Path) -> None:
    # The row alone grants access to the folder; synchronising it would add tasks of its own.
    rows = server.get_list("api/storages/localfiles", "path", project=project_id)
    if all(row["path"] != str(folder) for row in rows):
        body = {"project": project_id, "path": str(folder), "use_blob_urls": True}
        server.send("POST", "api/storages/localfiles", {**body, "title": folder.name[:200]})
