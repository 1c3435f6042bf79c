"""A judge study as it was pulled: who judged which chain how.

Read from `outputs/annotations/<project>/judgements.parquet`. That file is local and names people;
nothing that names a judge, or which of the people wrote a chain, leaves this module.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from qreasoning.analysis.pictures import text_of
from qreasoning.errors import DataError
from qreasoning.files import read_manifest

Row = dict[str, Any]
QUESTIONS = ("correctness", "completeness", "likeness")
PEOPLE = "people"


@dataclass(frozen=True)
class Judged:
    """One chain of one picture: who wrote it, and what each judge gave it (mean of the questions).

    `by_question` are means over the judges; `by_judge` maps a judge's number to their mean.
    """

    image_id: str
    author: str
    text: str
    by_question: Mapping[str, float]
    by_judge: Mapping[int, float]


@dataclass(frozen=True)
class Choice:
    """A judge preferred `first` over `second` (won 1), or not (0), or neither (0.5)."""

    image_id: str
    judge: int
    first: str
    second: str
    first_text: str
    second_text: str
    won: float


@dataclass(frozen=True)
class Study:
    """One judge project on the pictures of a split; judges are numbers."""

    project: str
    simulated: bool
    judges: int
    excluded: int
    rated: tuple[Judged, ...]
    choices: tuple[Choice, ...]


def read_studies(annotations: Path, image_ids: Sequence[str]) -> list[Study]:
    """The judge projects that have a judgement of one of the pictures, in the order of names.

    Raises DataError for a file that is damaged."""
    known, found = set(image_ids), []
    for path in sorted(annotations.glob("*/judgements.parquet")):
        rows = [row for row in _read(path) if row["image_id"] in known]
        if rows:
            manifest = read_manifest(path.parent) or {}
            found.append(study(path.parent.name, rows, simulated=bool(manifest.get("simulated"))))
    return found


def _read(path: Path) -> list[Row]:
    try:
        rows: list[Row] = parquet.read_table(path).to_pylist()
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"{path} cannot be read ({reason}). Pull it again: "
            f"qr annotate pull --project {path.parent.name}"
        ) from None
    return rows


def study(project: str, rows: Sequence[Row], *, simulated: bool = False) -> Study:
    """A study from rows of `judgements`; rows of excluded judges are left out and counted."""
    kept = [row for row in rows if "excluded" not in (row.get("labels") or ())]
    numbers = {name: place + 1 for place, name in enumerate(sorted({r["judge"] for r in kept}))}
    return Study(
        project=project,
        simulated=simulated,
        judges=len(numbers),
        excluded=len(rows) - len(kept),
        rated=tuple(_rated([row for row in kept if row["question"] == "rate"], numbers)),
        choices=tuple(_choices([row for row in kept if row["question"] == "choose"], numbers)),
    )


def _author(name: str) -> str:
    """A model's name, or `PEOPLE`: who of them wrote it is nobody's business here."""
    kind, _, rest = name.partition(":")
    return rest.partition("/")[0] if kind == "model" else PEOPLE


def _rated(rows: Sequence[Row], numbers: Mapping[str, int]) -> list[Judged]:
    chains: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        chains.setdefault((row["image_id"], row["author"], text_of(row)), []).append(row)
    found = []
    for (image_id, author, text), given in sorted(chains.items()):
        by_question = {
            each: mean([row[each] for row in given if row[each] is not None]) for each in QUESTIONS
        }
        by_judge = {
            numbers[row["judge"]]: mean([row[q] for q in QUESTIONS if row[q] is not None])
            for row in given
        }
        found.append(Judged(image_id, _author(author), text, by_question, by_judge))
    return found


def _choices(rows: Sequence[Row], numbers: Mapping[str, int]) -> list[Choice]:
    """Two rows, one per author, tell of one choice: the first in the order of names is kept."""
    texts = {(row["image_id"], row["author"]): text_of(row) for row in rows}
    found = []
    for row in rows:
        other = (row["image_id"], row["opponent"])
        if row["won"] is None or row["author"] > row["opponent"] or other not in texts:
            continue
        sides = (_author(row["author"]), _author(row["opponent"]))
        judge, won = numbers[row["judge"]], float(row["won"])
        found.append(Choice(row["image_id"], judge, *sides, text_of(row), texts[other], won))
    return sorted(found, key=lambda each: (each.image_id, each.judge, each.first, each.second))


def mean(values: Sequence[float]) -> float:
    """The mean, nan of nothing."""
    return float(np.mean(values)) if values else float("nan")
