"""A backup of a project: the embedded server's database and the log, taken together while both are
in use.

The log is copied before the database, so whatever the log holds the database holds too, and after
both were put back the next pull brings what came in between.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from qreasoning.annotation.accounts import LOGINS
from qreasoning.annotation.client import Server
from qreasoning.annotation.items import ITEMS
from qreasoning.annotation.log import LOG
from qreasoning.annotation.marks import MARKS
from qreasoning.annotation.pictures import KNOWN
from qreasoning.annotation.project import Project, load_project
from qreasoning.annotation.server import DATABASE, embedded, has_data
from qreasoning.errors import DataError
from qreasoning.files import make_folder, write_manifest
from qreasoning.workspace import Workspace

ACCOUNT = ("admin.json", ".env")
"""What opens the database: the server's own account and its secret key."""

BESIDE = (MARKS, "servers.json", LOGINS, KNOWN, ITEMS)
"""What lies beside the log and cannot be made from it. The mark goes first: an older mark beside a
newer log is only slower, a newer one beside an older log would skip answers."""


@dataclass(frozen=True)
class BackupReport:
    """What was saved."""

    folder: Path
    with_database: bool
    """Whether there is an embedded server, whose database is in it."""
    bytes: int


def backup(
    project_name: str,
    workspace: Workspace,
    *,
    say: Callable[[str], None],
    now: datetime | None = None,
) -> BackupReport:
    """Save log, log-ins, project file and the embedded server's database into a new folder of
    `outputs/backups/<project>/`, all with mode 600.

    The server may run meanwhile. Raises DataError where there is nothing to save yet, and where the
    database is damaged.
    """
    project = load_project(project_name, workspace)
    source = workspace.annotations / project.slug
    data = workspace.label_studio
    if not (source / LOG).is_file() and not has_data(data):
        raise DataError(
            f"Project '{project.name}' has nothing to save yet: neither {source / LOG} nor "
            f"{data / DATABASE} is there. Begin with: qr annotate --project {project.name}"
        )
    stamp = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%S.%fZ")
    folder = workspace.backups / project.slug / stamp
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    make_folder(folder, lambda draft: _fill(draft, project, source, data))
    if not has_data(data):
        say("The team's server is not in it: have its administrator save its database as well")
    size = sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())
    return BackupReport(folder, has_data(data), size)


def _fill(draft: Path, project: Project, source: Path, data: Path) -> None:
    draft.chmod(0o700)
    for name in BESIDE:
        if (source / name).is_file():
            shutil.copyfile(source / name, draft / name)
    if (source / LOG).is_file():
        _copy_whole_lines(source / LOG, draft / LOG)
    shutil.copyfile(project.path, draft / project.path.name)
    if has_data(data):
        _copy_server(data, draft)
    write_manifest(draft, {"project": project.name})
    for each in draft.iterdir():
        each.chmod(0o600)


@contextmanager
def embedded_copy(
    data: Path, document_root: Path, cache: Path, say: Callable[[str], None]
) -> Iterator[Server]:
    """A running Label Studio on a copy of `data`: whatever is done there is forgotten at the end of
    the block, and `data` is not touched."""
    with TemporaryDirectory(prefix="qr-dry-run-") as name:
        copy = Path(name)
        _copy_server(data, copy)
        with embedded(copy, document_root, cache, say) as server:
            yield server


def _copy_server(data: Path, target: Path) -> None:
    for name in ACCOUNT:
        if (data / name).is_file():
            shutil.copyfile(data / name, target / name)
    _copy_database(data / DATABASE, target / DATABASE)


def _copy_whole_lines(source: Path, target: Path) -> None:
    """Copy a log that somebody may be writing to: up to the end of its last whole line."""
    shutil.copyfile(source, target)
    with target.open("rb+") as file:
        content = file.read()
        file.truncate(content.rfind(b"\n") + 1)


def _copy_database(source: Path, target: Path) -> None:
    """Copy a database that a server may be writing to, as of one moment."""
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as live,
        closing(sqlite3.connect(target)) as copy,
    ):
        try:
            live.backup(copy)
            # One file, that opens without others beside it.
            copy.execute("PRAGMA journal_mode=DELETE")
            (result,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
        except sqlite3.DatabaseError as error:
            result = str(error)
    if result != "ok":
        raise DataError(
            f"{source} could not be saved ({result}). Save the disk's content as it is, and pull "
            "what the server still gives: the log beside it is whole."
        )
