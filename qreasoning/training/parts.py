"""Finished parts of a prediction, kept beside its file until that file is written.

A command that was interrupted takes them up again, if it is the same command: the same model,
prompts, pictures and batches. So it ends with the bytes it would have had without interruption.
One command at a time works on a prediction.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from qreasoning.errors import DataError
from qreasoning.files import replacing, write_json

IDENTITY = "identity.json"


@contextmanager
def parts_of(target: Path, identity: Mapping[str, Any]) -> Iterator["Parts"]:
    """The finished parts of `target`, for this process alone; none where they were begun with
    another `identity`. Raises DataError where another process is at work on them."""
    parts = Parts(target.parent / f".{target.stem}.parts")
    descriptor = parts.locked(target)
    try:
        if parts.identity() != identity:
            for each in parts.folder.iterdir():
                each.unlink()
            write_json(parts.folder / IDENTITY, dict(identity))
        yield parts
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Parts:
    """The hidden folder of a prediction: finished shards, and batches of unfinished ones."""

    folder: Path

    def locked(self, target: Path) -> int:
        """Make the folder and lock it; the descriptor that holds the lock."""
        while True:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.folder, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                raise DataError(
                    f"Another qr predict is at work on {target}. Wait until it has ended."
                ) from None
            if os.fstat(descriptor).st_nlink:
                return descriptor
            os.close(descriptor)  # whoever had it has just finished and removed it

    def identity(self) -> Any:
        """What the kept parts depend on; None where there are none."""
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
