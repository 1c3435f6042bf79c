"""The annotate stage: a project on a server, kept in step, and its answers pulled to disk."""

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qreasoning.annotation.client import Server, other_version, remote
from qreasoning.annotation.faults import TESTED
from qreasoning.annotation.findings import write_findings
from qreasoning.annotation.interface import form_version
from qreasoning.annotation.log import Log
from qreasoning.annotation.pictures import Pictures, collect
from qreasoning.annotation.plan import plan
from qreasoning.annotation.project import Project, load_project
from qreasoning.annotation.server import LOOPBACK, embedded, has_data, running_on
from qreasoning.annotation.status import StatusTable, status_table
from qreasoning.annotation.store import Pulled, pull
from qreasoning.annotation.sync import Synced, sync
from qreasoning.annotation.table import Current, current, write_table
from qreasoning.checks.findings import Finder, Finding
from qreasoning.errors import ServerError, SettingsError
from qreasoning.workspace import Workspace, cache_folder

POLL_SECONDS = 5.0

LOGINS = "logins.csv"

OPEN_WARNING = (
    "Warning: Label Studio listens on {host}. Whoever has a log-in there can read, change and "
    "delete everything (it has no roles), and passwords and texts travel unencrypted (no TLS): "
    "open it to a network that you trust only."
)


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
    watch: bool = False,
    annotators: int | None = None,
    host: str = LOOPBACK,
) -> AnnotateReport:
    """Bring the project to a server, and pull its answers into `outputs/annotations/<project>/`.

    With LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY in `environ` that server is used, for one round
    or, with `watch`, until Ctrl-C. Otherwise the embedded one runs until Ctrl-C or SIGTERM (or for
    one round with `once`), pulling every few seconds; a last pull is made and the server ended.
    `annotators` replaces the number in the project file; `host` is the address that the embedded
    server listens on. `show` gets the status whenever it changes. Raises a QReasoningError naming
    the remedy; nothing is imported from a folder with a picture that cannot be read.
    """
    if once and watch:
        raise SettingsError("--once ends after one round and --watch stays. Give one of them.")
    project, folder = opened(project_name, workspace, annotators)
    server = team_server(environ, say)
    if server is not None and host != LOOPBACK:
        raise SettingsError(
            "--host is for the embedded server, and LABEL_STUDIO_URL names another. Leave one out."
        )
    pictures = _pictures(project, folder, say)
    if server is not None:
        with _sigterm_interrupts():
            session = _Session(server, project, pictures, folder, say, show)
            return session.until_interrupted() if watch else session.round()
    if host != LOOPBACK:
        say(OPEN_WARNING.format(host=host))
    with (
        _sigterm_interrupts(),
        embedded(workspace.label_studio, project.document_root, cache_folder(), say, host) as own,
    ):
        session = _Session(own, project, pictures, folder, say, show)
        return session.round() if once else session.until_interrupted()


def would_do(
    project_name: str,
    workspace: Workspace,
    *,
    say: Callable[[str], None],
    environ: Mapping[str, str],
    annotators: int | None = None,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What `annotate` would change on the server, and what it would refuse: a sentence each.

    The server is left as it is; of the embedded one that was never started, nothing is made.
    """
    project, folder = opened(project_name, workspace, annotators)
    pictures = _pictures(project, folder, say)
    server = team_server(environ, say)
    if server is None and not has_data(workspace.label_studio):
        count = len(pictures.pictures)
        new = f"A server, the project '{project.file.title}' and its log-ins are made."
        return (new, f"{count} picture{'s are' if count != 1 else ' is'} imported."), ()
    with server_of(server, project, workspace, say) as there:
        wanted = plan(there, project, pictures, folder / LOGINS)
    return wanted.changes, wanted.refused


def opened(
    project_name: str, workspace: Workspace, annotators: int | None = None
) -> tuple[Project, Path]:
    """A project, with another number of annotators where one is given, and its folder."""
    project = load_project(project_name, workspace)
    if annotators is not None:
        changed = project.file.model_copy(update={"annotators": annotators})
        project = replace(project, file=changed)
    return project, workspace.annotations / project.slug


def team_server(environ: Mapping[str, str], say: Callable[[str], None]) -> Server | None:
    """The server that the environment names, if any; says where its version was not tested."""
    server = remote(environ)
    version = None if server is None else other_version(server)
    if server is not None and version is not None:
        say(
            f"{server.url} is Label Studio {version}; the tests ran against {', '.join(TESTED)}. "
            "Look closely at the form and at the first answers."
        )
    return server


@contextmanager
def server_of(
    team: Server | None, project: Project, workspace: Workspace, say: Callable[[str], None]
) -> Iterator[Server]:
    """The team's server, or the embedded one: as it runs, or started for the block."""
    own = None if team is not None else running_on(workspace.label_studio)
    there = team or own
    if there is not None:
        yield there
        return
    with (
        _sigterm_interrupts(),
        embedded(workspace.label_studio, project.document_root, cache_folder(), say) as started,
    ):
        yield started


def _pictures(project: Project, folder: Path, say: Callable[[str], None]) -> Pictures:
    pictures = collect(project, folder / "pictures.json", say)
    for name, earlier in pictures.repeated:
        say(f"{name} has the content of {earlier} and is not imported again")
    return pictures


class Collected:
    """A project's answers on disk, and what is wrong with them, kept from pull to pull."""

    def __init__(self, project: Project, folder: Path) -> None:
        self.project = project
        self.folder = folder
        self.log = Log(folder)
        self.found: tuple[Finding, ...] = ()
        self._now: Current | None = None
        self._finder = Finder(project.file.rules)

    def pull(self, server: Server, synced: Synced) -> Pulled:
        """Bring the log up to date, and what follows from it."""
        pulled, now = pull_project(server, self.project, synced, self.log, self._now)
        self._look(now)
        return pulled

    def rebuild(self) -> None:
        """Write everything that follows from the log."""
        self._look(rebuild(self.project, self.log, self._now))

    def read(self) -> None:
        """Take over what is in the log, and write nothing."""
        self.log.refresh()
        self._now = current(self.log, self.project, self._now)
        self.found = self._finder.find(self._now.rows)

    def status(self, images: int, synced: Synced) -> StatusTable:
        """How far the project with `images` pictures is, as of the last of the above."""
        name, per_image = self.project.name, self.project.file.annotators_per_image
        now = self._now or current(self.log, self.project)
        return status_table(name, images, per_image, now, synced.logins, self.found)

    def _look(self, now: Current) -> None:
        if now is not self._now:
            self._now = now
            self.found = self._finder.find(now.rows)
            write_findings(self.found, self.folder)


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
        self.images = len(pictures.pictures)
        self.folder = folder
        self.say = say
        self.show = show
        logins = folder / LOGINS
        self.synced: Synced = sync(server, project, pictures, logins, say)
        self.logins = logins if self.synced.logins else None
        url = server.url.replace("//0.0.0.0:", f"//{socket.gethostname()}:")
        self.address = f"{url}projects/{self.synced.project_id}/data?labeling=1"
        self.collected = Collected(project, folder)
        self.appended = 0
        self.shown: StatusTable | None = None
        say(f"Annotators begin at {self.address}")
        if self.logins is not None:
            say(f"Log-ins: {self.logins}")

    def round(self) -> AnnotateReport:
        """Pull once, and show the status if it changed."""
        pulled = self.collected.pull(self.server, self.synced)
        for note in pulled.notes:
            self.say(note)
        self.appended += pulled.appended
        status = self.collected.status(self.images, self.synced)
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
        ends = "the server" if self.server.loopback else "this, not the server"
        try:
            self.round()
            self.say(f"Pulling new annotations; Ctrl-C ends {ends}")
            while True:
                time.sleep(POLL_SECONDS)
                self._tolerant_round()
        except KeyboardInterrupt:
            self.say("A last pull, then the end")
            return self.round()

    def _tolerant_round(self) -> None:
        # One slow answer must not end the server under people at work, nor a pause of a team's
        # server the watching of it.
        try:
            self.round()
        except ServerError as error:
            if self.server.loopback and not self.server.healthy():
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
