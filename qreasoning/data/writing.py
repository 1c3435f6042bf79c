"""One shard of a version: its files, its rows in the index, and what is counted of it."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qreasoning.data.hashing import as_hashes, digest_of
from qreasoning.data.partition import positions
from qreasoning.data.previous import TABLES, file_name, index_of, keep, read_kept
from qreasoning.data.shard import Shard
from qreasoning.data.spec import SPLITS
from qreasoning.data.tables import write_table
from qreasoning.data.version import Difference, compare
from qreasoning.errors import DataError
from qreasoning.images import identity
from qreasoning.records import annotations_schema, chains_schema

SUPERVISED, CHAIN_ONLY, MOS_ONLY = "supervised", "chain_only", "mos_only"


@dataclass(frozen=True)
class Written:
    """What became of one shard: digests of its tables by name, counts, and the difference to the
    version before."""

    digests: dict[str, str]
    counts: Counter[tuple[str, ...]]
    difference: Difference


def write_shard(
    shard: Shard,
    index: pa.Table,
    number: int,
    of: int,
    work: Path,
    before: pa.Table,
    dimension_ids: tuple[str, ...],
) -> Written:
    """Write the files of one shard into the draft of a version in `work`, and beside it its
    `index` and its part of what is kept aside. `before` is the index of the version before."""
    answers_schema = annotations_schema(dimension_ids)
    for place, split in enumerate(SPLITS):
        file = file_name(split, number, of)
        rows = _of_split(shard.pictures, place)
        write_table(work / "draft/data/chains" / file, rows, chains_schema(), _picture)
        rows = _of_split(shard.answers, place)
        write_table(work / "draft/data/annotations" / file, rows, answers_schema)
    keep(work / f"index/quarantine-{number}.arrow", shard.quarantine)
    keep(work / f"index/left-out-{number}.arrow", shard.left_out)
    keep(work / f"index/{number}.arrow", index)
    return _described(shard, index, number, before)


def _of_split(rows: pa.Table, place: int) -> pa.Table:
    """The rows of one split: they are sorted by split."""
    places = positions(rows["split"], pa.array(SPLITS))
    first, last = np.searchsorted(places, [place, place + 1])
    return rows.slice(first, last - first)


def _picture(file: str, image_id: str) -> bytes:
    content = Path(file).read_bytes()
    if identity(content) != image_id:
        raise DataError(f"{file} changed while the dataset was built. Build it again.")
    return content


def _described(shard: Shard, index: pa.Table, number: int, before: pa.Table) -> Written:
    values, tables = as_hashes(index["value"]), index["table"].to_numpy()
    digests = {
        f"{name}/{number:05d}": digest_of(values[tables == place])
        for place, name in enumerate(TABLES)
    }
    left_out = shard.left_out.select(["image_id", "findings"]).to_pylist()
    digests |= {f"left out/{row['image_id']}": ";".join(row["findings"]) for row in left_out}
    return Written(digests, _counts(shard), compare(before, index))


def index_shard(shard: Shard) -> pa.Table:
    """The index of a shard that was decided as a whole."""
    pictures = shard.pictures.drop_columns(["file", "chains"]).append_column(
        "has_picture", shard.pictures["file"].is_valid()
    )
    per_picture = pc.list_value_length(shard.pictures["chains"]).to_numpy()
    hashes = as_hashes(shard.answers["hash"])
    return index_of(pictures, per_picture, shard.answers, hashes, shard.quarantine)


def _counts(shard: Shard) -> Counter[tuple[str, ...]]:
    """Numbers of rows, by what is counted."""
    per_picture = pc.list_value_length(shard.pictures["chains"]).to_numpy()
    counts: Counter[tuple[str, ...]] = Counter()
    scored = pc.equal(shard.pictures["mos_source"], "benchmark").to_numpy()
    for place, split in enumerate(SPLITS):
        mine = positions(shard.pictures["split"], pa.array(SPLITS)) == place
        counts["images", split] = int(mine.sum())
        counts["chains", split] = int((mine & (per_picture > 0)).sum())
        counts["annotations", split] = int(per_picture[mine].sum())
    counts[SUPERVISED,] = int((scored & (per_picture > 0)).sum())
    counts[CHAIN_ONLY,] = int((~scored).sum())
    counts[MOS_ONLY,] = int((scored & (per_picture == 0)).sum())
    counts["quarantined",] = shard.quarantine.num_rows
    counts["quarantined_images",] = shard.left_out.num_rows
    for what, lists in (
        ("reasons", shard.quarantine["reject"]),
        ("warnings", shard.answers["findings"]),
        ("image_reasons", shard.left_out["findings"]),
    ):
        counts.update(_reasons(what, lists))
    for number, images in Counter(per_picture.tolist()).items():
        counts["overlap", str(number)] = images
    return counts


def _reasons(what: str, lists: pa.ChunkedArray) -> Counter[tuple[str, ...]]:
    # "caption too short (2 of 3 words)" counts as "caption too short".
    texts = pc.list_flatten(lists)
    plain = pc.replace_substring_regex(texts, r"(?s) \(.*", "")
    return Counter({(what, each["values"]): each["counts"] for each in _counted(plain)})


def _counted(texts: pa.ChunkedArray) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pc.value_counts(texts).to_pylist()
    return found


def gather_parts(work: Path, name: str, of: int, target: Path, schema: pa.Schema) -> int:
    """Write the parts `<name>-<shard>.arrow` as one Parquet file; how many rows it has."""
    from pyarrow import parquet

    count = 0
    with parquet.ParquetWriter(target, schema, compression="zstd") as writer:
        for number in range(of):
            rows = read_kept(work / "index" / f"{name}-{number}.arrow").select(schema.names)
            keys = [name for name in ("image_id", "annotator", "project") if name in schema.names]
            rows = rows.sort_by([(key, "ascending") for key in keys])
            count += rows.num_rows
            if rows.num_rows:
                writer.write_table(rows.cast(schema))
    return count
