"""Lines of the log from what a server gave: an answer, a draft, or the end of one."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from qreasoning.annotation.client import Server, tasks
from qreasoning.annotation.items import Item
from qreasoning.annotation.log import Versions
from qreasoning.annotation.marks import now

INCLUDE = (
    "id,data,updated_at,annotations,result,completed_by,was_cancelled,ground_truth,lead_time,"
    "created_at,updated_by,parent_prediction"
)

BRIEF = "id,updated_at,total_annotations,cancelled_annotations"
"""What tells whether a task has news, for a third of what the server needs for all of it."""


@dataclass(frozen=True)
class Facts:
    """What every line of one pull has in common, and the log-ins by their number."""

    place: str
    form_version: str
    emails: Mapping[int, str]
    items: Mapping[str, Item] = field(default_factory=dict)
    """What the opaque ids of a blind project mean."""
    seen: str = field(default_factory=now)


def draft_states(server: Server, project_id: int, facts: Facts) -> Iterator[dict[str, Any]]:
    """The drafts of all annotators: what they wrote and did not submit yet."""
    for task in tasks(server, project_id, "id,data,updated_at", with_drafts=True):
        for draft in server.get_list(f"api/tasks/{task['id']}/drafts", "id", "user"):
            kept = ("id", "result", "lead_time", "created_at", "updated_at", "annotation")
            raw = {key: draft.get(key) for key in kept}
            yield {
                **state_of(task, raw, facts),
                "id": f"draft-{draft['id']}",
                "annotator": str(draft["user"]),
                "draft": True,
            }


def state_of(
    task: Mapping[str, Any], annotation: Mapping[str, Any], facts: Facts
) -> dict[str, Any]:
    """An answer as it now is."""
    by = _user(annotation.get("completed_by"))
    return {
        "place": facts.place,
        "id": annotation["id"],
        "task_id": task["id"],
        "task_updated": task.get("updated_at"),
        **_shown(task["data"], facts.items),
        "annotator": "nobody" if by is None else facts.emails.get(by, f"user-{by}"),
        "annotation": annotation,
        "origin": "server",
        "form_version": facts.form_version,
        "seen": facts.seen,
    }


def _shown(data: Mapping[str, Any], items: Mapping[str, Item]) -> dict[str, Any]:
    """What the task shows, also where the server knows an opaque id only."""
    shown: dict[str, Any] = {"image_id": data.get("image_id"), "name": data.get("name")}
    item = items.get(str(data.get("item")))
    if item is not None:
        unit = item.unit
        shown = {"image_id": unit.image_id, "name": unit.name, "item": item.id}
        shown["repeat"] = item.repeat
        if unit.shown:
            shown["judged"] = [asdict(each) for each in unit.shown]
    if data.get("prelabelled") is True:
        shown["prelabelled"] = True
    return shown


def _user(completed_by: Any) -> int | None:
    """The id of the account, given as a number or as an object, depending on the server."""
    return completed_by.get("id") if isinstance(completed_by, dict) else completed_by


def end_of(known: Versions, facts: Facts, reason: str) -> dict[str, Any]:
    """The end of an answer that is no longer on the server."""
    last = known.states[-1]
    kept = ("place", "id", "task_id", "image_id", "name", "annotator", "form_version", "draft")
    end = {key: getattr(last, key) for key in kept}
    return {**end, "seen": facts.seen, "annotation": None, "reason": reason}
