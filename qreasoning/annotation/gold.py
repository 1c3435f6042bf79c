"""Gold pictures: what an attentive annotator answers to them, and who does."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from qreasoning.annotation.panel import rating
from qreasoning.errors import SettingsError
from qreasoning.records import Annotation

COLUMNS = ("name", "field", "low", "high")

Gold = Mapping[str, Mapping[str, tuple[int, int]]]
"""By picture and field, the lowest and highest accepted rating."""


def read_gold(path: Path, fields: Iterable[str]) -> dict[str, dict[str, tuple[int, int]]]:
    """Read a gold file: a row per picture and field. Raises SettingsError naming the line."""
    known = tuple(fields)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise SettingsError(f"The gold file {path} is missing. Create it.") from None
    rows = csv.DictReader(lines)
    missing = [each for each in COLUMNS if each not in (rows.fieldnames or ())]
    if missing:
        raise SettingsError(
            f"{path} has no column '{missing[0]}'. Its first line must be {','.join(COLUMNS)}."
        )
    gold: dict[str, dict[str, tuple[int, int]]] = {}
    for row in rows:
        place = f"{path}, line {rows.line_num}"
        if row["field"] not in known:
            raise SettingsError(
                f"{place}: the field '{row['field']}' is none of {', '.join(known)}. Correct it."
            )
        ranges = gold.setdefault(row["name"], {})
        if row["field"] in ranges:
            raise SettingsError(f"{place}: {row['name']} has '{row['field']}' twice. Remove one.")
        ranges[row["field"]] = _range(row["low"], row["high"], place)
    return gold


def _range(low: str | None, high: str | None, place: str) -> tuple[int, int]:
    try:
        found = int(low or ""), int(high or "")
    except ValueError:
        found = 0, 0
    if not 1 <= found[0] <= found[1] <= 5:
        raise SettingsError(
            f"{place}: the range is {low} to {high}; give low and high from 1 to 5."
        )
    return found


def gold_hits(annotations: Iterable[Annotation], gold: Gold) -> dict[str, tuple[int, int]]:
    """By annotator, how many ranges were kept and how many there were to keep.

    A field without a rating keeps no range.
    """
    counts: dict[str, tuple[int, int]] = {}
    for each in annotations:
        for field, (low, high) in gold.get(each.name, {}).items():
            stars = rating(each, field)
            hits, checked = counts.get(each.annotator, (0, 0))
            hit = stars is not None and low <= stars <= high
            counts[each.annotator] = (hits + hit, checked + 1)
    return counts
