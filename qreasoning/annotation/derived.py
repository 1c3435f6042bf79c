"""The files that follow from a project's log: tables of the current answers and of all before."""

import hashlib
from collections.abc import Callable, Mapping
from mmap import ACCESS_READ, mmap
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from qreasoning.annotation.columns import Columns
from qreasoning.annotation.judging import JUDGEMENTS, judgement_rows, judgements_parquet
from qreasoning.annotation.project import Project
from qreasoning.annotation.repeats import REPEATS, repeats_parquet
from qreasoning.annotation.table import REPEATED, Current, Past, Row
from qreasoning.files import (
    MANIFEST,
    read_manifest,
    replacing,
    sha256_file,
    write_json,
)
from qreasoning.records import Annotation, annotation_row, annotations_schema

TABLE = "table.parquet"
HISTORY = "history.parquet"


def write_table(now: Current, project: Project, folder: Path, facts: Mapping[str, Any]) -> bool:
    """Write `table.parquet` and `history.parquet`, where pictures are shown twice also
    `repeats.parquet`, for judges `judgements.parquet` alone (all mode 600) and, last, the manifest
    that vouches for them.

    Returns whether anything changed. The same answers give the same bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    contents = _contents(now, project, folder)
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    manifest = {**facts, "files": hashes}
    stale = [name for name in contents if not _is_there(folder / name, hashes[name])]
    if not stale and read_manifest(folder) == manifest:
        return False
    for name in stale:
        with replacing(folder / name, mode=0o600) as temporary:
            temporary.write_bytes(contents[name])
    write_json(folder / MANIFEST, manifest)
    return True


def _contents(now: Current, project: Project, folder: Path) -> dict[str, bytes | memoryview]:
    """The files that follow from the log, by name."""
    if project.file.kind == "judge":
        lines = (judgement_rows(row.annotation, row.shown, row.findings) for row in now.rows)
        return {JUDGEMENTS: judgements_parquet([each for line in lines for each in line])}
    schema = annotations_schema(project.dimensions.ids)
    rows = {row.key: row for row in now.rows}
    past = {(each.state.line, each.reason): each for each in now.history}
    contents: dict[str, bytes | memoryview] = {
        TABLE: _parquet(now, TABLE, schema, rows, _record, folder),
        HISTORY: _parquet(now, HISTORY, _history_schema(schema), past, _past_record, folder),
    }
    if project.file.repeats is not None:
        contents[REPEATS] = repeats_parquet(repeated(now), project.dimensions.ids)
    return contents


def repeated(now: Current) -> list[tuple[Annotation, Annotation]]:
    """First and second answers to what was shown twice to the same annotator, by name."""
    first = {(row.unit, row.annotation.annotator): row.annotation for row in now.rows}
    again = [past.row for past in now.history if past.reason == REPEATED]
    again.sort(key=lambda row: (row.annotation.name, row.unit, row.annotation.annotator))
    return [
        (first[row.unit, row.annotation.annotator], row.annotation)
        for row in again
        if (row.unit, row.annotation.annotator) in first
    ]


def _record(row: Row) -> dict[str, object]:
    return annotation_row(row.annotation, row.findings)


def _past_record(past: Past) -> dict[str, object]:
    return {
        **_record(past.row),
        "reason": past.reason,
        "place": past.state.place,
        "annotation_id": str(past.state.id),
        "task_id": past.state.task_id,
        "seen": past.state.seen,
    }


def _history_schema(schema: Any) -> Any:
    import pyarrow as pa

    names = ("reason", "place", "annotation_id")
    more = [
        *((name, pa.string()) for name in names),
        ("task_id", pa.int64()),
        ("seen", pa.string()),
    ]
    return pa.schema([*schema, *(pa.field(*each) for each in more)])


def _parquet(
    now: Current,
    name: str,
    schema: Any,
    records: Mapping[Any, Any],
    record: Callable[[Any], dict[str, object]],
    folder: Path,
) -> memoryview:
    import pyarrow.parquet as pq

    if name not in now.columns or now.columns[name].schema != schema:
        now.columns[name] = Columns(schema)
    # In a file without a name, not in memory: a pull of a large project has little to spare.
    with TemporaryFile(dir=folder) as file:
        with pq.ParquetWriter(file, schema) as writer:
            for part in now.columns[name].parts(records, record):
                writer.write_table(part)
        file.flush()
        return memoryview(mmap(file.fileno(), 0, access=ACCESS_READ))


def _is_there(path: Path, sha256: str) -> bool:
    return path.is_file() and sha256_file(path) == sha256
