"""Versions of a dataset: what it holds as one hash, and the number of the next version."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qreasoning.data.rows import Row
from qreasoning.files import sha256_bytes

FIRST = "1.0.0"
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


def content_hash(tables: Mapping[str, Sequence[Row]], facts: Mapping[str, Any]) -> str:
    """SHA-256 over all rows of all tables, whatever their order, and `facts`.

    Pictures enter by their `image_id`, which is the hash of their bytes; no path or clock enters.
    """
    lines = {name: sorted(_canonical(row) for row in rows) for name, rows in tables.items()}
    return sha256_bytes(_canonical({"tables": lines, "facts": dict(facts)}).encode())


def _canonical(value: Any) -> str:
    return json.dumps(_without_nan(value), sort_keys=True, ensure_ascii=True, allow_nan=False)


def _without_nan(value: Any) -> Any:
    # JSON has no nan, and an undefined number must not hash like an absent one.
    if isinstance(value, float) and math.isnan(value):
        return {"undefined": "nan"}
    if isinstance(value, Mapping):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(each) for each in value]
    return value


def newest_version(folder: Path) -> str | None:
    """The highest version among the folders of a dataset, or None where there is none."""
    found = [each.name for each in folder.glob("*") if _VERSION.fullmatch(each.name)]
    return max(found, key=_numbers) if found else None


def next_version(newest: str | None) -> str:
    """`1.0.0`, or the newest version with its minor number raised."""
    if newest is None:
        return FIRST
    major, minor, _ = _numbers(newest)
    return f"{major}.{minor + 1}.0"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
