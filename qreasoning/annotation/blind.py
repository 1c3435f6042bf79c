"""A project on a server as it is meant to be: one for all, or one for each blind annotator."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from qreasoning.annotation.accounts import LOGINS, logins
from qreasoning.annotation.client import Server
from qreasoning.annotation.desks import desks, former_desks, planned
from qreasoning.annotation.items import planning, read_items, write_items
from qreasoning.annotation.lookup import find_project
from qreasoning.annotation.pictures import Pictures
from qreasoning.annotation.plan import plan
from qreasoning.annotation.project import Project
from qreasoning.annotation.sync import Synced, sync
from qreasoning.errors import DataError

Say = Callable[[str], None]


def sync_project(
    server: Server, project: Project, pictures: Pictures, logins_file: Path, say: Say
) -> Synced:
    """Bring a server to the state of a project file (see `sync.sync`); a blind project becomes one
    project for each annotator. What is refused for one of them changes nothing for any.
    """
    if not project.file.is_blind:
        return sync(server, project, pictures, logins_file, say)
    folder = logins_file.parent
    with planning(folder):
        before = read_items(folder)
        items = planned(project, pictures, before, say)
        mine = desks(project, items, before)
        refused = [
            reason for each in mine for reason in plan(server, each, pictures, logins_file).refused
        ]
        if refused:
            raise DataError(" ".join(refused) + " Nothing was changed.")
        # Before any task: a task whose meaning nobody wrote down would be lost.
        if items != before:
            write_items(folder, items)
        parts = [sync(server, each, pictures, logins_file, _said(each, say)) for each in mine]
    return _whole(project, [*parts, *_former(server, project, folder)], folder)


def plan_project(
    server: Server, project: Project, pictures: Pictures, logins_file: Path, say: Say
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What `sync_project` would change and what it would refuse, a sentence each."""
    if not project.file.is_blind:
        wanted = plan(server, project, pictures, logins_file)
        return wanted.changes, wanted.refused
    before = read_items(logins_file.parent)
    mine = desks(project, planned(project, pictures, before, say), before)
    plans = [(each, plan(server, each, pictures, logins_file)) for each in mine]
    return (
        tuple(f"{_whose(each)}: {change}" for each, found in plans for change in found.changes),
        tuple(reason for _, found in plans for reason in found.refused),
    )


def found_project(server: Server, project: Project, folder: Path) -> Synced | None:
    """The project as it is on the server, which is not changed; None where it has none of it."""
    if not project.file.is_blind:
        return _found(server, project, folder)
    items = read_items(folder)
    everybody = [*desks(project, items, {}), *former_desks(project, items)]
    parts = [part for each in everybody if (part := _found(server, each, folder)) is not None]
    return _whole(project, parts, folder) if parts else None


def _former(server: Server, project: Project, folder: Path) -> Iterator[Synced]:
    for each in former_desks(project, read_items(folder)):
        found = _found(server, each, folder)
        if found is not None:
            yield found


def _found(server: Server, project: Project, folder: Path) -> Synced | None:
    found = find_project(server, project, folder)
    if found is None:
        return None
    people = tuple(logins(folder / LOGINS, project.name, 0))
    place = f"{found['id']}@{found['created_at']}"
    tasks = int(found["task_number"])
    return Synced(int(found["id"]), place, 0, people, tasks, project.desk)


def _whole(project: Project, parts: Sequence[Synced], folder: Path) -> Synced:
    return Synced(
        project_id=parts[0].project_id,
        place=parts[0].place,
        imported=sum(each.imported for each in parts),
        logins=tuple(logins(folder / LOGINS, project.name, 0)),
        parts=tuple(parts),
    )


def _said(project: Project, say: Say) -> Say:
    return lambda text: say(f"{_whose(project)}: {text}")


def _whose(project: Project) -> str:
    return "" if project.desk is None else project.desk.label
