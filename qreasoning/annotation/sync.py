"""Bringing a server to the state of a project file: project, form, pictures, log-ins.

Every step looks first and does what is missing, so it can be run as often as one likes, and a run
that was cut off is finished by the next one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from qreasoning.annotation.accounts import Login, logins, make_accounts
from qreasoning.annotation.client import Server, tasks
from qreasoning.annotation.instructions import instructions_html
from qreasoning.annotation.interface import form_xml
from qreasoning.annotation.pictures import Picture, Pictures
from qreasoning.annotation.project import Project, marker
from qreasoning.errors import ServerError

BATCH = 1000
"""Tasks per import; a batch is imported as a whole or not at all."""

UPLOADS = 50
"""Pictures per upload (the server takes at most 100 files and 250 MB at once)."""


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


def sync(
    server: Server,
    project: Project,
    pictures: Pictures,
    logins_file: Path,
    say: Callable[[str], None],
) -> Synced:
    """Make or update the project, import pictures that are not there, make missing accounts.

    On the embedded server (`server.loopback`) pictures are served from their folder, elsewhere
    they are uploaded. Raises ServerError where the server refuses something.
    """
    found = _project(server, project)
    if server.loopback:
        _serve_folder(server, int(found["id"]), pictures.folder)
    imported = _import(server, int(found["id"]), project, pictures, say)
    wanted = logins(logins_file, project.name, project.file.annotators)
    made = make_accounts(server, wanted, logins_file)
    if made:
        say(f"Made {len(made)} log-ins")
    place = f"{found['id']}@{found['created_at']}"
    return Synced(int(found["id"]), place, imported, tuple(wanted))


def _project(server: Server, project: Project) -> dict[str, Any]:
    wanted = _settings(project)
    answer = server.get("api/projects/", title=project.file.title, page_size=100)
    same = [
        each
        for each in answer["results"]
        if each["title"] == project.file.title and marker(project) in (each["description"] or "")
    ]
    if len(same) > 1:
        ids = ", ".join(str(each["id"]) for each in same)
        raise ServerError(
            f"{server.url} has the project '{project.file.title}' more than once (ids {ids}). "
            "Delete all but one there."
        )
    made: dict[str, Any]
    if not same:
        made = server.send("POST", "api/projects/", wanted)
        return made
    made = server.get(f"api/projects/{same[0]['id']}/")
    changed = {key: value for key, value in wanted.items() if made.get(key) != value}
    if changed:
        server.send("PATCH", f"api/projects/{made['id']}/", changed)
    return made


def _settings(project: Project) -> dict[str, Any]:
    return {
        "title": project.file.title,
        "description": f"{marker(project)} Made by qreasoning; edit {project.path.name} instead.",
        "label_config": form_xml(project.dimensions),
        "expert_instruction": instructions_html(project.guidelines, project.dimensions),
        "show_instruction": False,
        "maximum_annotations": project.file.annotators_per_image,
        "show_skip_button": True,
        "enable_empty_annotation": False,
        "show_collab_predictions": False,
    }


def _serve_folder(server: Server, project_id: int, folder: Path) -> None:
    # The row alone grants access to the folder; synchronising it would add tasks of its own.
    rows = server.get("api/storages/localfiles", project=project_id)
    if all(row["path"] != str(folder) for row in rows):
        body = {"project": project_id, "path": str(folder), "use_blob_urls": True}
        server.send("POST", "api/storages/localfiles", {**body, "title": folder.name[:200]})


def _import(
    server: Server,
    project_id: int,
    project: Project,
    pictures: Pictures,
    say: Callable[[str], None],
) -> int:
    there = {task["data"].get("image_id") for task in tasks(server, project_id, "id,data")}
    missing = [each for each in pictures.pictures if each.image_id not in there]
    size = BATCH if server.loopback else UPLOADS
    for start in range(0, len(missing), size):
        batch = missing[start : start + size]
        if server.loopback:
            addresses = [_served(project, pictures.folder / each.name) for each in batch]
        else:
            addresses = _uploaded(server, project_id, pictures.folder, batch)
        body = [_task(each, url) for each, url in zip(batch, addresses, strict=True)]
        server.send("POST", f"api/projects/{project_id}/import", body)
        say(f"Imported {start + len(batch)} of {len(missing)} pictures")
    return len(missing)


def _task(picture: Picture, address: str) -> dict[str, Any]:
    return {"data": {"image": address, "image_id": picture.image_id, "name": picture.name}}


def _served(project: Project, path: Path) -> str:
    relative = path.relative_to(project.document_root).as_posix()
    return f"/data/local-files/?d={quote(relative)}"


def _uploaded(server: Server, project_id: int, folder: Path, batch: Sequence[Picture]) -> list[str]:
    # Uploads are renamed to <random>-<name>; a name made from the identity finds them again.
    keys = [each.image_id.removeprefix("sha256:")[:24] for each in batch]
    files = {
        key: (f"{key}{Path(each.name).suffix.lower()}", (folder / each.name).read_bytes())
        for key, each in zip(keys, batch, strict=True)
    }
    path = f"api/projects/{project_id}/import"
    ids = server.upload(path, files, commit_to_project="false")["file_upload_ids"]
    rows = server.get(f"api/projects/{project_id}/file-uploads", ids=str(ids))
    stored = {row["file"].rsplit("-", 1)[-1].split(".")[0]: row["file"] for row in rows}
    return [f"/data/{stored[key]}" for key in keys]
