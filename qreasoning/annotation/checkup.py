"""Whether annotators see their pictures: the server, and one picture of each project.

A picture reaches an annotator through a chain of links, and the first broken one is named: the
setting that lets the server serve files, the document root, the storage row that grants access, the
file, its permissions.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from qreasoning.annotation.backup import embedded_copy
from qreasoning.annotation.blind import found_project
from qreasoning.annotation.client import Server, other_version, remote, task_page
from qreasoning.annotation.environment import installed, version
from qreasoning.annotation.faults import TESTED
from qreasoning.annotation.project import Project
from qreasoning.annotation.server import has_data, running_on
from qreasoning.errors import QReasoningError, ServerError
from qreasoning.health import Check, broken
from qreasoning.images import decode
from qreasoning.workspace import Workspace, cache_folder

SERVER = "Label Studio"
LOCAL = "/data/local-files/"


def check_server(
    workspace: Workspace,
    projects: Sequence[Project],
    environ: Mapping[str, str],
    start: bool,
    say: Callable[[str], None],
) -> Iterator[Check]:
    """Look at the team's server, or at the embedded one, and open one picture of each project.

    An embedded server that does not run is started on a copy of its data for the moment, if `start`
    is set and it is installed. Nothing is changed anywhere.
    """
    try:
        team = remote(environ)
        if team is not None:
            yield _of_a_team(team)
            yield from _pictures(team, workspace, projects)
            return
        yield _installed()
        yield from _embedded(workspace, projects, start, say)
    except QReasoningError as error:
        yield broken(SERVER, error)


def _of_a_team(server: Server) -> Check:
    other = other_version(server)
    who = server.whoami()["email"]
    if other is None:
        return Check(SERVER, "ok", f"{server.url} answers, logged in as {who}")
    return Check(
        SERVER,
        "note",
        f"{server.url} is Label Studio {other}; the tests ran against {', '.join(TESTED)}",
        "Look closely at the form and at the first answers.",
    )


def _installed() -> Check:
    folder = installed(cache_folder())
    if folder is not None:
        return Check(f"{SERVER} (embedded)", "ok", f"{version()} in {folder}")
    remedy = "qr annotate installs it the first time (a few minutes), or set LABEL_STUDIO_URL."
    return Check(f"{SERVER} (embedded)", "note", "not installed yet", remedy)


def _embedded(
    workspace: Workspace, projects: Sequence[Project], start: bool, say: Callable[[str], None]
) -> Iterator[Check]:
    data = workspace.label_studio
    if not has_data(data):
        remedy = "It is made by: qr annotate --project NAME"
        yield Check(SERVER, "note", "was never started on this study", remedy)
        return
    running = running_on(data)
    if running is not None:
        yield Check(SERVER, "ok", f"runs at {running.url}")
        yield from _pictures(running, workspace, projects)
    elif not start or installed(cache_folder()) is None:
        remedy = "Run qr doctor while qr annotate runs" + ("" if start else ", or without --quick")
        yield Check(SERVER, "note", "does not run, so no picture was opened in it", f"{remedy}.")
    else:
        with _started(workspace, say) as server:
            yield Check(SERVER, "ok", "does not run; it starts, and was tried on a copy")
            yield from _pictures(server, workspace, projects)


@contextmanager
def _started(workspace: Workspace, say: Callable[[str], None]) -> Iterator[Server]:
    root = workspace.root / "outputs" / "pictures"
    with embedded_copy(workspace.label_studio, root, cache_folder(), say) as server:
        yield server


def _pictures(server: Server, workspace: Workspace, projects: Sequence[Project]) -> Iterator[Check]:
    for project in projects:
        what = f"a picture of {project.name}"
        try:
            address = _first_address(server, project, workspace)
            if address is None:
                remedy = f"qr annotate --project {project.name}"
                yield Check(what, "note", f"the project is not on {server.url} yet", remedy)
            else:
                yield _opened(server, project, address, what)
        except QReasoningError as error:
            yield broken(what, error)


def _first_address(server: Server, project: Project, workspace: Workspace) -> str | None:
    found = found_project(server, project, workspace.annotations / project.slug)
    for part in () if found is None else found.each:
        _, page = task_page(server, part.project_id, "id,data", [], "tasks:id", 1)
        if page:
            return str(page[0]["data"].get("image"))
    return None


def _opened(server: Server, project: Project, address: str, what: str) -> Check:
    if urlsplit(address).netloc:
        return Check(what, "note", f"is not on the server ({address}), so it was not opened")
    prefix = urlsplit(server.url).path
    status, content = server.fetch(address.removeprefix(prefix).lstrip("/"))
    if status == 200:
        try:
            picture = decode(content, address)
        except QReasoningError as error:
            return Check(what, "problem", f"link 'file': {error}")
        return Check(what, "ok", f"opens ({picture.width} x {picture.height})")
    link, remedy = _broken_link(server, project, address, content.decode(errors="replace"))
    return Check(what, "problem", f"link '{link}': {address} answers {status}", remedy)


def _broken_link(server: Server, project: Project, address: str, answer: str) -> tuple[str, str]:
    """Which link of the chain broke, and what to do."""
    again = f"qr annotate --project {project.name}"
    if not address.startswith(LOCAL):
        return "file", "The server has lost the upload: restore its media folder from a backup."
    if "LOCAL_FILES_SERVING_ENABLED" in answer:
        return "setting", "Start the server with LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true."
    path = project.document_root / parse_qs(urlsplit(address).query)["d"][0]
    if not project.served.is_dir():
        return "document root", f"{project.served} is missing. It is made by: {again}"
    if not _granted(server, project):
        return "storage", f"No storage row grants {project.served}. It is made by: {again}"
    if not os.path.lexists(path) or not path.exists():
        return "file", f"{path} leads to nothing. Put the picture back, then: {again}"
    if not os.access(path, os.R_OK):
        return "permission", f"{path.resolve()} may not be read. Correct its mode or owner."
    if server.loopback:
        log = project.root / "outputs" / "label-studio" / "server.log"
        return "server", f"The file is there and may be read; see {log}."
    root = Path(os.path.commonpath([project.document_root, path]))
    return "setting", f"Its LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT has to be {root}."


def _granted(server: Server, project: Project) -> bool:
    found = found_project(server, project, project.root / "outputs" / "annotations" / project.slug)
    if found is None:
        raise ServerError(f"{server.url} lost the project '{project.name}' meanwhile. Try again.")
    rows = [
        row
        for part in found.each
        for row in server.get_list("api/storages/localfiles", "path", project=part.project_id)
    ]
    return any(project.served.is_relative_to(row["path"]) for row in rows)
