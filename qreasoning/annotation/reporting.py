"""`qr annotate status`: the numbers of a campaign, its page, the time report, and who is needed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qreasoning.annotation.accounts import LOGINS, logins
from qreasoning.annotation.campaign import Campaign, as_json, campaign
from qreasoning.annotation.collected import Collected
from qreasoning.annotation.desks import annotators
from qreasoning.annotation.items import Unit, planning, read_items, with_extra, write_items
from qreasoning.annotation.needs import Need
from qreasoning.annotation.overview import collection, work_of
from qreasoning.annotation.pictures import KNOWN, known_names
from qreasoning.annotation.preference import Ranking, rankings
from qreasoning.annotation.project import Project
from qreasoning.annotation.run import opened
from qreasoning.annotation.status import StatusTable, labels_of
from qreasoning.annotation.status_page import render_status
from qreasoning.annotation.sync import Synced
from qreasoning.annotation.timing import times, write_times
from qreasoning.errors import SettingsError
from qreasoning.files import write_text
from qreasoning.workspace import Workspace

STATUS = "status.html"

NEEDED = "needs.txt"
"""Pictures that one more annotator would help most: a list that a project's `manifest` can name."""


@dataclass(frozen=True)
class StatusReport:
    """How a campaign is going."""

    project: Project
    table: StatusTable
    campaign: Campaign
    rankings: tuple[Ranking, ...]
    """Of the authors that are judged; empty for annotations."""
    needed: tuple[Need, ...]
    """As many as were asked for."""
    asked: int
    """Showings that were planned now."""
    names: dict[str, str]
    """What a unit is called."""
    page: Path
    times: Path

    def json(self) -> dict[str, Any]:
        """All of it as plain JSON, without anybody's log-in."""
        found: dict[str, Any] = {
            "project": self.project.name,
            "title": self.project.file.title,
            "kind": self.project.file.kind,
            "simulated": self.project.file.simulated,
            "skipped": self.table.skipped,
            "findings": dict(self.table.findings),
            **as_json(self.campaign),
            "rankings": as_json(self.rankings),
        }
        for label, person in found["people"].items():
            known = self.table.people.get(label)
            person["findings"] = {} if known is None else dict(known.findings)
        named = [{**each, "name": self.names[each["unit"]]} for each in as_json(self.needed)]
        return {**found, "needs": named}


def report(
    project_name: str, workspace: Workspace, *, needs: int = 0, ask: bool = False
) -> StatusReport:
    """The numbers as of the last pull; no server is asked. Writes `status.html` and `times.csv`
    (mode 600: both name people), with `needs` also that list.

    `ask` plans one more showing of each of the `needs` neediest units of a blind project, which the
    next `qr annotate` puts on the server. Raises SettingsError where the project is not blind.
    """
    project, folder = opened(project_name, workspace)
    if ask and not project.file.is_blind:
        raise SettingsError(
            f"{project.path}: one list of pictures is shared by all annotators, so none can be "
            "asked for once more alone. Make a project whose 'manifest' is the list that --needs "
            "writes, or raise annotators_per_image."
        )
    collected = Collected(project, folder)
    now = collected.read()
    people = tuple(logins(folder / LOGINS, project.name, 0))
    labels = labels_of(now, people)
    items, pictures = read_items(folder), known_names(folder / KNOWN)
    found = collection(project, now, collected.found, items, pictures, labels)
    numbers = campaign(found)
    judged = rankings(now.rows) if project.file.kind == "judge" else ()
    needed = numbers.needs[:needs]
    synced = Synced(project_id=0, place="", imported=0, logins=people)
    table = collected.status(len(pictures), synced)
    text = render_status(project, numbers, table, judged, found.names, labels)
    write_text(folder / STATUS, text, mode=0o600)
    if needs and project.file.kind == "annotate":
        lines = "".join(f"{found.names[each.unit]}\n" for each in needed)
        write_text(folder / NEEDED, lines)
    asked = _ask(project, folder, needed) if ask else 0
    times_file = write_times(times(work_of(now)), folder)
    return StatusReport(
        *(project, table, numbers, judged, tuple(needed), asked, dict(found.names)),
        *(folder / STATUS, times_file),
    )


def _ask(project: Project, folder: Path, needed: tuple[Need, ...]) -> int:
    """Plan one more showing of each; how many could be planned."""
    with planning(folder):
        items = read_items(folder)
        units: dict[str, Unit] = {
            item.unit.key: item.unit for mine in items.values() for item in mine
        }
        chosen = [units[each.unit] for each in needed if each.unit in units]
        more = with_extra(items, chosen, annotators(project))
        write_items(folder, more)
    return sum(map(len, more.values())) - sum(map(len, items.values()))
