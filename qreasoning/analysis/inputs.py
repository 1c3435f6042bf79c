"""What a report is made from: its settings, a dataset version, and predictions on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet
from pydantic import Field

from qreasoning.errors import DataError
from qreasoning.records import chains_schema, predictions_schema
from qreasoning.settings import Settings
from qreasoning.workspace import Workspace

SPLITS = ("train", "validation", "test")

Row = dict[str, Any]


class ReportSettings(Settings):
    """The model of `analysis/report.yaml`."""

    stem: bool = False
    """Reduce words to their Porter stem before ROUGE-1."""
    gallery: int = Field(default=12, ge=0, le=60)
    """How many pictures are shown with their human and model chains."""


@dataclass(frozen=True)
class Predictions:
    """One model's rows on one split of the dataset; a row per picture and condition."""

    model: str
    split: str
    path: Path
    rows: tuple[Row, ...]


def read_predictions(
    workspace: Workspace, dataset: Path, names: Sequence[str] | None
) -> list[Predictions]:
    """Predictions on a dataset version: those of `names` in their order, or all on its test split.

    A name is `<model>` (the test split) or `<model>/<data>`. Raises DataError where there are none,
    and for a file that is damaged, repeats a row, or belongs to another dataset.
    """
    prefix = f"{dataset.parent.name}-{dataset.name}-"
    there = {
        f"{path.parent.name}/{path.stem}": path
        for path in sorted(workspace.predictions.glob(f"*/{prefix}*.parquet"))
        if path.stem.removeprefix(prefix) in SPLITS
    }
    if names is None:
        wanted = [name for name in there if name.endswith(f"/{prefix}test")]
    else:
        wanted = [name if "/" in name else f"{name}/{prefix}test" for name in names]
    missing = next((name for name in wanted if name not in there), None)
    if missing is not None or not wanted:
        raise _nothing_there(dataset, missing, list(there))
    return [_read(name, there[name], prefix) for name in dict.fromkeys(wanted)]


def _nothing_there(dataset: Path, missing: str | None, there: Sequence[str]) -> DataError:
    data = f"{dataset.parent.name} {dataset.name}"
    if missing is not None and there:
        return DataError(
            f"There are no predictions '{missing}' on {data}. There are: {', '.join(there)}."
        )
    what = f"no predictions '{missing}'" if missing else "no predictions"
    return DataError(f"There are {what} on the test split of {data}. Make some with: qr predict")


def _read(name: str, path: Path, prefix: str) -> Predictions:
    try:
        rows = parquet.read_table(path).select(predictions_schema().names).to_pylist()
    except (pa.ArrowException, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path} cannot be read ({reason}). Make it again: qr predict") from None
    seen = set()
    for row in rows:
        key = (row["image_id"], row["condition"])
        if key in seen:
            raise DataError(
                f"{path} holds two {row['condition']} rows of {row['name']}. "
                "Make it again with: qr predict"
            )
        seen.add(key)
    return Predictions(name.split("/")[0], path.stem.removeprefix(prefix), path, tuple(rows))


def read_chains(dataset: Path, split: str) -> list[Row]:
    """The `chains` rows of a split, without the pictures, sorted by `image_id`."""
    columns = [name for name in chains_schema().names if name != "image"]
    rows: list[Row] = []
    for path in sorted((dataset / "data" / "chains").glob(f"{split}-*.parquet")):
        rows += parquet.read_table(path, columns=columns).to_pylist()
    return sorted(rows, key=lambda row: row["image_id"])


def read_pictures(dataset: Path, split: str, image_ids: Sequence[str]) -> dict[str, bytes]:
    """The bytes of some pictures of a split, those that the dataset holds, by `image_id`."""
    found: dict[str, bytes] = {}
    for path in sorted((dataset / "data" / "chains").glob(f"{split}-*.parquet")):
        table = parquet.read_table(
            path, columns=["image_id", "image"], filters=[("image_id", "in", list(image_ids))]
        )
        for row in table.to_pylist():
            if row["image"] is not None:
                found[row["image_id"]] = row["image"]["bytes"]
    return found
