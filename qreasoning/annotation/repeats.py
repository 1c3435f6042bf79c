"""First and second answers of the same annotator to the same picture, as `repeats.parquet`."""

from collections.abc import Sequence
from typing import Any

from qreasoning.annotation.panel import rating
from qreasoning.records import Annotation

REPEATS = "repeats.parquet"

Pair = tuple[Annotation, Annotation]

_TIMES = ("first", "second")
_TEXTS = ("caption", "reasoning", "created")


def repeats_parquet(pairs: Sequence[Pair], dimension_ids: Sequence[str]) -> bytes:
    """The pairs as a Parquet file: a row each, every field with `_first` and `_second`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = (*dimension_ids, "overall")
    types = {
        **dict.fromkeys(names, pa.int8()),
        **dict.fromkeys(_TEXTS, pa.string()),
        "seconds": pa.float64(),
    }
    keys = ("image_id", "name", "annotator", "project")
    schema = pa.schema(
        [
            *((key, pa.string()) for key in keys),
            *((f"{name}_{time}", kind) for name, kind in types.items() for time in _TIMES),
        ]
    )
    rows = [_row(pair, keys, names) for pair in pairs]
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), buffer)
    content: bytes = buffer.getvalue().to_pybytes()
    return content


def _row(pair: Pair, keys: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    row: dict[str, Any] = {key: getattr(pair[0], key) for key in keys}
    for time, answer in zip(_TIMES, pair, strict=True):
        row |= {f"{name}_{time}": rating(answer, name) for name in names}
        row |= {f"{name}_{time}": getattr(answer, name) for name in (*_TEXTS, "seconds")}
    return row
