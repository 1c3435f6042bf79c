"""Ratings on the public score sets: manifests in a folder, predictions where they exist."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qreasoning.analysis.flat import Place, Record, record
from qreasoning.errors import DataError
from qreasoning.metrics import bootstrap
from qreasoning.metrics.bootstrap import Estimate
from qreasoning.workspace import Workspace, slug


@dataclass(frozen=True)
class Measured:
    """A model on one score set and condition; `split` is the set's name."""

    model: str
    condition: str
    score_set: str
    srcc: Estimate
    plcc: Estimate


def read_manifests(folder: Path) -> dict[str, dict[str, float]]:
    """Per score set (the file's name) the MOS of its test pictures by file name.

    A manifest is Parquet or CSV with the columns image, mos and, where there is a training part,
    split. Scores are raw: correlations do not mind the unit, but higher must be better. Raises
    DataError for a folder without manifests, a column that is missing, or a picture listed twice.
    """
    files = [each for each in sorted(folder.glob("*")) if each.suffix in (".parquet", ".csv")]
    if not files:
        raise DataError(
            f"There are no score manifests (*.parquet, *.csv) in {folder}. "
            "Name the folder that holds them: --benchmarks DIR"
        )
    return {slug(path.stem).lower(): _read_manifest(path) for path in files}


def _read_manifest(path: Path) -> dict[str, float]:
    import pyarrow as pa
    from pyarrow import csv, parquet

    try:
        table = parquet.read_table(path) if path.suffix == ".parquet" else csv.read_csv(path)
        columns = [name for name in table.column_names if name in ("image", "mos", "split")]
        if len(columns) != len(set(columns)):
            raise DataError(f"{path} has a column twice ({', '.join(columns)}). Remove one.")
        rows = table.select(columns).to_pylist()
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path} cannot be read as a table ({reason}). Replace it.") from None
    if not {"image", "mos"} <= set(columns):
        raise DataError(f"{path} needs the columns 'image' and 'mos'. Rename its columns.")
    found: dict[str, float] = {}
    for row in rows:
        if row.get("split", "test") != "test":
            continue
        if row["image"] in found:
            raise DataError(f"{path} lists {row['image']} twice. Remove one of the rows.")
        try:
            found[row["image"]] = float("nan") if row["mos"] is None else float(row["mos"])
        except (TypeError, ValueError, OverflowError):
            raise DataError(
                f"{path}: the MOS of {row['image']} is {row['mos']!r:.80}, no number. Correct it."
            ) from None
    return found


def measure_benchmarks(
    workspace: Workspace, manifests: dict[str, dict[str, float]], repetitions: int
) -> list[Measured]:
    """Every model in `outputs/predictions` on every set that it has a file for.

    A file belongs to a set if it is called as the manifest is: `<model>/koniq.parquet` is made by
    `qr predict --images …/koniq`. Pictures are matched by their name. Raises DataError where a
    file shares no picture with its manifest.
    """
    found = []
    for name, mos in manifests.items():
        files = sorted(workspace.predictions.glob("*/*.parquet"))
        columns = [
            (path.parent.name, condition, ratings)
            for path in files
            if path.stem.lower() == name
            for condition, ratings in _ratings(path, mos).items()
        ]
        if columns:
            found += _measure(name, mos, columns, repetitions)
    return found


def _measure(
    name: str,
    mos: dict[str, float],
    columns: list[tuple[str, str, dict[str, float]]],
    repetitions: int,
) -> list[Measured]:
    target = np.array(list(mos.values()))
    table = np.array([[given.get(image, np.nan) for image in mos] for _, _, given in columns]).T
    srcc = bootstrap.intervals(bootstrap.srcc(table, target, repetitions=repetitions))
    plcc = bootstrap.intervals(bootstrap.plcc(table, target, repetitions=repetitions))
    return [
        Measured(model, condition, name, srcc[place], plcc[place])
        for place, (model, condition, _) in enumerate(columns)
    ]


def _ratings(path: Path, known: dict[str, float]) -> dict[str, dict[str, float]]:
    """Per condition the readable ratings by the picture's name."""
    import pyarrow as pa
    from pyarrow import parquet

    columns = ["name", "condition", "rating", "status"]
    try:
        rows = parquet.read_table(path, columns=columns).to_pylist()
    except (pa.ArrowException, KeyError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path} cannot be read ({reason}). Make it again: qr predict") from None
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        ratings = found.setdefault(row["condition"], {})
        if row["status"] == "ok" and row["rating"] is not None:
            ratings[row["name"]] = float(row["rating"])
    if not any(row["name"] in known for row in rows):
        raise DataError(
            f"No picture of {path} is in the manifest of {path.stem}. Predict on the folder that "
            "the manifest's names are relative to."
        )
    return found


def benchmark_records(measured: list[Measured]) -> list[Record]:
    """The benchmarks' numbers as flat records: the set's name is the split."""
    return [
        record(Place(each.model, each.condition, each.score_set), metric, "raw", estimate)
        for each in measured
        for metric, estimate in (("plcc", each.plcc), ("srcc", each.srcc))
    ]
