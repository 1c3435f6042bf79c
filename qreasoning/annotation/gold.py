"""Gold pictures: what an attentive annotator answers to them, and who does."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from qreasoning.annotation.names import csv_rows
from qreasoning.annotation.panel import rating
from qreasoning.errors import SettingsError
from qreasoning.records import Annotation

COLUMNS = ("name", "field", "low", "high")

Gold = Mapping[str, Mapping[str, tuple[int, int]]]
"""By picture and field, the lowest and highest accepted rating."""


def read_gold(path: Path, fields: Iterable[str]) -> dict[str, dict[str, tuple[int, int]]]:
    """Read a gold file: a row per picture and field. Raises SettingsError naming the line."""
    known = tuple(fields)
    gold: dict[str, dict[str, tuple[int, int]]] = {}
    for number, row in csv_rows(path, "gold file", COLUMNS):
        place, field, name = f"{path}, line {number}", row["field"], row["name"]
        if field not in known or not name:
            raise SettingsError(
                f"{place}: the field '{field}' is none of {', '.join(known)}, or the row has no "
                "name. Correct it."
            )
        ranges = gold.setdefault(name, {})
        if field in ranges:
            raise SettingsError(f"{place}: {name} has '{field}' twice. Remove one.")
        ranges[field] = _range(row["low"], row["high"], place)
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
