"""Versions on disk, and an index of what the newest holds: in the cache, made again if lost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from qreasoning.data.hashing import as_column, as_hashes, codes, fixed_bytes, hashes_of, row_hashes
from qreasoning.data.partition import positions, shard_of
from qreasoning.data.spec import SPLITS
from qreasoning.data.version import newest_version
from qreasoning.files import read_manifest, replace_folder

QUARANTINE = "quarantine.parquet"
TABLES = ("chains", "annotations", "quarantine")

INDEX_SCHEMA = pa.schema(
    [
        ("table", pa.int8()),
        ("image", pa.uint64()),
        ("key", pa.uint64()),
        ("value", pa.binary(32)),
        ("split", pa.int8()),
    ]
)
"""A row of a version: its table (a place in `TABLES`), the codes of its picture and of its key, the
hash of all its values, and its split (a place in `SPLITS`; -1 in the quarantine)."""

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Version:
    """A complete version."""

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def number(self) -> str:
        """`1.0.0`."""
        return self.folder.name

    @property
    def shards(self) -> int:
        """Into how many files each split is divided."""
        return int(self.manifest.get("shards", 1))

    def index(self, shard: int, of: int) -> pa.Table:
        """The index of the pictures of one shard of `of`. Shards of another number nest in these,
        or these in them: both are leading bits."""
        first = shard * self.shards // of
        last = max(first + 1, (shard + 1) * self.shards // of)
        folder = index_folder(self.folder.parent, self.manifest["content_sha256"])
        parts = [read_kept(folder / f"{number}.arrow") for number in range(first, last)]
        rows = pa.concat_tables(parts)
        if self.shards < of:
            bits = np.uint64(64 - (of.bit_length() - 1))
            mine = (rows["image"].to_numpy() >> bits) == np.uint64(shard)
            rows = rows.filter(pa.array(mine))
        return rows

    def rows(self, table: str, shard: int, of: int, without: Sequence[str] = ()) -> pa.Table:
        """The rows of a table without pictures' bytes and the columns `without`, for the pictures
        of one shard of `of`; `annotations` with their `split`."""
        if table == "quarantine":
            return parquet.read_table(self.folder / QUARANTINE)
        first = shard * self.shards // of
        last = max(first + 1, (shard + 1) * self.shards // of)
        parts = [
            _without(
                ("image", *without),
                self.folder / "data" / table / file_name(split, number, self.shards),
                split,
            )
            for split in SPLITS
            for number in range(first, last)
        ]
        rows = pa.concat_tables(parts)
        if self.shards < of:
            rows = rows.filter(pa.array(shard_of(rows["image_id"], of) == shard))
        return rows


def version_of(folder: Path) -> Version | None:
    """A version by its folder, or None where it is not there or not complete."""
    manifest = read_manifest(folder)
    return None if manifest is None else Version(folder, manifest)


def newest(folder: Path) -> Version | None:
    """The newest complete version of a dataset with its index, or None where there is none."""
    number = newest_version(folder)
    version = version_of(folder / number) if number else None
    if version is None:
        return None
    where = index_folder(folder, version.manifest["content_sha256"])
    if not where.is_dir():
        replace_folder(where, lambda draft: _index_again(version, draft))
    return version


def _without(columns: Sequence[str], path: Path, split: str) -> pa.Table:
    with parquet.ParquetFile(path) as file:
        names = [name for name in file.schema_arrow.names if name not in columns]
        rows = file.read(columns=names)
    if "split" in names:
        return rows
    return rows.append_column("split", pa.array([split] * rows.num_rows, pa.string()))


def _index_again(version: Version, draft: Path) -> None:
    """The index of a version, from its files."""
    kept_aside = parquet.read_table(version.folder / QUARANTINE)
    bounds = shard_of(kept_aside["image_id"], version.shards)
    for shard in range(version.shards):
        mine = kept_aside.filter(pa.array(bounds == shard))
        keep(draft / f"{shard}.arrow", _index_of_files(version, shard, mine))


def _index_of_files(version: Version, shard: int, kept_aside: pa.Table) -> pa.Table:
    parts: dict[str, list[pa.Table]] = {"chains": [], "annotations": []}
    for split in SPLITS:
        for table, found in parts.items():
            path = version.folder / "data" / table / file_name(split, shard, version.shards)
            rows = parquet.read_table(path)
            if table == "annotations":
                rows = rows.append_column("split", pa.array([split] * rows.num_rows, pa.string()))
            found.append(rows)
    chains, answers = (pa.concat_tables(each) for each in parts.values())
    counts = pc.list_value_length(chains["chains"]).to_numpy()
    pictures = chains.drop_columns(["image", "chains"])
    pictures = pictures.append_column("has_picture", chains["image"].is_valid())
    names = [name for name in kept_aside.column_names if name != "findings"]
    hashes, aside = (
        row_hashes([rows[name].combine_chunks() for name in names])
        for rows in (answers, kept_aside)
    )
    kept_aside = kept_aside.append_column("hash", as_column(aside))
    return index_of(pictures, counts, answers, hashes, kept_aside)


def index_folder(dataset: Path, content_sha256: str) -> Path:
    """Where the index of a version is: `outputs/cache/datasets/<name>/<content>`. It follows from
    the version, so it may be deleted."""
    return dataset.parent.parent / "cache" / "datasets" / dataset.name / content_sha256


def keep(path: Path, rows: pa.Table) -> None:
    """Write what is only read again by `read_kept`."""
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)


def read_kept(path: Path) -> pa.Table:
    """What `keep` wrote, mapped into memory."""
    return pa.ipc.open_stream(pa.memory_map(str(path))).read_all()


def picture_codes(image_ids: pa.Array | pa.ChunkedArray) -> Array:
    """The code of each id."""
    ids = image_ids.combine_chunks() if isinstance(image_ids, pa.ChunkedArray) else image_ids
    encoded = ids.dictionary_encode()
    known = codes(hashes_of(encoded.dictionary))
    result: Array = known[encoded.indices.to_numpy()]
    return result


def entries(table: str, images: Array, keys: Array, values: Array, splits: Array) -> pa.Table:
    """Rows of the index; `values` (n, 32)."""
    columns = [
        pa.array(np.full(len(keys), TABLES.index(table), np.int8)),
        pa.array(images.astype(np.uint64)),
        pa.array(keys.astype(np.uint64)),
        as_column(values),
        pa.array(splits.astype(np.int8)),
    ]
    return pa.table(columns, schema=INDEX_SCHEMA)


def answer_keys(rows: pa.Table) -> Array:
    """The code of whose answer to what each row is."""
    names = ("image_id", "annotator", "project")
    return codes(row_hashes([rows[name].combine_chunks() for name in names]))


def answer_values(hashes: Array, findings: pa.Array | pa.ChunkedArray) -> Array:
    """SHA-256 of answers with what was found about them, from those without: (n, 32)."""
    some = np.flatnonzero(pc.fill_null(pc.greater(pc.list_value_length(findings), 0), False))
    if not len(some):
        return hashes
    findings = findings.combine_chunks() if isinstance(findings, pa.ChunkedArray) else findings
    base = pa.array([row.tobytes() for row in hashes[some]], pa.binary())
    values = hashes.copy()
    values[some] = row_hashes([base, findings.take(pa.array(some))])
    return values


def picture_values(pictures: pa.Table, hashes: Array, counts: Array) -> Array:
    """SHA-256 of pictures, each with the hashes of its answers: `counts` of them for each, in the
    order of the pictures. `pictures` has the columns of `chains_schema` but `image` and `chains`,
    and `has_picture`."""
    columns = [pictures[name].combine_chunks() for name in pictures.column_names]
    columns = [_octets(each) if pa.types.is_list(each.type) else each for each in columns]
    bounds = np.concatenate([[0], np.cumsum(counts)]) * hashes.shape[1]
    return row_hashes([*columns, _binary(bounds, hashes)])


def _octets(lists: pa.Array) -> pa.Array:
    """Lists of structs as bytes, for hashing: their numbers. (Their texts are the dimensions, which
    a version names once.)"""
    values = lists.flatten()
    if not len(values):
        return pa.array([b""] * len(lists), pa.binary())
    rows = fixed_bytes(values.flatten())
    lengths = lists.value_lengths().to_numpy(zero_copy_only=False)
    return _binary(np.concatenate([[0], np.cumsum(lengths)]) * rows.shape[1], rows)


def _binary(bounds: Array, content: Array) -> pa.Array:
    buffers = [None, pa.py_buffer(bounds.astype(np.int32)), pa.py_buffer(content.tobytes())]
    return pa.Array.from_buffers(pa.binary(), len(bounds) - 1, buffers)


def index_of(
    pictures: pa.Table, counts: Array, answers: pa.Table, hashes: Array, kept_aside: pa.Table
) -> pa.Table:
    """The index of one shard, the rows of each table in their order.

    `pictures` as in `picture_values`; `answers` with the `split` of each row, in the order of the
    pictures, and their `hashes`; `kept_aside` the quarantine with a column `hash`.
    """
    ids = picture_codes(pictures["image_id"])
    aside = answer_values(as_hashes(kept_aside["hash"]), kept_aside["findings"])
    parts = [
        entries(
            *("chains", ids, ids),
            *(picture_values(pictures, hashes, counts), _splits(pictures)),
        ),
        entries(
            *("annotations", picture_codes(answers["image_id"]), answer_keys(answers)),
            *(answer_values(hashes, answers["findings"]), _splits(answers)),
        ),
        entries(
            *("quarantine", picture_codes(kept_aside["image_id"]), answer_keys(kept_aside)),
            *(aside, np.full(kept_aside.num_rows, -1)),
        ),
    ]
    return pa.concat_tables(parts)


def file_name(split: str, shard: int, of: int) -> str:
    """The name of one file of a split."""
    return f"{split}-{shard:05d}-of-{of:05d}.parquet"


def _splits(rows: pa.Table) -> Array:
    result: Array = positions(rows["split"], pa.array(SPLITS))
    return result
