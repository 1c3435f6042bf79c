"""The log of a project: every state of every answer that was ever seen, and its index in memory.

`log.jsonl` is only ever appended to, one JSON object per line; everything else is made from it. In
memory lie only the facts that a pull compares; the answers themselves stay in the file. A line is

- a state of an answer: `place` and `id` name it (`place` a project on a server, or an imported
  file), `annotation` is what the server gave; beside it `task_id`, `task_updated`, `image_id`,
  `name`, `annotator`, `form_version`, `guidelines_version`, `origin` (`server` or `import`),
  `draft` and `seen`; where an opaque id stands on the server `item`, whether it was a `repeat`, and
  what was `judged`; `prelabelled` where the form was filled in beforehand;
- or its end: `annotation` is null, and `reason` says why.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from sys import intern
from typing import Any

from qreasoning.annotation.items import unit_key
from qreasoning.errors import DataError

LOG = "log.jsonl"

DELETED = "deleted"
TASK_DELETED = "task deleted"
SET_BACK = "set back"
"""Not somebody's decision: the server was set back to an older backup. What it lost is kept."""


NEEDED = {"place", "id", "image_id", "name", "annotator", "annotation", "seen", "form_version"}
"""What every line has."""


@dataclass(frozen=True, slots=True)
class State:
    """One state of an answer, without the answer itself: that is read with `Log.answers`."""

    place: str
    id: int | str
    line: int
    """Where its line begins in the file, in bytes."""
    seen: str
    task_id: int | None
    task_updated: datetime
    image_id: str | None
    unit: str | None
    """What was answered: the picture, or the picture and the authors of what was judged."""
    repeat: bool
    """Whether the annotator was shown it for the second time."""
    prelabelled: bool
    """Whether the form was filled in beforehand."""
    name: str | None
    annotator: str
    form_version: str
    guidelines_version: str | None
    origin: str
    draft: bool
    skipped: bool
    created: str | None
    updated: datetime
    older: bool
    """Whether a server that was set back showed it again, after a newer one."""
    digest: bytes


@dataclass(slots=True)
class Versions:
    """One answer through time."""

    states: list[State]
    """In the order they were seen; at least one."""
    gone: str | None = None
    """Why it is no longer on the server (or None: it is)."""

    @property
    def latest(self) -> State:
        """The newest state: the last seen, but for those that a set-back brought up again."""
        last = self.states[-1]
        if not last.older:
            return last
        return next((each for each in reversed(self.states) if not each.older), last)


class Log:
    """The log in a folder. It may be kept open between pulls, also while others append to it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOG
        self._forget()

    def _forget(self) -> None:
        self.size = 0
        """Bytes read so far."""
        self.answers: dict[tuple[str, int | str], Versions] = {}
        """By place and id."""
        self.former: list[Versions] = []
        """Those whose id a server that was set back gave to another answer."""
        self._tasks: dict[tuple[str, int | None], set[int | str]] = {}

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else appends inside the block; what others appended before it has been read.

        A last line that was cut off is removed from the file.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            whole = self.refresh()
            if os.fstat(descriptor).st_size != whole:
                os.ftruncate(descriptor, whole)
                os.fsync(descriptor)
            yield
        finally:
            os.close(descriptor)

    def refresh(self) -> int:
        """Read the whole lines that are new in the file; how many bytes whole lines now take."""
        if not self.path.is_file():
            return 0
        with self.path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < self.size:
                self._forget()  # the file was put back from a backup
            file.seek(self.size)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._take(_parsed(line, self.path, self.size), self.size)
                self.size += len(line)
        return self.size

    def append(self, states: Iterable[Mapping[str, Any]]) -> int:
        """Write states to the end, flushed to the disk; how many. Only inside `held`."""
        # Plain ASCII: whatever a browser sent, half of a surrogate pair included, comes back as it
        # was.
        lines = [(state, json.dumps(state, sort_keys=True).encode() + b"\n") for state in states]
        if not lines:
            return 0
        with self.path.open("ab") as file:
            file.write(b"".join(line for _, line in lines))
            file.flush()
            os.fsync(file.fileno())
        for state, line in lines:
            self._take(state, self.size)
            self.size += len(line)
        return len(lines)

    def of_task(self, place: str, task_id: int) -> set[int | str]:
        """Ids of the answers (not drafts) to a task that were there when it was last seen."""
        ids = self._tasks.get((place, task_id), set())
        return {each for each in ids if self.answers[place, each].gone is None}

    def raw(self, states: Iterable[State]) -> Iterator[tuple[State, dict[str, Any]]]:
        """Each of the states with its answer as the server gave it."""
        for state, line in self.lines(states):
            yield state, line["annotation"]

    def lines(self, states: Iterable[State]) -> Iterator[tuple[State, dict[str, Any]]]:
        """Each of the states with its whole line."""
        states = list(states)
        if states:
            with self.path.open("rb") as file:
                for state in states:
                    file.seek(state.line)
                    yield state, _parsed(file.readline(), self.path, state.line)

    def everything(self) -> Iterator[Versions]:
        """All answers ever seen."""
        yield from self.former
        yield from self.answers.values()

    def _take(self, line: Mapping[str, Any], start: int) -> None:
        key = (intern(line["place"]), line["id"])
        known = self.answers.get(key)
        if line["annotation"] is None:
            if known is not None:
                known.gone = line.get("reason") or DELETED
            return
        state = _state(line, start)
        if known is not None and known.states[0].created != state.created:
            known.gone = known.gone or SET_BACK
            self.former.append(known)
            known = None
        if known is None:
            self.answers[key] = Versions([state])
        else:
            known.states.append(state)
            known.gone = None
        if not state.draft:
            self._tasks.setdefault((key[0], state.task_id), set()).add(key[1])


def append_states(folder: Path, states: Iterable[Mapping[str, Any]]) -> int:
    """Append the states that the log in `folder` does not end with yet; how many those were."""
    log = Log(folder)
    with log.held():
        new = {(*_key(each), digest(each)): each for each in states if is_new(log, each)}
        return log.append(new.values())


def is_new(log: Log, state: Mapping[str, Any]) -> bool:
    """Whether a state differs from the last one of the same answer."""
    known = log.answers.get(_key(state))
    if known is None or known.gone is not None:
        return True
    return known.states[-1].digest != digest(state)


def _key(state: Mapping[str, Any]) -> tuple[str, int | str]:
    return state["place"], state["id"]


def digest(state: Mapping[str, Any]) -> bytes:
    """What two states of an answer have in common if nothing happened between them."""
    content = [state.get(key) for key in ("task_id", "image_id", "name", "annotator", "annotation")]
    text = json.dumps(content, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def moment(text: str | None) -> datetime:
    """A server's time, or the beginning of time for none."""
    if not text:
        return datetime.min.replace(tzinfo=UTC)
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _state(line: Mapping[str, Any], start: int) -> State:
    raw = line["annotation"]
    return State(
        place=intern(line["place"]),
        id=line["id"],
        line=start,
        seen=intern(line["seen"]),
        task_id=line.get("task_id"),
        task_updated=moment(line.get("task_updated")),
        image_id=line["image_id"],
        unit=_unit(line),
        repeat=line.get("repeat", False),
        prelabelled=line.get("prelabelled", False),
        name=line["name"],
        annotator=intern(line["annotator"]),
        form_version=intern(line["form_version"]),
        guidelines_version=line.get("guidelines_version"),
        origin=intern(line.get("origin", "server")),
        draft=line.get("draft", False),
        skipped=bool(raw.get("was_cancelled")),
        created=raw.get("created_at"),
        updated=moment(raw.get("updated_at") or raw.get("created_at")),
        older=line.get("reason") == SET_BACK,
        digest=digest(line),
    )


def _unit(line: Mapping[str, Any]) -> str | None:
    judged = line.get("judged")
    if line["image_id"] is None or not judged:
        unit: str | None = line["image_id"]
        return unit
    return unit_key(line["image_id"], [each["author"] for each in judged])


def _parsed(line: bytes, path: Path, start: int) -> dict[str, Any]:
    try:
        state: dict[str, Any] = json.loads(line)
        whole = state.keys() >= NEEDED
    except (ValueError, AttributeError):
        whole = False
    if not whole:
        with path.open("rb") as file:
            number = file.read(start).count(b"\n") + 1
        raise DataError(
            f"{path}, line {number}, is damaged. Restore the file from a backup, or remove "
            "the line: answers that are still on the server are pulled again."
        )
    return state
