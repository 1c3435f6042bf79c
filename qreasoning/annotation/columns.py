"""Records as an Arrow table that is kept from one writing to the next."""

from collections.abc import Callable, Mapping
from typing import Any

BATCH = 1000
"""Rows that are converted at once, for the sake of memory."""


class Columns:
    """Records as an Arrow table; only those with a new key are converted again."""

    def __init__(self, schema: Any) -> None:
        self.table = schema.empty_table()
        self.position: dict[Any, int] = {}
        """Row of the table by key."""

    def update(self, records: Mapping[Any, Any], record: Callable[[Any], dict[str, object]]) -> Any:
        """The table of exactly these records, in their order."""
        import pyarrow as pa

        new = [key for key in records if key not in self.position]
        parts = [self.table]
        for start in range(0, len(new), BATCH):
            batch = [record(records[key]) for key in new[start : start + BATCH]]
            parts.append(pa.Table.from_pylist(batch, schema=self.table.schema))
        where = {key: self.table.num_rows + number for number, key in enumerate(new)}
        order = [where[key] if key in where else self.position[key] for key in records]
        self.table = pa.concat_tables(parts).take(pa.array(order, pa.int64())).combine_chunks()
        self.position = {key: number for number, key in enumerate(records)}
        return self.table
