"""What differs between two versions of a dataset, row by row and column by column."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qreasoning.data.partition import positions
from qreasoning.data.previous import TABLES, Version, version_of
from qreasoning.errors import DataError

KEYS = {
    "chains": ("image_id",),
    "annotations": ("image_id", "annotator", "project"),
    "quarantine": ("image_id", "annotator", "project"),
}
"""What tells the rows of each table apart."""
SHOWN = 5
"""Rows of each kind that are named."""


@dataclass(frozen=True)
class TableDiff:
    """One table: how many rows were added, removed and changed, in which columns, and which some of
    them are (picture and, where there is one, annotator)."""

    table: str
    added: int
    removed: int
    changed: int
    columns: Counter[str]
    examples: tuple[str, ...]


def diff_versions(dataset: Path, one: str, other: str) -> tuple[TableDiff, ...]:
    """What version `other` of a dataset has otherwise than version `one`.

    Raises DataError where one of them is not there.
    """
    before, after = _version(dataset, one), _version(dataset, other)
    parts = max(before.shards, after.shards)
    return tuple(_summed(table, before, after, parts) for table in TABLES)


def _version(dataset: Path, number: str) -> Version:
    found = version_of(dataset / number)
    if found is None:
        there = sorted(each.parent.name for each in dataset.glob("*/manifest.json"))
        raise DataError(
            f"There is no version {number} of the dataset '{dataset.name}'. "
            f"There are: {', '.join(there) or 'none'}."
        )
    return found


def _summed(table: str, before: Version, after: Version, parts: int) -> TableDiff:
    total = TableDiff(table, 0, 0, 0, Counter(), ())
    of = 1 if table == "quarantine" else parts
    for part in range(of):
        each = compare_rows(table, before.rows(table, part, of), after.rows(table, part, of))
        total = TableDiff(
            table=table,
            added=total.added + each.added,
            removed=total.removed + each.removed,
            changed=total.changed + each.changed,
            columns=total.columns + each.columns,
            examples=(*total.examples, *each.examples)[: 3 * SHOWN],
        )
    return total


def compare_rows(table: str, old: pa.Table, new: pa.Table) -> TableDiff:
    """What differs between the rows of two tables, told apart by their keys."""
    old_keys, new_keys = _keys(table, old), _keys(table, new)
    places = positions(new_keys, old_keys)
    added = np.flatnonzero(places < 0)
    removed = np.flatnonzero(positions(old_keys, new_keys) < 0)
    both = np.flatnonzero(places >= 0)
    changed, columns = _changed(old.take(pa.array(places[both])), new.take(pa.array(both)))
    return TableDiff(
        table=table,
        added=len(added),
        removed=len(removed),
        changed=len(changed),
        columns=columns,
        examples=(
            *_named("+", new, added[:SHOWN].tolist()),
            *_named("-", old, removed[:SHOWN].tolist()),
            *_named("~", new, both[changed[:SHOWN]].tolist()),
        ),
    )


def _keys(table: str, rows: pa.Table) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(*(rows[name] for name in KEYS[table]), "\n")


def _changed(old: pa.Table, new: pa.Table) -> tuple[np.ndarray[Any, Any], Counter[str]]:
    """The rows that differ, and how many differ in each column."""
    any_ = np.zeros(new.num_rows, np.bool_)
    columns: Counter[str] = Counter()
    for name in sorted({*old.column_names, *new.column_names}):
        if name not in old.column_names or name not in new.column_names:
            differ = np.ones(new.num_rows, np.bool_)
        else:
            differ = _differ(old[name], new[name])
        columns[name] = int(differ.sum())
        any_ |= differ
    return np.flatnonzero(any_), +columns


def _differ(one: pa.ChunkedArray, other: pa.ChunkedArray) -> np.ndarray[Any, Any]:
    if pa.types.is_nested(one.type):
        # nan equals itself in the text of a value.
        pairs = zip(one.to_pylist(), other.to_pylist(), strict=True)
        return np.array([repr(first) != repr(second) for first, second in pairs], np.bool_)
    same = pc.equal(one, other)
    if pa.types.is_floating(one.type):
        same = pc.or_(same, pc.and_(pc.is_nan(one), pc.is_nan(other)))
    neither = pc.and_(pc.is_null(one), pc.is_null(other))
    result: np.ndarray[Any, Any] = ~pc.or_(pc.fill_null(same, False), neither).to_numpy()
    return result


def _named(sign: str, rows: pa.Table, which: Sequence[int]) -> Iterator[str]:
    chosen = rows.select([each for each in ("name", "annotator") if each in rows.column_names])
    for row in chosen.take(pa.array(which, pa.int64())).to_pylist():
        yield f"{sign} {' by '.join(row.values())}"
