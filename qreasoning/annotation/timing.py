"""How long each annotator worked: what people are paid by."""

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import median
from typing import Literal

from qreasoning.files import write_text
from qreasoning.spreadsheets import literal

TIMES = "times.csv"

BREAK = 5.0
"""An answer that took this many times the annotator's own median had a break in it."""

Kind = Literal["answer", "repeat", "skipped", "withdrawn"]


@dataclass(frozen=True)
class Work:
    """One answer's time, whatever became of the answer."""

    annotator: str
    kind: Kind
    seconds: float | None
    created: str


@dataclass(frozen=True)
class Times:
    """One annotator's work."""

    annotator: str
    answers: int
    """Current answers, to each picture once."""
    repeats: int
    """Answers to pictures shown again."""
    skipped: int
    withdrawn: int
    """Answers that were deleted, or replaced by a newer one."""
    hours: float
    """Of all of these, as the form measured them: a page left open counts."""
    hours_without_breaks: float
    """The same, with no answer counted longer than five of the annotator's own medians."""
    median_seconds: float
    unknown: int
    """Answers without a time; in no number of hours."""
    first: str
    last: str


def times(work: Iterable[Work]) -> list[Times]:
    """The work of each annotator, by name."""
    people: dict[str, list[Work]] = {}
    for each in work:
        people.setdefault(each.annotator, []).append(each)
    return [_times(name, people[name]) for name in sorted(people)]


def _times(name: str, work: list[Work]) -> Times:
    known = [each.seconds for each in work if each.seconds is not None]
    middle = median(known) if known else float("nan")
    created = sorted(each.created for each in work if each.created)
    counts = {kind: sum(each.kind == kind for each in work) for kind in _KINDS}
    return Times(
        annotator=name,
        answers=counts["answer"],
        repeats=counts["repeat"],
        skipped=counts["skipped"],
        withdrawn=counts["withdrawn"],
        hours=round(sum(known) / 3600, 3),
        hours_without_breaks=round(sum(min(each, BREAK * middle) for each in known) / 3600, 3),
        median_seconds=round(middle, 1),
        unknown=len(work) - len(known),
        first=created[0] if created else "",
        last=created[-1] if created else "",
    )


_KINDS: tuple[Kind, ...] = ("answer", "repeat", "skipped", "withdrawn")


def write_times(report: Iterable[Times], folder: Path) -> Path:
    """Write `times.csv`, mode 600: it names people."""
    buffer = io.StringIO()
    rows = csv.writer(buffer, lineterminator="\n")
    rows.writerow([each.name for each in fields(Times)])
    rows.writerows([literal(value) for value in asdict(each).values()] for each in report)
    path = folder / TIMES
    write_text(path, buffer.getvalue(), mode=0o600)
    return path
