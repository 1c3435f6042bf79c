"""A project's answers on disk: pulled into the log, and everything that follows from it written."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from qreasoning.annotation.client import Server
from qreasoning.annotation.derived import write_table
from qreasoning.annotation.findings import write_findings
from qreasoning.annotation.forms import project_form_version
from qreasoning.annotation.items import read_items
from qreasoning.annotation.judge_findings import judge_findings
from qreasoning.annotation.log import Log, State
from qreasoning.annotation.project import Project
from qreasoning.annotation.status import StatusTable, status_table
from qreasoning.annotation.store import Pulled, pull
from qreasoning.annotation.sync import Synced
from qreasoning.annotation.table import Current, Row, current, row_maker
from qreasoning.checks.findings import Finder, Finding
from qreasoning.records import people_digest

AHEAD = 500
"""Answers after which findings are looked for, of a first pull: fewer cost more in all."""


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
        known = self._now, self._finder
        pulled, now = pull_project(server, self.project, synced, self.log, *known)
        self._look(now)
        return replace(pulled, notes=(*pulled.notes, *strangers(self.project, now)))

    def rebuild(self) -> tuple[str, ...]:
        """Write everything that follows from the log; what a person should know."""
        now = rebuild(self.project, self.log, self._now)
        self._look(now)
        return strangers(self.project, now)

    def read(self) -> Current:
        """Take over what is in the log, and write nothing."""
        self.log.refresh()
        self._now = current(self.log, self.project, self._now)
        self.found = self._find(self._now)
        return self._now

    def status(self, images: int, synced: Synced) -> StatusTable:
        """How far the project with `images` pictures is, as of the last of the above."""
        name, per_image = self.project.name, self.project.file.annotators_per_image
        now = self._now or current(self.log, self.project)
        return status_table(name, images, per_image, now, synced.logins, self.found)

    def _look(self, now: Current) -> None:
        if now is not self._now:
            self._now = now
            self.found = self._find(now)
            write_findings(self.found, self.folder)

    def _find(self, now: Current) -> tuple[Finding, ...]:
        if self.project.file.kind == "judge":
            return judge_findings(now.rows)
        return self._finder.find(now.rows)


class _Ahead:
    """Makes rows, and of a first pull looks for findings, while the server works on more."""

    def __init__(self, project: Project, finder: Finder | None) -> None:
        self.rows: list[Row] = []
        self._make = row_maker(project)
        self._finder = finder

    def __call__(self, state: State, line: Mapping[str, Any]) -> None:
        self.rows.append(self._make(state, line))
        if self._finder is not None and len(self.rows) % AHEAD == 0:
            self._finder.find(self.rows)


def pull_project(
    server: Server,
    project: Project,
    synced: Synced,
    log: Log,
    before: Current | None = None,
    finder: Finder | None = None,
) -> tuple[Pulled, Current]:
    """Pull a project's answers into its log, and write the tables that follow from it.

    `log` and `before`, what the last pull gave, may be kept from one pull to the next: then only
    what changed is looked at. A `finder` gets to know the answers of a first pull as they come in.
    """
    version = project_form_version(project)
    judges = project.file.kind == "judge"
    ahead = _Ahead(project, None if judges or before is not None else finder)
    items = {item.id: item for mine in read_items(log.path.parent).values() for item in mine}
    pulled = [
        pull(server, each.project_id, each.place, log, version, ahead, items)
        for each in synced.each
    ]
    appended = sum(each.appended for each in pulled)
    notes = tuple(note for each in pulled for note in each.notes)
    return Pulled(appended, notes), rebuild(project, log, before, ahead.rows)


def rebuild(
    project: Project, log: Log, before: Current | None = None, ready: Iterable[Row] = ()
) -> Current:
    """Write the current table and the history from the log alone; `ready` are rows of it that were
    made already."""
    log.refresh()
    now = current(log, project, before, ready)
    if now is not before:
        write_table(now, project, log.path.parent, _facts(project, now))
    return now


def strangers(project: Project, now: Current) -> tuple[str, ...]:
    """A sentence for each person whom the project file excludes and who gave no answer: a name that
    is misspelt there excludes nobody."""
    if not project.excluded:
        return ()
    rows = (*now.rows, *(each.row for each in now.history))
    known = {row.annotation.annotator for row in rows}
    return tuple(
        f"exclude names {each.partition('@')[0]}, who gave no answer in {project.name}: is that "
        "how they log in?"
        for each in sorted(project.excluded - known)
    )


def _facts(project: Project, now: Current) -> dict[str, Any]:
    inside = project.pictures.is_relative_to(project.root)
    images = project.pictures.relative_to(project.root) if inside else project.pictures
    return {
        "project": project.name,
        "title": project.file.title,
        "kind": project.file.kind,
        "simulated": project.file.simulated,
        "dimensions": list(project.dimensions.ids),
        "images": images.as_posix(),
        "form_version": project_form_version(project),
        "excluded": people_digest(project.file.exclude),
        "pulled": {
            "annotations": len(now.rows),
            "images": len({row.annotation.image_id for row in now.rows}),
            "with_findings": sum(bool(row.findings) for row in now.rows),
            "skipped": sum(now.skipped.values()),
            "replaced": now.replaced,
            "foreign": now.foreign,
        },
    }
