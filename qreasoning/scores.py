"""MOS lists: reading them, and mapping their unit to [1, 5] with the bounds that were used."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from qreasoning.errors import DataError
from qreasoning.settings import Settings

LOW, HIGH = 1.0, 5.0


class ScoreColumns(Settings):
    """Which columns of a score list hold what."""

    image: str = "image"
    """The picture's file name, relative to the pictures' folder."""
    mos: str = "mos"
    """The mean opinion score in the set's own unit."""
    mos_std: str | None = None
    """Its standard deviation, same unit."""
    split: str | None = None
    """A published split: train, validation or test; honoured where it is there."""
    reference: str | None = None
    """The pristine picture that a distorted one comes from: all of them share a split."""


class ScoreSet(Settings):
    """One MOS list of a study, as `dataset.yaml` names it."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    """The set's name (`mos_set`): ranks and margins are compared only within it."""
    file: Path
    """CSV or Parquet, relative to the study."""
    images: Path | None = None
    """The folder of its pictures, relative to the study; none if only scores are at hand."""
    columns: ScoreColumns = ScoreColumns()
    """Names of its columns."""
    range: tuple[float, float]
    """The bounds of the unit (worst, best), mapped to 1 and 5; worst > best for a DMOS."""

    @model_validator(mode="after")
    def _bounds_differ(self) -> "ScoreSet":
        if not all(map(math.isfinite, self.range)) or self.range[0] == self.range[1]:
            raise ValueError("range needs two finite bounds that differ")
        return self


@dataclass(frozen=True)
class Score:
    """One picture's score: raw in the set's unit, `mos` on [1, 5]."""

    name: str
    mos_raw: float
    mos: float
    split: str | None
    reference: str | None


def to_mos(raw: float, bounds: tuple[float, float]) -> float:
    """Map `raw` linearly from `bounds` (worst, best) to [1, 5]."""
    worst, best = bounds
    return LOW + (HIGH - LOW) * (raw - worst) / (best - worst)


def read_scores(score_set: ScoreSet, root: Path) -> list[Score]:
    """Read a MOS list, sorted by image name.

    Raises DataError, naming the file and the row, for a missing file or column, a score that is no
    finite number or lies outside the range, an image listed twice, or an unknown split.
    """
    path = root / score_set.file
    columns = score_set.columns
    rows = _read_rows(path, [name for name in vars(columns).values() if name])
    scores: dict[str, Score] = {}
    for number, row in enumerate(rows, start=1):
        score = _score(row, score_set, f"{path}, row {number}")
        if score.name in scores:
            raise DataError(f"{path}, row {number}: {score.name} is listed twice. Remove one row.")
        scores[score.name] = score
    return [scores[name] for name in sorted(scores)]


def _read_rows(path: Path, columns: list[str]) -> list[dict[str, Any]]:
    import pyarrow as pa
    from pyarrow import csv, parquet

    if not path.is_file():
        raise DataError(f"The score list {path} is missing. Put it there, or correct 'file'.")
    try:
        if path.suffix == ".parquet":
            table = parquet.read_table(path)
        else:
            options = csv.ConvertOptions(strings_can_be_null=True)
            table = csv.read_csv(path, convert_options=options)
    except pa.ArrowException as error:
        raise DataError(f"{path} cannot be read as a table ({error}). Correct the file.") from None
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise DataError(
            f"{path} has no column '{missing[0]}' (it has {', '.join(table.column_names)}). "
            "Name its columns under 'columns'."
        )
    rows: list[dict[str, Any]] = table.select(columns).to_pylist()
    return rows


def _score(row: Mapping[str, Any], score_set: ScoreSet, place: str) -> Score:
    columns = score_set.columns
    raw = row[columns.mos]
    if not isinstance(raw, (int, float)) or not math.isfinite(raw):
        raise DataError(f"{place}: the score {raw!r} is no finite number. Correct or remove it.")
    if not min(score_set.range) <= raw <= max(score_set.range):
        raise DataError(f"{place}: the score {raw} is outside {list(score_set.range)}. Correct it.")
    split = row[columns.split] if columns.split else None
    if split not in (None, "train", "validation", "test"):
        raise DataError(f"{place}: the split is '{split}'. Use train, validation or test.")
    reference = row[columns.reference] if columns.reference else None
    return Score(
        name=str(row[columns.image]),
        mos_raw=float(raw),
        mos=to_mos(float(raw), score_set.range),
        split=split,
        reference=None if reference is None else str(reference),
    )
