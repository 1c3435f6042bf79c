"""The pull: what changed on a server comes into the log, and nothing twice.

Asked for are the tasks that changed since the mark, each with its whole list of answers, so that
deleted ones show; a deleted task shows by the number of tasks. Everything is read where there is no
mark yet, where the task of the mark is not as it was, where the server was set back, and where it
has another number of answers than the log: its clock was set back then, and what changed since does
not look like it.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType
from typing import Any

from qreasoning.annotation.client import Server, task_page, tasks, tasks_with_ids
from qreasoning.annotation.items import Item
from qreasoning.annotation.log import (
    DELETED,
    SET_BACK,
    TASK_DELETED,
    Log,
    State,
    Versions,
    is_new,
    moment,
)
from qreasoning.annotation.marks import Mark, Newest, next_mark, read_mark, write_mark
from qreasoning.annotation.states import BRIEF, INCLUDE, Facts, draft_states, end_of, state_of
from qreasoning.errors import ServerError

DRAFT_ENDED = "draft ended"

BATCH = 200
"""Tasks whose answers are written to the log at once."""


@dataclass(frozen=True)
class Pulled:
    """What a pull did."""

    appended: int
    """States added to the log."""
    notes: tuple[str, ...]
    """Sentences about what a person should know."""


@dataclass
class Found:
    """What a pull has met so far."""

    tasks: set[int] = field(default_factory=set)
    answers: set[int | str] = field(default_factory=set)
    missing: set[int | str] = field(default_factory=set)
    """Answers that their tasks had before and have no more."""
    older: set[int | str] = field(default_factory=set)
    """Answers that are older on the server than they were, or gone from a task that is."""
    appended: int = 0
    counts_differ: bool = False
    """Whether the server has another number of answers than what was met explains."""
    tell: "Listener | None" = None


Listener = Callable[[State, Mapping[str, Any]], None]
"""Is told each new state of an answer, with its line of the log."""


def pull(
    server: Server,
    project_id: int,
    place: str,
    log: Log,
    form_version: str,
    tell: Listener | None = None,
    items: Mapping[str, Item] = MappingProxyType({}),
) -> Pulled:
    """Append every state that the log does not end with yet: new, changed, deleted.

    Complete up to the moment it begins, also while people work; the same pull twice appends
    nothing. Cut off at any instant, it is finished by the next. `tell` is called while the server
    works on the next answers, so what it does costs hardly any time. `items` says what the opaque
    ids of a blind project mean. Raises ServerError.
    """
    begun = time.time()
    folder = log.path.parent
    with log.held():
        users = server.get_list("api/users/", "id", "email")
        emails = {user["id"]: user["email"] for user in users}
        facts = Facts(place, form_version, emails, items)
        counted = _count(server, project_id)
        newest = _newest(server, project_id)
        mark = read_mark(folder, place, log)
        found = Found(tell=tell)
        if mark is not None:
            _read_changed(server, project_id, mark, log, facts, found)
        if mark is not None:
            found.counts_differ = _counts_differ(counted, log, place, found)
        whole = mark is not None and not found.older and not found.counts_differ
        if mark is None or not whole or mark.task not in found.tasks:
            found = Found(older=found.older, appended=found.appended, tell=tell)
            _read(tasks(server, project_id, INCLUDE), log, facts, found)
            found.missing = _alive(log, place) - found.answers
        else:
            found.tasks |= mark.tasks
            if newest is None or newest.total != len(found.tasks):
                _compare_ids(server, project_id, log, facts, found)
        ends = _ends(log, facts, found)
        found.appended += log.append(ends)
        notes = [*_notes(ends, found), *_drafts(server, project_id, log, facts, found)]
        if newest is not None:
            write_mark(folder, place, next_mark(mark, newest, begun, found.tasks), log)
    return Pulled(found.appended, tuple(notes))


def _count(server: Server, project_id: int) -> int:
    """How many answers the server has, skipped ones included."""
    path, counts = f"api/projects/{project_id}/", [f"{each}_annotations_number" for each in _KINDS]
    answer = server.get_object(path, *counts, include=",".join(counts))
    return sum(each if isinstance(each := answer[name], int) else 0 for name in counts)


_KINDS = ("total", "skipped")


def _counts_differ(counted: int, log: Log, place: str, found: Found) -> bool:
    """Whether an answer was missed: the log has fewer than there were before it was brought up to
    date, or as many more although nothing happened since."""
    here = len(_alive(log, place) - found.missing)
    return here < counted or (here > counted and not found.appended and not found.missing)


def _newest(server: Server, project_id: int) -> Newest | None:
    total, page = task_page(server, project_id, "id,updated_at", [], "-tasks:updated_at", 1)
    return Newest(page[0]["updated_at"], page[0]["id"], total) if page else None


def _read_changed(
    server: Server, project_id: int, mark: Mark, log: Log, facts: Facts, found: Found
) -> None:
    since = mark.since
    if not mark.settled:
        # First the overlap: what moves on meanwhile is met below.
        seen = tasks(server, project_id, BRIEF, changed_since=since, changed_until=mark.until)
        news = list(_news(seen, log, facts, found))
        _read(tasks_with_ids(server, project_id, INCLUDE, news), log, facts, found)
        since = mark.until
    _read(tasks(server, project_id, INCLUDE, changed_since=since), log, facts, found)


def _news(seen: Iterable[Mapping[str, Any]], log: Log, facts: Facts, found: Found) -> Iterator[int]:
    """Of tasks given in brief, the ids of those that are not as they were when they were read.

    A task moves only after its answers did, and its counts after that: one that is read in between
    is not as it was at the next pull.
    """
    for task in seen:
        found.tasks.add(task["id"])
        ids = log.of_task(facts.place, task["id"])
        times = [log.answers[facts.place, each].states[-1].task_updated for each in ids]
        same = task["total_annotations"] + task["cancelled_annotations"] == len(ids)
        if not same or (times and max(times) != moment(task["updated_at"])):
            yield task["id"]


def _read(changed: Iterable[Mapping[str, Any]], log: Log, facts: Facts, found: Found) -> None:
    # Batch by batch, so that neither a cut nor a large project costs much.
    rest = iter(changed)
    while batch := list(islice(rest, BATCH)):
        new = [state for task in batch for state in _new_states(task, log, facts, found)]
        found.appended += log.append(new)
        if found.tell is not None:
            for line in new:
                found.tell(log.answers[line["place"], line["id"]].states[-1], line)


def _new_states(
    task: Mapping[str, Any], log: Log, facts: Facts, found: Found
) -> Iterator[dict[str, Any]]:
    found.tasks.add(task["id"])
    before = log.of_task(facts.place, task["id"])
    for annotation in task.get("annotations") or ():
        found.answers.add(annotation["id"])
        before.discard(annotation["id"])
        state = state_of(task, annotation, facts)
        if is_new(log, state):
            yield _looked_at(state, log, found)
    for each in before:
        found.missing.add(each)
        if _set_back(log.answers[facts.place, each], task):
            found.older.add(each)


def _looked_at(state: dict[str, Any], log: Log, found: Found) -> dict[str, Any]:
    """The state, marked where a newer one of the same answer was seen before."""
    known = log.answers.get((state["place"], state["id"]))
    raw = state["annotation"]
    if known is None:
        return state
    if known.states[0].created != raw.get("created_at"):  # the id was given to another answer
        found.older.add(state["id"])
    elif moment(raw.get("updated_at")) < known.latest.updated:
        found.older.add(state["id"])
        return {**state, "reason": SET_BACK}
    return state


def _set_back(missing: Versions, task: Mapping[str, Any]) -> bool:
    """Whether the task is older than it was with this answer: nobody deleted the answer then."""
    last = missing.states[-1]
    older = moment(task.get("updated_at")) < last.task_updated
    return older or moment(task.get("created_at")) > last.updated


def _compare_ids(server: Server, project_id: int, log: Log, facts: Facts, found: Found) -> None:
    """Find the tasks that were deleted, and those that were made unseen."""
    there = {task["id"] for task in tasks(server, project_id, "id")}
    for task_id in found.tasks - there:
        found.missing |= log.of_task(facts.place, task_id)
    unseen = there - found.tasks
    found.tasks = there
    if unseen:
        made = tasks(server, project_id, INCLUDE, after=min(unseen) - 1, until=max(unseen))
        _read(made, log, facts, found)


def _alive(log: Log, place: str) -> set[int | str]:
    return {
        number
        for (where, number), known in log.answers.items()
        if where == place and known.gone is None and not known.states[-1].draft
    }


def _ends(log: Log, facts: Facts, found: Found) -> list[dict[str, Any]]:
    ends = []
    for number in sorted(found.missing, key=str):
        known = log.answers[facts.place, number]
        reason = DELETED if known.states[-1].task_id in found.tasks else TASK_DELETED
        ends.append(end_of(known, facts, SET_BACK if found.older else reason))
    return ends


def _notes(ends: Iterable[Mapping[str, Any]], found: Found) -> Iterator[str]:
    if found.older:
        yield (
            f"The server was set back to an older backup: {len(found.older | found.missing)} "
            "answers that it lost, or has only in an older state, are kept as they were."
        )
    count = sum(end["reason"] == TASK_DELETED for end in ends)
    if count:
        yield (
            f"{count} answers went with tasks that are no longer on the server; they are in the "
            "history. If nobody deleted the tasks, the server was set back to an older backup."
        )


def _drafts(server: Server, project_id: int, log: Log, facts: Facts, found: Found) -> Iterator[str]:
    """Bring drafts into the log; a server that does not give them keeps no answer from us."""
    try:
        states = list(draft_states(server, project_id, facts))
    except ServerError as error:
        yield f"Drafts could not be read, answers could: {error}"
        return
    there = {state["id"] for state in states}
    ended = [
        known
        for (place, number), known in log.answers.items()
        if place == facts.place
        and known.gone is None
        and known.states[-1].draft
        and number not in there
    ]
    new = [state for state in states if is_new(log, state)]
    found.appended += log.append([*new, *(end_of(each, facts, DRAFT_ENDED) for each in ended)])
