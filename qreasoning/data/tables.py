"""Parquet files that `datasets.load_dataset` opens with their feature types, pictures included."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

WITH_PICTURES = 100
"""Rows per row group: few where each may carry a picture of some megabytes."""
WITHOUT = 20_000

# Columns that repeat a few values; free texts and pictures cannot be shortened by a dictionary.
_REPEATED = ("source", "split", "mos_source", "mos_set", "annotator", "project", "form_version")


def write_table(
    path: Path,
    rows: pa.Table,
    schema: pa.Schema,
    picture: Callable[[str, str], bytes] | None = None,
) -> None:
    """Write `rows` to `path` with the columns of `schema`.

    Where that has a column `image`, `rows` has `file` in its place (null: no picture at hand), and
    `picture(file, image_id)` gives its bytes; a part of the pictures is in memory at a time.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    repeated = [name for name in _REPEATED if name in schema.names]
    has_pictures = "image" in schema.names and rows["file"].null_count < rows.num_rows
    step = WITH_PICTURES if has_pictures else WITHOUT
    with parquet.ParquetWriter(
        path, with_features(schema), compression="zstd", use_dictionary=repeated
    ) as writer:
        for start in range(0, rows.num_rows, step):
            part = rows.slice(start, step)
            if "image" in schema.names:
                part = part.append_column("image", _images(part, picture))
            writer.write_table(part.select(schema.names).cast(schema), row_group_size=step)


def _images(rows: pa.Table, picture: Callable[[str, str], bytes] | None) -> pa.Array:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    if picture is None or rows["file"].null_count == rows.num_rows:
        return pa.nulls(rows.num_rows, kind)
    columns = (rows[name].to_pylist() for name in ("file", "image_id", "name"))
    return pa.array(
        [
            None if file is None else {"bytes": picture(file, image_id), "path": name}
            for file, image_id, name in zip(*columns, strict=True)
        ],
        kind,
    )


def with_features(schema: pa.Schema) -> pa.Schema:
    """The schema with Hugging Face feature types in its metadata; a column `image` is a picture."""
    features = {
        field.name: {"_type": "Image"} if field.name == "image" else _feature(field.type)
        for field in schema
    }
    return schema.with_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def _feature(kind: pa.DataType) -> Any:
    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type), "_type": "List"}
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind}
    # Hugging Face calls float64 what Arrow calls double.
    return {"dtype": {"double": "float64"}.get(str(kind), str(kind)), "_type": "Value"}
