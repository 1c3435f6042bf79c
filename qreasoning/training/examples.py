"""The rows of a dataset version as training and prediction need them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from qreasoning import images
from qreasoning.chain import Chain
from qreasoning.errors import DataError

COLUMNS = ["image_id", "name", "image", "mos", "mos_set", "mos_std", "chains"]


@dataclass(frozen=True)
class Example:
    """One picture: its bytes, its MOS on [1, 5] (or None) and the human chains of it.

    `mos_std` is the standard deviation of the scores behind the MOS on that scale, None if unknown.
    """

    image_id: str
    name: str
    image: bytes
    mos: float | None
    mos_set: str | None
    mos_std: float | None
    chains: tuple[Chain, ...]

    @property
    def references(self) -> tuple[str, ...]:
        """The text of each human chain."""
        return tuple(chain.text for chain in self.chains)


@dataclass(frozen=True)
class Examples:
    """The usable rows of a split, and how many have no picture in the dataset."""

    rows: tuple[Example, ...]
    without_picture: int


def read_examples(dataset: Path, split: str) -> Examples:
    """Read `data/chains/<split>-*.parquet` of a dataset version, in file order.

    Raises DataError where the folder is no dataset version or the split is empty.
    """
    rows = [row for file in split_files(dataset, split) for row in _rows(file)]
    if not rows:
        raise DataError(f"{dataset} has no rows in the split '{split}'. Choose another split.")
    examples = tuple(_example(row) for row in rows if row["image"] and row["image"]["bytes"])
    return Examples(examples, len(rows) - len(examples))


def split_files(dataset: Path, split: str) -> list[Path]:
    """The Parquet files of a split's chains, in order.

    Raises DataError where the folder is no dataset version or has no such split.
    """
    folder = dataset / "data" / "chains"
    if not folder.is_dir():
        raise DataError(f"{dataset} is no dataset version. Make one with: qr build-dataset")
    files = sorted(folder.glob(f"{split}-*.parquet"))
    if not files:
        raise DataError(f"{dataset} has no rows in the split '{split}'. Choose another split.")
    return files


def _rows(file: Path) -> list[dict]:
    known = set(pq.read_schema(file).names)
    # A version built before deviations were kept has no such column.
    rows: list[dict] = pq.read_table(file, columns=[n for n in COLUMNS if n in known]).to_pylist()
    return rows


def _example(row: dict) -> Example:
    chains = (
        Chain(chain["caption"], chain["reasoning"], chain["rating"])
        for chain in row["chains"] or ()
    )
    return Example(
        image_id=row["image_id"],
        name=row["name"],
        image=row["image"]["bytes"],
        mos=row["mos"],
        mos_set=row["mos_set"],
        mos_std=row.get("mos_std"),
        chains=tuple(chains),
    )


def decoded_pictures(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Rows of a dataset with their pictures decoded, for `with_transform`."""
    # Reading a single column asks for that column alone.
    if "image" not in batch:
        return batch
    pictures = [
        images.decode(content, name)
        for content, name in zip(batch["image"], batch["image_id"], strict=True)
    ]
    return {**batch, "image": pictures}
