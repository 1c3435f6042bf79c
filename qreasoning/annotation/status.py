"""How far a project is: what the status table shows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from qreasoning.annotation.accounts import Login
from qreasoning.annotation.table import REPEATED, Current
from qreasoning.checks.findings import Finding


@dataclass(frozen=True)
class Person:
    """What one annotator has done."""

    answers: int
    skipped: int
    seconds: float | None
    """Median per picture; None where no time is known."""
    with_findings: int
    """Answers about which there is a finding."""
    findings: Mapping[str, int]
    """How often each finding occurs, the most frequent first."""


@dataclass(frozen=True)
class StatusTable:
    """Progress of one project, without anybody's e-mail address."""

    project: str
    images: int
    annotators_per_image: int
    complete: int
    """Images with at least `annotators_per_image` answers."""
    people: Mapping[str, Person]
    """By annotator; those with an account of their own are `own account 1`, …"""
    replaced: int
    foreign: int

    @property
    def answers(self) -> Mapping[str, int]:
        """Answers per annotator."""
        return {name: person.answers for name, person in self.people.items()}

    @property
    def total(self) -> int:
        """Answers of everybody."""
        return sum(self.answers.values())

    @property
    def skipped(self) -> int:
        """Pictures skipped, by everybody."""
        return sum(person.skipped for person in self.people.values())

    @property
    def findings(self) -> Mapping[str, int]:
        """How often each finding occurs, the most frequent first."""
        counts: Counter[str] = Counter()
        for person in self.people.values():
            counts.update(person.findings)
        return dict(counts.most_common())


def status_table(
    project: str,
    images: int,
    per_image: int,
    now: Current,
    logins: Sequence[Login],
    found: Sequence[Finding] = (),
) -> StatusTable:
    """Count what there is. `logins` are the project's own, also shown with 0 answers."""
    per_unit = Counter(row.unit for row in now.rows)
    labels = labels_of(now, logins)
    seconds: dict[str, list[float]] = {email: [] for email in labels}
    answers = Counter(row.annotation.annotator for row in now.rows)
    for row in now.rows:
        if row.annotation.seconds is not None:
            seconds[row.annotation.annotator].append(row.annotation.seconds)
    per_person: dict[str, Counter[str]] = {email: Counter() for email in labels}
    marked: dict[str, set[str]] = {email: set() for email in labels}
    for each in found:
        per_person[each.annotator][each.finding] += 1
        marked[each.annotator].add(each.image_id)
    people = {
        label: Person(
            answers=answers[email],
            skipped=now.skipped.get(email, 0),
            seconds=median(seconds[email]) if seconds[email] else None,
            with_findings=len(marked[email]),
            findings=dict(per_person[email].most_common()),
        )
        for email, label in labels.items()
    }
    return StatusTable(
        project=project,
        images=images,
        annotators_per_image=per_image,
        complete=sum(count >= per_image for count in per_unit.values()),
        people=people,
        replaced=now.replaced,
        foreign=now.foreign,
    )


def labels_of(now: Current, logins: Sequence[Login]) -> dict[str, str]:
    """What a console may call each annotator, by e-mail address."""
    labels = {login.email: login.label for login in logins}
    again = (past.row for past in now.history if past.reason == REPEATED)
    others = {row.annotation.annotator for row in (*now.rows, *again)} | now.skipped.keys()
    for number, email in enumerate(sorted(others - labels.keys()), start=1):
        labels[email] = f"own account {number}"
    return labels
