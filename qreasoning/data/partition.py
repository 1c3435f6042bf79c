"""Tables on disk, divided by a hash of an id, so that each part fits into memory.

A part (shard) depends on the ids alone: the same rows in another order, or on another machine, are
in the same parts. A dataset's files are these parts.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qreasoning.data.hashing import Codes, codes, hashes_of

ROWS = 65_536
"""Annotations of a shard, on average at most."""
MOST = 512
"""Shards at most: each is an open file."""


def shard_count(rows: int) -> int:
    """How many shards `rows` annotations are divided into: a power of two."""
    return int(min(MOST, 2 ** max(0, int(np.ceil(np.log2(max(rows, 1) / ROWS))))))


def shard_of(ids: pa.Array | pa.ChunkedArray, count: int) -> np.ndarray[Any, Any]:
    """The shard of each id: the leading bits of its hash. `count` is a power of two."""
    if isinstance(ids, pa.ChunkedArray):
        ids = ids.combine_chunks()
    if count == 1:
        return np.zeros(len(ids), np.int64)
    encoded = ids.dictionary_encode()
    numbers = shard_of_codes(codes(hashes_of(encoded.dictionary)), count)
    result: np.ndarray[Any, Any] = numbers[encoded.indices.to_numpy()]
    return result


def shard_of_codes(numbers: Codes, count: int) -> np.ndarray[Any, Any]:
    """The shard of each id by its code, which is the first 64 bits of its hash."""
    if count == 1:
        return np.zeros(len(numbers), np.int64)
    return (numbers >> np.uint64(64 - (count.bit_length() - 1))).astype(np.int64)


class Partition:
    """A table that is being divided: `<name>-<shard>.arrow` files in a folder."""

    def __init__(self, folder: Path, name: str, schema: pa.Schema, count: int) -> None:
        self.folder, self.name, self.schema, self.count = folder, name, schema, count
        self._stack = ExitStack()
        self._writers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def add(self, rows: pa.Table, shards: np.ndarray[Any, Any]) -> None:
        """Write rows, each to its shard."""
        order = np.argsort(shards, kind="stable")
        sorted_rows = rows.select(self.schema.names).cast(self.schema)
        if self.count > 1:
            sorted_rows = sorted_rows.take(pa.array(order))
        bounds = np.searchsorted(shards[order], np.arange(self.count + 1))
        for shard in np.flatnonzero(np.diff(bounds)).tolist():
            part = sorted_rows.slice(bounds[shard], bounds[shard + 1] - bounds[shard])
            self._writer(shard).write_table(part)

    def _writer(self, shard: int) -> Any:
        if shard not in self._writers:
            sink = self._stack.enter_context(pa.OSFile(str(self.path(shard)), "wb"))
            writer = pa.ipc.new_stream(sink, self.schema)
            self._writers[shard] = self._stack.enter_context(writer)
        return self._writers[shard]

    def path(self, shard: int) -> Path:
        """The file of a shard; it exists only where there are rows."""
        return self.folder / f"{self.name}-{shard}.arrow"

    def read(self, shard: int, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of a shard, in no particular order."""
        return read_part(self.path(shard), self.schema, columns)


def read_part(path: Path, schema: pa.Schema, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of a part's file, mapped into memory; none where there is no file."""
    if not path.is_file():
        table = schema.empty_table()
    else:
        table = pa.ipc.open_stream(pa.memory_map(str(path))).read_all()
    return table if columns is None else table.select(list(columns))


def positions(values: pa.Array | pa.ChunkedArray, among: pa.Array | pa.ChunkedArray) -> Any:
    """Where each of `values` is in `among`; -1 where it is not."""
    if isinstance(among, pa.ChunkedArray):
        among = among.combine_chunks()
    found = pc.fill_null(pc.index_in(values, value_set=among), -1)
    return found.to_numpy()
