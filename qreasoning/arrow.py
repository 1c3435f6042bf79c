"""Arrow arrays and tables of Python values, without pandas; and Parquet files in pieces.

`pyarrow.array` and `Table.from_pylist` import pandas where it is installed, only to see that they
were given none of its objects: a second, and 40 MB that a pull of a large project has not to spare.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa


def open_parquet(path: Path) -> Any:
    """A `pyarrow.parquet.ParquetFile` to be read in pieces: memory holds one of them.

    By default pyarrow keeps all that was read of a file until it is closed. A buffered stream reads
    page by page, whatever the size of a row group.
    """
    from pyarrow import parquet

    return parquet.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False)


def table(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """What `pyarrow.Table.from_pylist` gives; the types are those that `array` knows."""
    columns = [array([row.get(field.name) for row in rows], field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def array(values: Iterable[Any], kind: pa.DataType) -> pa.Array:
    """An array of strings, numbers, booleans or lists of them, null where a value is None.

    Raises OverflowError for an integer that the type has no room for.
    """
    values = list(values)
    nulls = sum(each is None for each in values)
    valid = _bits([each is not None for each in values]) if nulls else None
    if pa.types.is_string(kind):
        texts = [(each or "").encode() for each in values]
        buffers = [valid, _offsets(texts), pa.py_buffer(b"".join(texts))]
        return pa.Array.from_buffers(kind, len(values), buffers, nulls)
    if pa.types.is_list(kind):
        lists = [each or () for each in values]
        inner = array([each for some in lists for each in some], kind.value_type)
        return pa.Array.from_buffers(kind, len(values), [valid, _offsets(lists)], nulls, 0, [inner])
    filled = [0 if each is None else each for each in values]
    if pa.types.is_boolean(kind):
        content = _bits(filled)
    else:
        content = pa.py_buffer(np.array(filled, kind.to_pandas_dtype()))
    return pa.Array.from_buffers(kind, len(values), [valid, content], nulls)


def numbers_of(values: pa.Array) -> np.ndarray[Any, Any]:
    """What `to_numpy` gives for an array of whole numbers; raises ValueError where one is null."""
    if values.null_count:
        raise ValueError("an array with nulls has no numbers for them")
    kind = np.dtype(values.type.to_pandas_dtype())
    content = values.buffers()[1] or b""
    return np.frombuffer(content, kind, len(values), values.offset * kind.itemsize)


def _offsets(values: Sequence[Sequence[Any]]) -> pa.Buffer:
    """Where each begins, and the end; a batch of ours is far below the 2 GB that they reach."""
    return pa.py_buffer(np.cumsum([0, *map(len, values)]).astype(np.int32))


def _bits(values: Sequence[Any]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(np.array(values, np.bool_), bitorder="little"))
