"""The annotate stage: a project on a server, kept in step, and its answers pulled to disk."""

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from qreasoning.annotation.accounts import LOGINS
from qreasoning.annotation.backup import embedded_copy
from qreasoning.annotation.blind import plan_project, sync_project
from qreasoning.annotation.client import Server, other_version, remote
from qreasoning.annotation.collected import Collected
from qreasoning.annotation.faults import TESTED
from qreasoning.annotation.pictures import KNOWN, Pictures, collect
from qreasoning.annotation.project import Project, load_project
from qreasoning.annotation.server import LOOPBACK, embedded, has_data, running_on
from qreasoning.annotation.status import StatusTable
from qreasoning.annotation.sync import Synced
from qreasoning.errors import ServerError, SettingsError
from qreasoning.workspace import Workspace, cache_folder

POLL_SECONDS = 5.0

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
    """Where annotators begin (of a blind project, the first of them)."""
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
    or, with `watch`, until Ctrl-C. Otherwise the embedded one runs until KeyboardInterrupt (or
    for one round with `once`), pulling every few seconds; a last pull is made and the server ended.
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
        session = _Session(server, project, pictures, folder, say, show)
        return session.until_interrupted() if watch else session.round()
    if host != LOOPBACK:
        say(OPEN_WARNING.format(host=host))
    data = workspace.label_studio
    with embedded(data, project.document_root, cache_folder(), say, host) as own:
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

    Server and study are left as they are: an embedded server that is not running is asked on a copy
    of its data, and of one that was never started nothing is made.
    """
    project, folder = opened(project_name, workspace, annotators)
    pictures = _pictures(project, folder, say, dry=True)
    server = team_server(environ, say)
    data = workspace.label_studio
    if server is None and not has_data(data):
        count = len(pictures.pictures)
        new = f"A server, the project '{project.file.title}' and its log-ins are made."
        return (new, f"{count} picture{'s are' if count != 1 else ' is'} imported."), ()
    there = server or running_on(data)
    copy = embedded_copy(data, project.document_root, cache_folder(), say)
    with copy if there is None else nullcontext(there) as asked:
        return plan_project(asked, project, pictures, folder / LOGINS, say)


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
    data = workspace.label_studio
    with embedded(data, project.document_root, cache_folder(), say) as started:
        yield started


def _pictures(
    project: Project, folder: Path, say: Callable[[str], None], dry: bool = False
) -> Pictures:
    pictures = collect(project, folder / KNOWN, say, dry)
    for name, earlier in pictures.repeated:
        say(f"{name} has the content of {earlier} and is not imported again")
    return pictures


def _begin(url: str, synced: Synced) -> str:
    return f"{url}projects/{synced.project_id}/data?labeling=1"


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
        self.synced: Synced = sync_project(server, project, pictures, logins, say)
        self.logins = logins if self.synced.logins else None
        url = server.url.replace("//0.0.0.0:", f"//{socket.gethostname()}:")
        self.address = _begin(url, self.synced)
        self.collected = Collected(project, folder)
        self.appended = 0
        self.shown: StatusTable | None = None
        for part in self.synced.parts:
            if part.desk is not None:
                say(f"{part.desk.label} begins at {_begin(url, part)}")
        if not self.synced.parts:
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
