"""The log of a project: every state of every annotation that was ever seen on the server.

`log.jsonl` is only ever appended to; everything else is made from it.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from qreasoning.annotation.client import Server, tasks
from qreasoning.errors import DataError

LOG = "log.jsonl"

INCLUDE = (
    "id,data,annotations,result,completed_by,was_cancelled,ground_truth,lead_time,created_at,"
    "updated_at,updated_by,parent_prediction"
)


def pull(
    server: Server, project_id: int, place: str, folder: Path, form_version: str
) -> tuple[int, list[dict[str, Any]]]:
    """Append every state that the log in `folder` does not end with yet: new, changed, deleted.

    Returns how many were appended, and all states of the log. The same pull twice appends nothing.
    """
    known = read_log(folder / LOG)
    last = {state["id"]: state for state in known if state["place"] == place}
    emails = {user["id"]: user["email"] for user in server.get("api/users/")}
    seen = {
        "place": place,
        "seen": datetime.now(UTC).isoformat(timespec="seconds"),
        "form_version": form_version,
    }
    there = [
        {**seen, **_state(task, annotation, emails)}
        for task in tasks(server, project_id, INCLUDE)
        for annotation in task.get("annotations", ())
    ]
    new = [each for each in there if each["annotation"] != _annotation(last.get(each["id"]))]
    gone = last.keys() - {each["id"] for each in there}
    new += [
        {**last[key], "seen": seen["seen"], "annotation": None}
        for key in sorted(gone)
        if last[key]["annotation"] is not None
    ]
    _append(folder / LOG, new)
    return len(new), [*known, *new]


def read_log(path: Path) -> list[dict[str, Any]]:
    """All states of a log. A last line that was cut off (no newline) is removed from the file."""
    if not path.is_file():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        with path.open("rb+") as file:
            file.truncate(len(whole))
            os.fsync(file.fileno())
    return list(_lines(path, whole))


def _lines(path: Path, content: bytes) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            yield json.loads(line)
        except ValueError:
            raise DataError(
                f"{path}, line {number}, is damaged. Restore the file from a backup, or remove "
                "the line: answers that are still on the server are pulled again."
            ) from None


def _append(path: Path, states: Iterable[Mapping[str, Any]]) -> None:
    # Plain ASCII: whatever a browser sent, half of a surrogate pair included, comes back as it was.
    lines = "".join(json.dumps(state, sort_keys=True) + "\n" for state in states)
    if not lines:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(lines.encode("ascii"))
        file.flush()
        os.fsync(file.fileno())


def _state(
    task: Mapping[str, Any], annotation: Mapping[str, Any], emails: Mapping[int, str]
) -> dict[str, Any]:
    by = _user(annotation.get("completed_by"))
    return {
        "id": annotation["id"],
        "image_id": task["data"].get("image_id"),
        "name": task["data"].get("name"),
        "annotator": emails.get(by, f"user-{by}") if by is not None else "nobody",
        "annotation": annotation,
    }


def _annotation(state: Mapping[str, Any] | None) -> Any:
    return None if state is None else state["annotation"]


def _user(completed_by: Any) -> int | None:
    """The id of the account, given as a number or as an object, depending on the server."""
    return completed_by.get("id") if isinstance(completed_by, dict) else completed_by
