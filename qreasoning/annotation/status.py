"""How far a project is: what the status table shows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qreasoning.annotation.accounts import Login
from qreasoning.annotation.table import Current


@dataclass(frozen=True)
class StatusTable:
    """Progress of one project, without anybody's e-mail address."""

    project: str
    images: int
    annotators_per_image: int
    complete: int
    """Images with at least `annotators_per_image` answers."""
    answers: Mapping[str, int]
    """Answers per annotator; those with an account of their own are `own account 1`, …"""
    skipped: int
    replaced: int
    foreign: int
    findings: Mapping[str, int]
    """How often each finding occurs."""

    @property
    def total(self) -> int:
        """Answers of everybody."""
        return sum(self.answers.values())


def status_table(
    project: str, images: int, per_image: int, now: Current, logins: Sequence[Login]
) -> StatusTable:
    """Count what there is. `logins` are the project's own, also shown with 0 answers."""
    per_annotator = Counter(row.annotation.annotator for row in now.rows)
    per_picture = Counter(row.annotation.image_id for row in now.rows)
    answers = {login.label: per_annotator.pop(login.email, 0) for login in logins}
    for number, email in enumerate(sorted(per_annotator), start=1):
        answers[f"own account {number}"] = per_annotator[email]
    return StatusTable(
        project=project,
        images=images,
        annotators_per_image=per_image,
        complete=sum(count >= per_image for count in per_picture.values()),
        answers=answers,
        skipped=sum(now.skipped.values()),
        replaced=now.replaced,
        foreign=now.foreign,
        findings=Counter(finding for row in now.rows for finding in row.findings),
    )
