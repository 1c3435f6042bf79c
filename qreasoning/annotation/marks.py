"""How far the log is in step with a server: `pull.json` beside it, written after the log.

Times are the server's own and compared only with each other. A request that stamps its time may be
finished a moment later, so the last seconds before the mark are read again until a pull has begun
that long after the mark was reached; our own clock only says how long that is.
"""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from qreasoning.annotation.log import Log, moment
from qreasoning.files import write_json

MARKS = "pull.json"

OVERLAP = timedelta(seconds=30)
"""How long a request may take between stamping its time and being seen by others."""


@dataclass(frozen=True)
class Newest:
    """The task of a project that changed last, and how many tasks there are."""

    time: str
    task: int
    total: int


@dataclass(frozen=True)
class Mark:
    """Everything that a server stamped up to `time` is in the log, but for the overlap."""

    time: str
    task: int
    """The task that changed then."""
    reached: float
    """When that time was first met, by our clock, in seconds."""
    settled: bool
    """Whether the overlap before it has been read again late enough."""
    tasks: frozenset[int]
    """Ids of all tasks."""

    @property
    def since(self) -> str:
        """Tasks changed later than this may have news. Without an overlap, the task of the mark is
        the only one up to the mark."""
        return _asked(moment(self.time) - (timedelta(microseconds=1) if self.settled else OVERLAP))

    @property
    def until(self) -> str:
        """The end of the overlap."""
        return _asked(moment(self.time))


def _asked(time: datetime) -> str:
    """A time as the server takes it; it answers every other notation with an error."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def next_mark(before: Mark | None, newest: Newest, begun: float, tasks: Iterable[int]) -> Mark:
    """The mark after a pull that began at `begun` and found `newest` first of all."""
    same = before is not None and before.time == newest.time
    reached = before.reached if before is not None and same else time.time()
    settled = same and (begun - reached) >= OVERLAP.total_seconds()
    return Mark(newest.time, newest.task, reached, settled, frozenset(tasks))


def read_mark(folder: Path, place: str, log: Log) -> Mark | None:
    """The mark of a place; None where there is none, or the log no longer holds what it vouches
    for (then everything is read again)."""
    found = _read(folder).get(place)
    if found is None or found["log"] > log.size:
        return None
    tasks = (each for first, last in found["tasks"] for each in range(first, last + 1))
    return Mark(found["time"], found["task"], found["reached"], found["settled"], frozenset(tasks))


def write_mark(folder: Path, place: str, mark: Mark, log: Log) -> None:
    """Write the mark of a place, where it changed. The log must be on the disk already."""
    marks = _read(folder)
    new = {
        "time": mark.time,
        "task": mark.task,
        "reached": mark.reached,
        "settled": mark.settled,
        "tasks": _ranges(mark.tasks),
        "log": log.size,
    }
    if marks.get(place) != new:
        write_json(folder / MARKS, {**marks, place: new}, mode=0o600)


def _read(folder: Path) -> dict[str, Any]:
    # The file can always be made anew, by reading everything once more.
    try:
        marks: dict[str, Any] = json.loads((folder / MARKS).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return marks


def _ranges(ids: Iterable[int]) -> list[list[int]]:
    """Numbers as first and last of each unbroken run: a project's ids mostly are one."""
    runs: list[list[int]] = []
    for each in sorted(ids):
        if runs and each == runs[-1][1] + 1:
            runs[-1][1] = each
        else:
            runs.append([each, each])
    return runs


def now() -> str:
    """The present, as the log says it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
