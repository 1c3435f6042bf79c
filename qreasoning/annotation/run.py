"""The annotate stage: a project on a server, kept in step, and its answers pulled to disk."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qreasoning.annotation.client import Server, remote
from qreasoning.annotation.interface import form_version
from qreasoning.annotation.log import Log
from qreasoning.annotation.pictures import Pictures, collect
from qreasoning.annotation.project import Project, load_project
from qreasoning.annotation.server import embedded
from qreasoning.annotation.status import StatusTable, status_table
from qreasoning.annotation.store import Pulled, pull
from qreasoning.annotation.sync import Synced, sync
from qreasoning.annotation.table import Current, current, write_table
from qreasoning.errors import ServerError
from qreasoning.workspace import Workspace, cache_folder

POLL_SECONDS = 5.0

LOGINS = "logins.csv"


@dataclass(frozen=True)
class AnnotateReport:
    """What one run of `annotate` did."""

    project: str
    address: str
    """Where annotators begin."""
    logins: Path | None
    """The file of log-ins, or None with annotators: 0."""
    folder: Path
    """Where the log, the table and the manifest are."""
    imported: int
    appended: int
    """States added to the log."""
    status: StatusTable


def annotate(
    project_name: str,
    workspace: Workspace,
    *,
    once: bool,
    say: Callable[[str], None],
    show: Callable[[StatusTable], None],
    environ: Mapping[str, str],
) -> AnnotateReport:
    """Bring the project to a server, and pull its answers into `outputs/annotations/<project>/`.

    With LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY in `environ` that server is used, for one round.
    Otherwise the embedded one runs until Ctrl-C or SIGTERM (or for one round with `once`), pulling
    every few seconds; a last pull is made and the server ended. `show` gets the status whenever it
    changes. Raises a QReasoningError naming the remedy; nothing is imported from a folder with a
    picture that cannot be read.
    """
    project = load_project(project_name, workspace)
    folder = workspace.annotations / project.slug
    server = remote(environ)
    pictures = collect(project, folder / "pictures.json", say)
    for name, earlier in pictures.repeated:
        say(f"{name} has the content of {earlier} and is not imported again")
    if server is not None:
        return _Session(server, project, pictures, folder, say, show).round()
    data = workspace.root / "outputs" / "label-studio"
    with (
        _sigterm_interrupts(),
        embedded(data, project.document_root, cache_folder(), say) as own,
    ):
        session = _Session(own, project, pictures, folder, say, show)
        return session.round() if once else session.until_interrupted()


class _Session:
    """One project on one running server."""

    def __init__(
        self,
        server: Server,
        project: Project,
        pictures: Pictures,
        folder: Path,
        say: Callable[[str], None],
        show: Callable[[StatusTable], None],
    ) -> None:
        self.server = server
        self.project = project
        self.pictures = pictures
        self.folder = folder
        self.say = say
        self.show = show
        logins = folder / LOGINS
        self.synced: Synced = sync(server, project, pictures, logins, say)
        self.logins = logins if self.synced.logins else None
        self.address = f"{server.url}projects/{self.synced.project_id}/data?labeling=1"
        self.log = Log(folder)
        self.now: Current | None = None
        self.appended = 0
        self.shown: StatusTable | None = None
        say(f"Annotators begin at {self.address}")
        if self.logins is not None:
            say(f"Log-ins: {self.logins}")

    def round(self) -> AnnotateReport:
        """Pull once, and show the status if it changed."""
        pulled, now = pull_project(self.server, self.project, self.synced, self.log, self.now)
        self.now = now
        self.appended += pulled.appended
        for note in pulled.notes:
            self.say(note)
        images = len(self.pictures.pictures)
        per_image = self.project.file.annotators_per_image
        status = status_table(self.project.name, images, per_image, now, self.synced.logins)
        if status != self.shown:
            self.show(status)
            self.shown = status
        return AnnotateReport(
            project=self.project.name,
            address=self.address,
            logins=self.logins,
            folder=self.folder,
            imported=self.synced.imported,
            appended=self.appended,
            status=status,
        )

    def until_interrupted(self) -> AnnotateReport:
        """Pull every few seconds until Ctrl-C, and once more then."""
        try:
            self.round()
            self.say("Pulling new annotations; Ctrl-C ends the server")
            while True:
                time.sleep(POLL_SECONDS)
                self._tolerant_round()
        except KeyboardInterrupt:
            self.say("A last pull, then the server ends")
            return self.round()

    def _tolerant_round(self) -> None:
        # One slow answer must not end the server under people at work.
        try:
            self.round()
        except ServerError as error:
            if not self.server.healthy():
                raise
            self.say(f"Pulling failed, trying again: {error}")


def pull_project(
    server: Server,
    project: Project,
    synced: Synced,
    log: Log,
    before: Current | None = None,
) -> tuple[Pulled, Current]:
    """Pull a project's answers into its log, and write the tables that follow from it.

    `log` and `before`, what the last pull gave, may be kept from one pull to the next: then only
    what changed is looked at.
    """
    version = form_version(project.dimensions)
    pulled = pull(server, synced.project_id, synced.place, log, version)
    return pulled, rebuild(project, log, before)


def rebuild(project: Project, log: Log, before: Current | None = None) -> Current:
    """Write the current table and the history from the log alone."""
    log.refresh()
    now = current(log, project, before)
    if now is not before:
        write_table(now, project, log.path.parent, _facts(project, now))
    return now


def _facts(project: Project, now: Current) -> dict[str, Any]:
    inside = project.pictures.is_relative_to(project.root)
    images = project.pictures.relative_to(project.root) if inside else project.pictures
    return {
        "project": project.name,
        "title": project.file.title,
        "simulated": project.file.simulated,
        "dimensions": list(project.dimensions.ids),
        "images": images.as_posix(),
        "form_version": form_version(project.dimensions),
        "pulled": {
            "annotations": len(now.rows),
            "images": len({row.annotation.image_id for row in now.rows}),
            "with_findings": sum(bool(row.findings) for row in now.rows),
            "skipped": sum(now.skipped.values()),
            "replaced": now.replaced,
            "foreign": now.foreign,
        },
    }


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """SIGTERM acts like Ctrl-C inside the block (in the main thread, where signals arrive)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
