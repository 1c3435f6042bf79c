"""The status page: a campaign's numbers and what they mean, in one file that needs nothing else.

It names the annotators by their log-ins, so it stays on this machine (mode 600).
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qreasoning.annotation import screening
from qreasoning.annotation.campaign import Campaign, Pace, Person
from qreasoning.annotation.preference import Ranking
from qreasoning.annotation.project import Project
from qreasoning.annotation.signs import Interval
from qreasoning.annotation.status import Person as Counts
from qreasoning.annotation.status import StatusTable
from qreasoning.html import render_page

TEMPLATE = Path(__file__).with_name("status.html.j2")

_SIMULATED = (
    "The answers come from a program, not from people. This page shows that the tools work, and "
    "says nothing about human judgement."
)

NEEDS_SHOWN = 20
"""All are in what `--json` gives."""


def render_status(
    project: Project,
    numbers: Campaign,
    table: StatusTable,
    rankings: Sequence[Ranking],
    names: Mapping[str, str],
    labels: Mapping[str, str],
) -> str:
    """The page as one HTML text. `names` are the units', `labels` the annotators' by log-in."""
    logins = {label: login for login, label in labels.items()}
    return render_page(
        TEMPLATE,
        title=project.file.title,
        subtitle=f"How the {_study(project)} {project.name} is going",
        banner=_SIMULATED if project.file.simulated else None,
        project=project,
        numbers=numbers,
        lead=_lead(project, numbers),
        people=[
            _line(label, logins.get(label, ""), person, table.people.get(label))
            for label, person in numbers.people.items()
        ],
        table=table,
        rankings=rankings,
        needs=[(names[each.unit], each) for each in numbers.needs[:NEEDS_SHOWN]],
        rules=screening,
        number=number,
        between=between,
        share=share,
        count=count,
        unit="text" if project.file.kind == "judge" else "picture",
    )


def _study(project: Project) -> str:
    return "judges' study" if project.file.kind == "judge" else "annotation project"


def _lead(project: Project, numbers: Campaign) -> str:
    what = "judgements" if project.file.kind == "judge" else "answers"
    units = "texts" if project.file.kind == "judge" else "pictures"
    if numbers.answers == 0:
        return f"There are no {what} yet."
    bad = [each for each in numbers.people.values() if each.screened.verdict != "ok"]
    watched = f"{len(bad)} of {len(numbers.people)} annotators need a second look"
    if not bad:
        watched = "No annotator needs a second look"
    return (
        f"{numbers.answers:,} {what} so far; {numbers.complete:,} of {len(numbers.units):,} "
        f"{units} have all that were wanted. {watched}. {_outlook(numbers.pace)}"
    )


def _outlook(pace: Pace) -> str:
    if pace.left == 0:
        return "Nothing is left to be done."
    if math.isnan(pace.days):
        return f"{pace.left:,} are left."
    days = "less than a day" if pace.days < 1 else f"about {count(math.ceil(pace.days), 'day')}"
    hours = (
        "" if math.isnan(pace.hours) else f", {count(max(1, round(pace.hours)), 'hour')} of work"
    )
    return f"{pace.left:,} are left: {days} at {pace.per_day:.0f} a day{hours}."


def _line(label: str, login: str, person: Person, counts: Counts | None) -> dict[str, Any]:
    signs = person.screened
    gold = signs.beside.gold
    observer = signs.beside.observer
    return {
        "label": label,
        "login": login,
        "person": person,
        "signs": signs,
        "skipped": 0 if counts is None else counts.skipped,
        "findings": {} if counts is None else counts.findings,
        "gold": "–" if gold is None else f"{gold[0]} of {gold[1]}",
        "observer": {None: "–", True: "rejected", False: "kept"}[observer],
        "little": signs.answers < screening.LEAST,
    }


def number(value: float | None, digits: int = 2) -> str:
    """A number for a table: `–` where it is undefined or does not apply."""
    if value is None or math.isnan(value):
        return "–"
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def between(found: Interval | None, digits: int = 2) -> str:
    """An interval's limits: `0.51 to 0.72`; empty where they are undefined."""
    if found is None or math.isnan(found.low):
        return ""
    return f"{number(found.low, digits)} to {number(found.high, digits)}"


def share(value: float) -> str:
    """A part of a whole in percent."""
    return "–" if math.isnan(value) else f"{value:.0%}".replace("-", "\N{MINUS SIGN}")


def count(units: int, what: str) -> str:
    """`1 picture`, `2 pictures`."""
    return f"{units:,} {what}" + ("" if units == 1 else "s")
