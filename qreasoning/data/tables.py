"""Parquet files that `datasets.load_dataset` opens with their feature types, pictures included."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from qreasoning.data.rows import Row

BATCH = 100
"""Rows per row group: few, since each may carry a picture of some megabytes."""


def write_table(
    path: Path, rows: Sequence[Row], schema: pa.Schema, image: Callable[[Row], Row | None]
) -> None:
    """Write `rows` to `path`. `image(row)` gives the value of a column `image`, read batch-wise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Dictionaries cannot shorten pictures or free text; without them the writer needs less memory.
    with parquet.ParquetWriter(path, with_features(schema), use_dictionary=False) as writer:
        for batch in _batches(rows):
            if "image" in schema.names:
                batch = [{**row, "image": image(row)} for row in batch]
            writer.write_table(pa.Table.from_pylist(batch, schema=writer.schema))


def _batches(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]


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
