"""Records as an Arrow table that is kept from one writing to the next."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

ROWS = 500
"""Rows that are converted, and compressed, at once."""


class Columns:
    """Gives records as Arrow tables of `ROWS` rows; from the second time on they are kept, and only
    those with a new key are converted again. (A process that writes once needs the memory for
    other things.)
    """

    def __init__(self, schema: Any) -> None:
        self.schema = schema
        self.table: Any = None
        self.position: dict[Any, int] = {}
        """Row of the table by key."""

    def parts(
        self, records: Mapping[Any, Any], record: Callable[[Any], dict[str, object]]
    ) -> Iterator[Any]:
        """Tables that together are exactly these records, in their order."""
        from qreasoning.arrow import table

        if self.table is None:
            self.table = table([], self.schema)
            yield from self._converted(list(records.values()), record)
            return
        self._update(records, record)
        for start in range(0, self.table.num_rows, ROWS):
            yield self.table.slice(start, ROWS)

    def _update(
        self, records: Mapping[Any, Any], record: Callable[[Any], dict[str, object]]
    ) -> None:
        import pyarrow as pa

        from qreasoning.arrow import array

        new = [key for key in records if key not in self.position]
        added = self._converted([records[key] for key in new], record)
        at = {key: self.table.num_rows + number for number, key in enumerate(new)}
        order = [at[key] if key in at else self.position[key] for key in records]
        everything = pa.concat_tables([self.table, *added])
        self.table = everything.take(array(order, pa.int64())).combine_chunks()
        self.position = {key: number for number, key in enumerate(records)}

    def _converted(
        self, records: list[Any], record: Callable[[Any], dict[str, object]]
    ) -> Iterator[Any]:
        from qreasoning.arrow import table

        for start in range(0, len(records), ROWS):
            batch = [record(each) for each in records[start : start + ROWS]]
            yield table(batch, self.schema)
