"""What is wrong with judges' answers, as findings."""

from collections.abc import Iterable

from qreasoning.annotation.table import Row
from qreasoning.checks.findings import Finding


def judge_findings(rows: Iterable[Row]) -> tuple[Finding, ...]:
    """All findings about judges' answers, by picture and judge."""
    found = []
    for row in rows:
        judgement = row.annotation
        for text in row.findings:
            what, _, detail = text.partition(" (")
            who = judgement.name, judgement.image_id, judgement.annotator
            found.append(Finding(*who, what, detail.removesuffix(")"), "reject"))
    return tuple(sorted(found, key=lambda each: (each.name, each.image_id, each.annotator)))
