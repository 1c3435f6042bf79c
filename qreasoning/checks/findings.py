"""What is wrong, or looks wrong, with answers: per answer, so that a campaign can be corrected
while it runs, and a dataset can be checked when it is built.

A finding of severity `reject` breaks a rule, and the same rule of a dataset keeps the answer aside;
one of severity `warn` only asks for a second look.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from qreasoning.checks.contradictions import contradictions
from qreasoning.checks.copies import Copies, Copy, Key, Text
from qreasoning.records import Annotation, CampaignRules, Severity

FIELDS = ("caption", "reasoning")

CONTRADICTS = "text contradicts"
"""How a finding begins that sets a text against the ratings."""


class Checked(Protocol):
    """An answer that was checked by itself."""

    @property
    def annotation(self) -> Annotation:
        """The answer."""

    @property
    def findings(self) -> tuple[str, ...]:
        """The rules that it breaks."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about one answer."""

    name: str
    image_id: str
    annotator: str
    finding: str
    """What it is, the same words for the same thing: `caption too short`, `reasoning copied`, …"""
    detail: str
    """The rest: `2 of 3 words`."""
    severity: Severity
    source_name: str | None = None
    """For a copied text, the picture and the annotator of the earliest one like it."""
    source_annotator: str | None = None


_Answer = tuple[str, str]
"""An answer by its image and annotator."""


class Finder:
    """Finds what is wrong with a project's answers, and looks again only at what has changed."""

    def __init__(self, rules: CampaignRules) -> None:
        self._copies = None if rules.alike is None else Copies(rules.alike)
        self._rows: dict[_Answer, Checked] = {}
        self._own: dict[_Answer, tuple[Finding, ...]] = {}
        self._copied: dict[_Answer, tuple[Finding, ...]] = {}

    def find(self, rows: Iterable[Checked]) -> tuple[Finding, ...]:
        """All findings about `rows`, by picture and annotator: those of each answer by itself, and
        texts copied from another one. The same rows give the same, whatever came before.
        """
        now = {(row.annotation.image_id, row.annotation.annotator): row for row in rows}
        changed = {key: row for key, row in now.items() if self._rows.get(key) is not row}
        gone = [key for key in self._rows if key not in now]
        self._rows = now
        for key in gone:
            self._own.pop(key)
        self._own.update({key: tuple(_own(row)) for key, row in changed.items()})
        if self._copies is not None:
            self._find_copies(self._copies, changed, gone)
        found = [
            each for part in (self._own, self._copied) for own in part.values() for each in own
        ]
        return tuple(sorted(found, key=_order))

    def _find_copies(
        self, copies: Copies, changed: Mapping[_Answer, Checked], gone: Sequence[_Answer]
    ) -> None:
        texts = {
            Key(*answer, field): Text(row.annotation.created, getattr(row.annotation, field))
            for answer, row in changed.items()
            for field in FIELDS
        }
        touched = copies.update(texts, [Key(*answer, field) for answer in gone for field in FIELDS])
        for answer in {(key.image_id, key.annotator) for key in touched}:
            keys = [Key(*answer, field) for field in FIELDS]
            found = [self._copy(key, copies.copies[key]) for key in keys if key in copies.copies]
            self._copied.pop(answer, None)
            if found:
                self._copied[answer] = tuple(found)

    def _copy(self, key: Key, copy: Copy) -> Finding:
        source = self._rows[copy.source.image_id, copy.source.annotator].annotation
        if copy.source[:2] == key[:2]:
            whose = f"repeats the {copy.source.field}"
        elif copy.source.annotator == key.annotator:
            whose = f"like an own {copy.source.field}"
        else:
            whose = f"like somebody else's {copy.source.field}"
        return Finding(
            name=self._rows[key.image_id, key.annotator].annotation.name,
            image_id=key.image_id,
            annotator=key.annotator,
            finding=f"{key.field} copied",
            detail=f"{whose}, {copy.share:.0%} of the word pairs",
            severity="warn",
            source_name=source.name,
            source_annotator=source.annotator,
        )


def _own(row: Checked) -> Iterator[Finding]:
    """The findings that need no other answer."""
    who = row.annotation.name, row.annotation.image_id, row.annotation.annotator
    for text in row.findings:
        finding, _, detail = text.partition(" (")
        yield Finding(*who, finding, detail.removesuffix(")"), "reject")
    stars = {*row.annotation.ratings.values(), row.annotation.overall}
    if len(stars) == 1 and None not in stars and len(row.annotation.ratings) > 1:
        yield Finding(*who, "all ratings equal", f"{stars.pop()}", "warn")
    for text in text_findings(row.annotation):
        finding, _, detail = text.partition(" (")
        yield Finding(*who, finding, detail.removesuffix(")"), "warn")


def text_findings(annotation: Annotation) -> list[str]:
    """What the texts of an answer say against its ratings: `text contradicts noise (5, but …)`."""
    return [f"{CONTRADICTS} {each}" for each in contradictions(annotation)]


def _order(found: Finding) -> tuple[str, ...]:
    return (
        *(found.name, found.image_id, found.annotator, found.finding, found.detail),
        *(found.source_name or "", found.source_annotator or ""),
    )
