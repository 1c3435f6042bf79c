"""Finished parts of a prediction, kept beside its file until that file is written.

A command that was interrupted takes them up again, if it is the same command: the same model,
prompts, pictures and batches. So it ends with the bytes it would have had without interruption.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from qreasoning.files import replacing, write_json

IDENTITY = "identity.json"


class Parts:
    """The hidden folder of a prediction's finished shards, and of the batches of unfinished ones.

    Made for another `identity` than the folder was begun with, it starts empty.
    """

    def __init__(self, target: Path, identity: Mapping[str, Any]) -> None:
        self.folder = target.parent / f".{target.stem}.parts"
        if self._identity() != identity:
            self.remove()
            write_json(self.folder / IDENTITY, dict(identity))

    def _identity(self) -> Any:
        path = self.folder / IDENTITY
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def once(self, shard: int, name: str, answer: Callable[[], Sequence[Any]]) -> list[Any]:
        """The answers of a shard's batch `name`: those kept, else made by `answer` and kept."""
        path = self.folder / f"{shard:06d}-{name}.json"
        if not path.is_file():
            write_json(path, list(answer()))
        kept: list[Any] = json.loads(path.read_text(encoding="utf-8"))
        return kept

    def has(self, shard: int) -> bool:
        """Whether a shard is finished."""
        return self._shard(shard).is_file()

    def finish(self, shard: int, rows: pa.Table) -> None:
        """Keep the rows of a shard instead of its batches."""
        with replacing(self._shard(shard)) as draft:
            pq.write_table(rows, draft)
        for batch in self.folder.glob(f"{shard:06d}-*.json"):
            batch.unlink()

    def rows(self, shards: int, condition: str) -> Iterator[pa.Table]:
        """The rows of one condition, a table per shard."""
        for shard in range(shards):
            yield pq.read_table(self._shard(shard), filters=[("condition", "=", condition)])

    def _shard(self, shard: int) -> Path:
        return self.folder / f"{shard:06d}.parquet"

    def remove(self) -> None:
        """Forget all of it."""
        if self.folder.is_dir():
            shutil.rmtree(self.folder)
