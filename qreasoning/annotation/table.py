"""The current table: made from the log, one row per picture and annotator."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qreasoning.annotation.answers import read_results
from qreasoning.annotation.project import Project
from qreasoning.files import (
    MANIFEST,
    read_manifest,
    replacing,
    sha256_bytes,
    sha256_file,
    write_json,
)
from qreasoning.records import Annotation, annotation_row, annotations_schema, check

TABLE = "table.parquet"


@dataclass(frozen=True)
class Row:
    """One person's current answer to one picture, with what is wrong with it."""

    annotation: Annotation
    findings: tuple[str, ...]


@dataclass(frozen=True)
class Current:
    """The current state of a project's answers."""

    rows: tuple[Row, ...]
    """One per picture and annotator, by name and annotator."""
    skipped: Mapping[str, int]
    """Pictures that each annotator skipped; they are not in the table."""
    replaced: int
    """Further answers of the same annotator to the same picture; only the newest is current."""
    foreign: int
    """Answers to tasks that we did not make (no `image_id` or `name`); not in the table."""


def current(states: Iterable[Mapping[str, Any]], project: Project) -> Current:
    """The current answers: each annotation's last state, and of several by one annotator to one
    picture the newest."""
    latest = {(state["place"], state["id"]): state for state in states}
    alive = [state for state in latest.values() if state["annotation"] is not None]
    ours = [state for state in alive if _is_ours(state)]
    ours.sort(key=lambda state: (state["annotation"]["updated_at"], state["id"]))
    newest: dict[tuple[str, str], Mapping[str, Any]] = {}
    skipped: dict[str, int] = {}
    answered = 0
    for state in ours:
        if state["annotation"]["was_cancelled"]:
            skipped[state["annotator"]] = skipped.get(state["annotator"], 0) + 1
        else:
            answered += 1
            newest[state["image_id"], state["annotator"]] = state
    rows = sorted(
        (_row(state, project) for state in newest.values()),
        key=lambda row: (row.annotation.name, row.annotation.image_id, row.annotation.annotator),
    )
    return Current(tuple(rows), skipped, answered - len(newest), len(alive) - len(ours))


def write_table(now: Current, project: Project, folder: Path, facts: Mapping[str, Any]) -> bool:
    """Write `table.parquet` (mode 600) and, last, the manifest that vouches for it.

    Returns whether anything changed. The same answers give the same bytes.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = annotations_schema(project.dimensions.ids)
    rows = [annotation_row(row.annotation, row.findings) for row in now.rows]
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), buffer)
    content = buffer.getvalue().to_pybytes()
    manifest = {**facts, "files": {TABLE: sha256_bytes(content)}}
    table = folder / TABLE
    same = table.is_file() and sha256_file(table) == manifest["files"][TABLE]
    if same and read_manifest(folder) == manifest:
        return False
    with replacing(table, mode=0o600) as temporary:
        temporary.write_bytes(content)
    write_json(folder / MANIFEST, manifest)
    return True


def _is_ours(state: Mapping[str, Any]) -> bool:
    return isinstance(state["image_id"], str) and isinstance(state["name"], str)


def _row(state: Mapping[str, Any], project: Project) -> Row:
    raw = state["annotation"]
    reading = read_results(raw["result"] or [], project.dimensions.ids)
    answer = reading.answer
    annotation = Annotation(
        image_id=state["image_id"],
        name=state["name"],
        annotator=state["annotator"],
        project=project.name,
        ratings=answer.ratings,
        notes=answer.notes,
        caption=answer.caption,
        reasoning=answer.reasoning,
        overall=answer.overall,
        seconds=raw["lead_time"],
        created=raw["created_at"],
        updated=raw["updated_at"],
        form_version=state["form_version"],
        prelabelled=raw.get("parent_prediction") is not None,
    )
    findings = [*reading.problems, *check(annotation, project.file.rules, project.dimensions.ids)]
    return Row(annotation, tuple(findings))
