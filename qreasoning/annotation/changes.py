"""Changing the pictures of a project on a server: importing, showing others, removing."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from qreasoning.annotation.client import Server
from qreasoning.annotation.lookup import Task, project_tasks
from qreasoning.annotation.plan import Plan
from qreasoning.annotation.project import Project
from qreasoning.annotation.showing import Showing, served, task, task_data, upload_key

BATCH = 1000
"""Tasks per import; a batch is imported as a whole or not at all."""

UPLOADS = 50
"""Pictures per upload (the server takes at most 100 files and 250 MB at once)."""

REMOVED = 500
"""Tasks per removal."""


def import_pictures(
    server: Server,
    found: Mapping[str, Any],
    project: Project,
    wanted: Plan,
    say: Callable[[str], None],
) -> int:
    """Import the missing pictures, each batch only after a look whether somebody else did.

    Returns how many were imported.
    """
    there = list(wanted.there)
    known = {task.key for task in there}
    size = BATCH if server.loopback else UPLOADS
    done = 0
    for start in range(0, len(wanted.missing), size):
        later = project_tasks(server, found, after=there[-1].id if there else 0)
        there += later
        known |= {task.key for task in later}
        batch = [each for each in wanted.missing[start : start + size] if each.key not in known]
        if not batch:
            continue
        addresses = _addresses(server, found, project, batch)
        model = project.file.prelabel
        body = [task(each, url, model) for each, url in zip(batch, addresses, strict=True)]
        server.send("POST", f"api/projects/{found['id']}/import", body)
        done += len(batch)
        say(f"Imported {done} of {len(wanted.missing)} pictures")
    if wanted.missing:
        there += project_tasks(server, found, after=there[-1].id if there else 0)
        remove_doubles(server, found, there, say)
    return done


def remove_doubles(
    server: Server, found: Mapping[str, Any], there: Sequence[Task], say: Callable[[str], None]
) -> None:
    """Remove all but the first task of each picture; answered ones stay.

    Two people at once can import the same batch: both come by here afterwards, and agree.
    """
    first: dict[str, Task] = {}
    for each in sorted(there, key=lambda each: each.id):
        first.setdefault(each.key, each)
    later = [each for each in there if each is not first[each.key]]
    remove_pictures(server, found, later, say)


def show_others(
    server: Server,
    found: Mapping[str, Any],
    project: Project,
    wanted: Plan,
    say: Callable[[str], None],
) -> None:
    """Show pictures from another file; their answers stay."""
    for start in range(0, len(wanted.moved), UPLOADS):
        batch = wanted.moved[start : start + UPLOADS]
        addresses = _addresses(server, found, project, [showing for _, showing in batch])
        for (there, showing), address in zip(batch, addresses, strict=True):
            body = {"data": task_data(showing, address, there.prelabelled)}
            server.send("PATCH", f"api/tasks/{there.id}/", body)
        say(f"Changed {start + len(batch)} of {len(wanted.moved)} pictures")


def remove_pictures(
    server: Server, found: Mapping[str, Any], leaving: Sequence[Task], say: Callable[[str], None]
) -> None:
    """Remove pictures; the server itself keeps those that somebody answered in the meantime."""
    unanswered = [
        _is("total_annotations", "Number", 0),
        _is("cancelled_annotations", "Number", 0),
        _is("draft_exists", "Boolean", "false"),
    ]
    for start in range(0, len(leaving), REMOVED):
        batch = [task.id for task in leaving[start : start + REMOVED]]
        body = {
            "selectedItems": {"all": False, "included": batch},
            "filters": {"conjunction": "and", "items": unanswered},
        }
        server.send("POST", "api/dm/actions", body, id="delete_tasks", project=found["id"])
        say(f"Removed {start + len(batch)} of {len(leaving)} pictures")


def _is(field: str, kind: str, value: Any) -> dict[str, Any]:
    return {"filter": f"filter:tasks:{field}", "operator": "equal", "type": kind, "value": value}


def _addresses(
    server: Server, found: Mapping[str, Any], project: Project, batch: Sequence[Showing]
) -> list[str]:
    if server.loopback:
        return [served(project, each) for each in batch]
    return _uploaded(server, int(found["id"]), project, batch)


def _uploaded(
    server: Server, project_id: int, project: Project, batch: Sequence[Showing]
) -> list[str]:
    # Uploads are renamed to <random>-<name>; a name made from the content finds them again.
    files = {upload_key(each): _upload(project, each) for each in batch}
    path = f"api/projects/{project_id}/import"
    answer = server.upload(path, files, commit_to_project="false")
    ids = server.checked(path, answer, "file_upload_ids")["file_upload_ids"]
    rows = server.get_list(f"api/projects/{project_id}/file-uploads", "file", ids=str(ids))
    stored = {row["file"].rsplit("-", 1)[-1].split(".")[0]: row["file"] for row in rows}
    # Browsers ask for it as it stands, so below a path it has to have the path.
    below = urlsplit(server.url).path
    return [f"{below}data/{stored[upload_key(each)]}" for each in batch]


def _upload(project: Project, showing: Showing) -> tuple[str, bytes]:
    picture = showing.picture
    copy = None if picture.prepared is None else project.prepared / picture.prepared
    path = copy or project.pictures / picture.name
    return f"{upload_key(showing)}{path.suffix.lower()}", path.read_bytes()
