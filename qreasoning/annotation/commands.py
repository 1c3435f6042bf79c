"""The commands that do one thing each with a project: pull, import, rebuild."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from qreasoning.annotation.accounts import LOGINS, logins
from qreasoning.annotation.blind import found_project
from qreasoning.annotation.client import Server
from qreasoning.annotation.collected import Collected
from qreasoning.annotation.exports import read_export
from qreasoning.annotation.log import append_states
from qreasoning.annotation.pictures import KNOWN, collect, count_known
from qreasoning.annotation.project import Project
from qreasoning.annotation.run import opened, server_of, team_server
from qreasoning.annotation.server import has_data
from qreasoning.annotation.status import StatusTable
from qreasoning.annotation.sync import Synced
from qreasoning.errors import ServerError
from qreasoning.workspace import Workspace


@dataclass(frozen=True)
class CommandReport:
    """What a command did."""

    folder: Path
    """Where the log, the tables and the findings are."""
    appended: int
    """States added to the log."""
    notes: tuple[str, ...]
    """Sentences about what a person should know."""
    status: StatusTable


def pull(
    project_name: str,
    workspace: Workspace,
    *,
    say: Callable[[str], None],
    environ: Mapping[str, str],
) -> CommandReport:
    """Pull a project's answers once and change nothing on the server.

    The embedded server is used as it runs, else started for the moment. Raises ServerError where
    the server does not have the project.
    """
    project, folder = opened(project_name, workspace)
    team = team_server(environ, say)
    if team is None and not has_data(workspace.label_studio):
        raise _nothing(project, f"There is no embedded Label Studio in {workspace.label_studio}")
    collected = Collected(project, folder)
    with server_of(team, project, workspace, say) as server:
        synced = _there(server, project, folder)
        pulled = collected.pull(server, synced)
    images = count_known(folder / KNOWN) if synced.parts else synced.tasks
    status = collected.status(images, synced)
    return CommandReport(folder, pulled.appended, pulled.notes, status)


def rebuild(project_name: str, workspace: Workspace) -> CommandReport:
    """Make the tables and the findings again from the log alone."""
    collected = Collected(*opened(project_name, workspace))
    return _report(collected, 0, collected.rebuild())


def import_export(
    project_name: str,
    workspace: Workspace,
    file: Path,
    say: Callable[[str], None],
) -> CommandReport:
    """Take over the answers of a Label Studio JSON export; those that are there already are not
    added again. Raises DataError for a file that is none, SettingsError for a wrong mapping.
    """
    project, folder = opened(project_name, workspace)
    pictures = collect(project, folder / KNOWN, say)
    appended = append_states(folder, read_export(file, project, pictures))
    collected = Collected(project, folder)
    return _report(collected, appended, collected.rebuild())


def _report(collected: Collected, appended: int, notes: tuple[str, ...]) -> CommandReport:
    folder, name = collected.folder, collected.project.name
    people = tuple(logins(folder / LOGINS, name, 0))
    synced = Synced(project_id=0, place="", imported=0, logins=people)
    return CommandReport(
        folder, appended, notes, collected.status(count_known(folder / KNOWN), synced)
    )


def _there(server: Server, project: Project, folder: Path) -> Synced:
    """The project as it is on the server."""
    found = found_project(server, project, folder)
    if found is None:
        raise _nothing(project, f"{server.url} has no project '{project.file.title}' of ours")
    return found


def _nothing(project: Project, problem: str) -> ServerError:
    return ServerError(f"{problem}. Make it first: qr annotate --project {project.name}")
