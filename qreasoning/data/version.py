"""Versions of a dataset: which are there, what changed since the last, and the next number."""

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from qreasoning.data.hashing import among, as_hashes, codes
from qreasoning.files import MANIFEST

FIRST = "1.0.0"
SCHEMA = 2
"""The number of the files' layout; 1 had no intervals and no scores per dimension."""
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")

Level = Literal["major", "minor", "patch"]


@dataclass(frozen=True)
class Difference:
    """How many rows of which kind one version has more, less or otherwise than another."""

    schema: bool = False
    images_moved: int = 0
    images_gone: int = 0
    images_added: int = 0
    images_changed: int = 0
    annotations_added: int = 0
    annotations_gone: int = 0
    annotations_changed: int = 0
    quarantined: int = 0
    released: int = 0
    quarantine_changed: int = 0
    facts: bool = False

    def __add__(self, other: "Difference") -> "Difference":
        pairs = {each.name: (getattr(self, each.name), getattr(other, each.name)) for each in _ALL}
        return Difference(
            **{
                name: one or two if isinstance(one, bool) else one + two
                for name, (one, two) in pairs.items()
            }
        )

    @property
    def level(self) -> Level | None:
        """Which number rises; None where nothing differs."""
        if self.schema or self.images_moved or self.images_gone:
            return "major"
        if self.images_added or self.annotations_added or self.annotations_gone:
            return "minor"
        return "patch" if any(getattr(self, each.name) for each in _ALL) else None

    @property
    def why(self) -> list[str]:
        """What differs, in words."""
        return [
            text if isinstance(value, bool) else f"{value:,} {text}"
            for name, text in _WORDS.items()
            if (value := getattr(self, name))
        ]


_ALL = fields(Difference)
_WORDS = {
    "schema": "the files have another layout",
    "images_moved": "images are in another split",
    "images_gone": "images left",
    "images_added": "images are new",
    "annotations_added": "annotations are new",
    "annotations_gone": "annotations left",
    "annotations_changed": "annotations have other values",
    "images_changed": "images have other scores or chains",
    "quarantined": "annotations are newly kept aside",
    "released": "annotations are no longer kept aside",
    "quarantine_changed": "rows kept aside have other values",
    "facts": "name, dimensions or method differ",
}


def compare(before: pa.Table, after: pa.Table) -> Difference:
    """What differs between the indexes (`previous.INDEX_SCHEMA`) of one shard of two versions."""
    old = [_rows(before, table) for table in range(3)]
    new = [_rows(after, table) for table in range(3)]
    images, answers, aside = (_matched(*each) for each in zip(old, new, strict=True))
    answers_gone = old[1]["key"][~among(old[1]["key"], new[1]["key"])]
    answers_new = new[1]["key"][~among(new[1]["key"], old[1]["key"])]
    to_quarantine = among(answers_gone, new[2]["key"])
    from_quarantine = among(answers_new, old[2]["key"])
    return Difference(
        images_moved=images.moved,
        images_gone=images.gone,
        images_added=images.added,
        images_changed=images.changed,
        annotations_added=int((~from_quarantine).sum()),
        annotations_gone=int((~to_quarantine).sum()),
        annotations_changed=answers.changed,
        quarantined=aside.added,
        released=aside.gone,
        quarantine_changed=aside.changed,
    )


@dataclass(frozen=True)
class _Matched:
    moved: int
    gone: int
    added: int
    changed: int


def _rows(index: pa.Table, table: int) -> dict[str, Any]:
    mine = index["table"].to_numpy() == table
    columns = {name: index[name].to_numpy()[mine] for name in ("key", "split")}
    columns["value"] = codes(as_hashes(index["value"]))[mine]
    order = np.unique(columns["key"], return_index=True)[1]  # somebody may skip a picture twice
    return {name: column[order] for name, column in columns.items()}


def _matched(old: dict[str, Any], new: dict[str, Any]) -> _Matched:
    one = np.flatnonzero(among(old["key"], new["key"]))
    other = np.searchsorted(new["key"], old["key"][one])
    moved = old["split"][one] != new["split"][other]
    changed = (old["value"][one] != new["value"][other]) & ~moved
    return _Matched(
        moved=int(moved.sum()),
        gone=len(old["key"]) - len(one),
        added=len(new["key"]) - len(one),
        changed=int(changed.sum()),
    )


def newest_version(folder: Path) -> str | None:
    """The highest complete version among the folders of a dataset, or None where there is none."""
    found = [
        each.name
        for each in folder.glob("*")
        if _VERSION.fullmatch(each.name) and (each / MANIFEST).is_file()
    ]
    return max(found, key=_numbers) if found else None


def next_version(folder: Path, newest: str | None, level: Level) -> str:
    """The number after `newest` (`1.0.0` without one) that no folder of the dataset has yet."""
    version = FIRST if newest is None else _raised(newest, level)
    while (folder / version).exists():
        version = _raised(version, level)
    return version


def _raised(version: str, level: Level) -> str:
    major, minor, patch = _numbers(version)
    raised = {
        "major": (major + 1, 0, 0),
        "minor": (major, minor + 1, 0),
        "patch": (major, minor, patch + 1),
    }[level]
    return ".".join(map(str, raised))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
