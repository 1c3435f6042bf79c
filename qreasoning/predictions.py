"""Reading a model's chains from `outputs/predictions/<model>/<data>.parquet`."""

import math
from pathlib import Path

from qreasoning.chain import Chain
from qreasoning.errors import DataError


def read_chains(folder: Path, name: str) -> dict[str, Chain]:
    """By image id, the chains of the image condition that have a text; `name` is `<model>/<data>`.

    Raises DataError listing what there is where there is no such file, or where it is none.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / f"{name}.parquet"
    if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
        there = sorted(
            each.relative_to(folder).with_suffix("").as_posix()
            for each in folder.glob("*/*.parquet")
        )
        raise DataError(
            f"There are no predictions '{name}' in {folder}. "
            f"There are: {', '.join(there) or 'none'}. Make them with: qr predict"
        )
    wanted = ["image_id", "condition", "caption", "reasoning", "rating"]
    try:
        rows = pq.read_table(path, columns=wanted).to_pylist()
    except (pa.ArrowException, KeyError, OSError) as error:
        raise DataError(
            f"{path} is no predictions file ({error}). Make it again with: qr predict"
        ) from None
    chains = {
        row["image_id"]: Chain(row["caption"], row["reasoning"], _known(row["rating"]))
        for row in rows
        if row["condition"] == "image"
    }
    return {image_id: chain for image_id, chain in chains.items() if chain.text.strip()}


def _known(rating: float | None) -> float | None:
    return None if rating is None or math.isnan(rating) else rating
