"""What a report is made from: a dataset version, and predictions on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from qreasoning.analysis.foreign import SUFFIXES, read_foreign
from qreasoning.analysis.options import ForeignColumns
from qreasoning.errors import DataError
from qreasoning.records import chains_schema, predictions_schema
from qreasoning.workspace import Workspace, slug

SPLITS = ("train", "validation", "test")

Row = dict[str, Any]


@dataclass(frozen=True)
class Predictions:
    """One model's rows on one split of the dataset; a row per picture and condition."""

    model: str
    split: str
    path: Path
    rows: tuple[Row, ...]
    elsewhere: bool = False
    """Whether the chains were made elsewhere and only read from a file."""


def read_predictions(
    workspace: Workspace,
    dataset: Path,
    names: Sequence[str] | None,
    columns: ForeignColumns | None = None,
) -> list[Predictions]:
    """Predictions on a dataset version: those of `names` in their order, or all on its test split.

    A name is `<model>` (the test split), `<model>/<data>`, or the path of a JSONL or Parquet file
    with chains made elsewhere for the test split, whose `columns` are mapped. Raises DataError
    where there are none, and for a file that is damaged, repeats a row, or belongs to another
    dataset; two models of one name are an error too.
    """
    prefix = f"{dataset.parent.name}-{dataset.name}-"
    there = {
        f"{path.parent.name}/{path.stem}": path
        for path in sorted(workspace.predictions.glob(f"*/{prefix}*.parquet"))
        if path.stem.removeprefix(prefix) in SPLITS
    }
    if names is None:
        names = [name for name in there if name.endswith(f"/{prefix}test")]
        if not names:
            raise _nothing_there(dataset, None, list(there))
    found = []
    for name in dict.fromkeys(names):
        if name.endswith(SUFFIXES):
            found.append(_read_elsewhere(Path(name), dataset, columns or ForeignColumns()))
            continue
        full = name if "/" in name else f"{name}/{prefix}test"
        if full not in there:
            raise _nothing_there(dataset, full, list(there))
        found.append(_read(full, there[full], prefix))
    return _refuse_twins(list({each.path: each for each in found}.values()))


def _read_elsewhere(path: Path, dataset: Path, columns: ForeignColumns) -> Predictions:
    if not path.is_file():
        raise DataError(f"There is no file {path}. Correct the path given to --predictions.")
    rows = read_foreign(path, columns, read_chains(dataset, "test"))
    return Predictions(slug(path.stem), "test", path, tuple(rows), elsewhere=True)


def _refuse_twins(parts: list[Predictions]) -> list[Predictions]:
    seen: dict[tuple[str, str], Path] = {}
    for part in parts:
        key = (part.model, part.split)
        if key in seen:
            raise DataError(
                f"{seen[key]} and {part.path} would both be called '{part.model}' in the report. "
                "Rename one of the two files."
            )
        seen[key] = part.path
    return parts


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
    except (pa.ArrowException, KeyError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path} cannot be read ({reason}). Make it again: qr predict") from None
    if not rows:
        raise DataError(f"{path} holds no predictions. Make it again with: qr predict")
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
    if not image_ids:
        return found
    for path in sorted((dataset / "data" / "chains").glob(f"{split}-*.parquet")):
        table = parquet.read_table(
            path, columns=["image_id", "image"], filters=[("image_id", "in", list(image_ids))]
        )
        for row in table.to_pylist():
            if row["image"] is not None:
                found[row["image_id"]] = row["image"]["bytes"]
    return found


def read_ratings(dataset: Path, split: str) -> dict[str, NDArray[np.float64]]:
    """Per dimension the people's ratings of a split, of shape (pictures, annotators).

    nan where somebody did not rate. Answers that were written upon a model's are left out. Empty
    where the version has no `annotations`.
    """
    rows: list[Row] = []
    for path in sorted((dataset / "data" / "annotations").glob(f"{split}-*.parquet")):
        table = parquet.read_table(path)
        notes = [
            name.removesuffix("_note") for name in table.column_names if name.endswith("_note")
        ]
        rows += table.select(["image_id", "annotator", "prelabelled", *notes]).to_pylist()
    rows = [row for row in rows if not row["prelabelled"]]
    if not rows:
        return {}
    pictures = {each: place for place, each in enumerate(sorted({r["image_id"] for r in rows}))}
    people = {each: place for place, each in enumerate(sorted({r["annotator"] for r in rows}))}
    names = [name for name in rows[0] if name not in ("image_id", "annotator", "prelabelled")]
    shape = (len(pictures), len(people))
    ratings: dict[str, NDArray[np.float64]] = {name: np.full(shape, np.nan) for name in names}
    for row in rows:
        place = pictures[row["image_id"]], people[row["annotator"]]
        for name in names:
            if row[name] is not None:
                ratings[name][place] = row[name]
    return ratings
