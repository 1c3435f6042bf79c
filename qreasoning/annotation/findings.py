"""What is wrong, or looks wrong, with the answers so far: per answer, so that a campaign can be
corrected while it runs.

A finding of severity `reject` breaks a rule of the project, and the same rule of a dataset keeps
the answer aside; one of severity `warn` only asks for a second look.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from qreasoning.annotation.contradictions import contradictions
from qreasoning.annotation.copies import Copies, Copy, Key, Text
from qreasoning.annotation.project import Project
from qreasoning.annotation.table import Row
from qreasoning.files import replacing, sha256_bytes, sha256_file
from qreasoning.records import CampaignRules, Severity

FINDINGS = "findings.parquet"

FIELDS = ("caption", "reasoning")


@dataclass(frozen=True)
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
        self._rows: dict[_Answer, Row] = {}
        self._own: dict[_Answer, tuple[Finding, ...]] = {}
        self._copied: dict[_Answer, tuple[Finding, ...]] = {}

    def find(self, rows: Iterable[Row]) -> tuple[Finding, ...]:
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
        self, copies: Copies, changed: Mapping[_Answer, Row], gone: Sequence[_Answer]
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


def findings(rows: Iterable[Row], project: Project) -> tuple[Finding, ...]:
    """All findings about a project's answers."""
    return Finder(project.file.rules).find(rows)


def write_findings(found: Sequence[Finding], folder: Path) -> bool:
    """Write `findings.parquet` (mode 600: it names people). Returns whether anything changed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.string()) for name in Finding.__dataclass_fields__])
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist([asdict(each) for each in found], schema=schema), buffer)
    content = buffer.getvalue().to_pybytes()
    path = folder / FINDINGS
    if path.is_file() and sha256_file(path) == sha256_bytes(content):
        return False
    with replacing(path, mode=0o600) as temporary:
        temporary.write_bytes(content)
    return True


def _own(row: Row) -> Iterator[Finding]:
    """The findings that need no other answer."""
    who = row.annotation.name, row.annotation.image_id, row.annotation.annotator
    for text in row.findings:
        finding, _, detail = text.partition(" (")
        yield Finding(*who, finding, detail.removesuffix(")"), "reject")
    stars = {*row.annotation.ratings.values(), row.annotation.overall}
    if len(stars) == 1 and None not in stars and len(row.annotation.ratings) > 1:
        yield Finding(*who, "all ratings equal", f"{stars.pop()}", "warn")
    for text in contradictions(row.annotation):
        name, _, detail = text.partition(" (")
        yield Finding(*who, f"text contradicts {name}", detail.removesuffix(")"), "warn")


def _order(found: Finding) -> tuple[str, ...]:
    return (
        *(found.name, found.image_id, found.annotator, found.finding, found.detail),
        *(found.source_name or "", found.source_annotator or ""),
    )
