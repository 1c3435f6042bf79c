"""What is made from the log: the current table, one row per picture and annotator, and the history.

Both can be made again from the log alone at any time, and are the same then.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from qreasoning.annotation.answers import Reading, read_results
from qreasoning.annotation.columns import Columns
from qreasoning.annotation.forms import project_form_version
from qreasoning.annotation.items import Shown, unit_key
from qreasoning.annotation.judging import (
    check_judgement,
    read_judgement,
)
from qreasoning.annotation.log import SET_BACK, Log, State, Versions
from qreasoning.annotation.project import Project
from qreasoning.records import Annotation, check

EDITED = "edited later"
OLDER = "older state of a server that was set back"
REPLACED = "newer answer by the same annotator"
SKIPPED = "skipped"
DRAFT = "draft"
FOREIGN = "task of somebody else"
REPEATED = "picture shown again"


@dataclass(frozen=True, slots=True)
class Row:
    """One person's answer to one picture, with what is wrong with it."""

    annotation: Annotation
    findings: tuple[str, ...]
    key: tuple[int, bool] = (-1, False)
    """Where it is in the log, and whether only there."""
    shown: tuple[Shown, ...] = ()
    """What was judged, from first to second; nothing where the picture itself was rated."""

    @property
    def unit(self) -> str:
        """What was answered: the picture, or the picture and the authors of what was judged."""
        return unit_key(self.annotation.image_id, [each.author for each in self.shown])


@dataclass(frozen=True)
class Past:
    """A state of an answer that is not current, and why."""

    state: State
    reason: str
    row: Row


@dataclass(frozen=True)
class Current:
    """The current state of a project's answers, and everything before."""

    rows: tuple[Row, ...]
    """One per picture and annotator, by name and annotator."""
    skipped: Mapping[str, int]
    """Pictures that each annotator skipped; they are not in the table."""
    replaced: int
    """Further answers of the same annotator to the same picture; only the newest is current."""
    foreign: int
    """Answers to tasks that we did not make (no `image_id` or `name`); not in the table."""
    history: tuple[Past, ...] = ()
    """All other states that were ever seen, in the order of the log."""
    size: int = 0
    """Bytes of the log that it was made from."""
    columns: dict[str, Columns] = field(default_factory=dict, compare=False, repr=False)
    """The rows of each file as Arrow has them, handed on from one result to the next."""


def current(
    log: Log, project: Project, before: Current | None = None, ready: Iterable[Row] = ()
) -> Current:
    """The current answers: each answer's last state, and of several by one annotator to one
    picture the newest. Rows of `before`, an earlier result of the same log and project, are taken
    over where nothing changed, and those of `ready`, which `row_maker` made; `before` itself is
    returned where the log did not grow.
    """
    if before is not None and before.size == log.size:
        return before
    now, past = sort_out(log.everything())
    wanted = {_key(state, lost): state for state, lost in now}
    wanted |= {_key(state, False): state for state, _ in past}
    known = (*_all_rows(before), *ready)
    rows = _rows(wanted, log, project, known)
    reasons = Counter(reason for _, reason in past)
    return Current(
        rows=tuple(
            sorted(
                (rows[_key(state, lost)] for state, lost in now),
                key=lambda row: (row.annotation.name, row.unit, row.annotation.annotator),
            )
        ),
        skipped=Counter(state.annotator for state, reason in past if reason == SKIPPED),
        replaced=reasons[REPLACED],
        foreign=reasons[FOREIGN],
        history=tuple(Past(state, reason, rows[_key(state, False)]) for state, reason in past),
        size=log.size,
        columns=before.columns if before is not None else {},
    )


def sort_out(
    answers: Iterable[Versions],
) -> tuple[list[tuple[State, bool]], list[tuple[State, str]]]:
    """The current states, each with whether only the log has it, and all others with the reason."""
    newest: dict[tuple[str | None, str, bool], tuple[State, bool]] = {}
    past: list[tuple[State, str]] = []
    for versions in answers:
        latest = versions.latest
        for state in versions.states:
            if state is not latest:
                past.append((state, DRAFT if state.draft else OLDER if state.older else EDITED))
        reason = _why_not(versions, latest)
        if reason is not None:
            past.append((latest, reason))
            continue
        key = latest.unit, latest.annotator, latest.repeat
        mine = latest, versions.gone == SET_BACK
        rival = newest.setdefault(key, mine)
        if rival is not mine:
            older, newest[key] = sorted((rival, mine), key=_age)
            past.append((older[0], REPLACED))
    past += [(state, REPEATED) for state, _ in newest.values() if state.repeat]
    past.sort(key=lambda each: each[0].line)
    return [mine for mine in newest.values() if not mine[0].repeat], past


def _key(state: State, lost: bool) -> tuple[int, bool]:
    return state.line, lost


def _why_not(versions: Versions, latest: State) -> str | None:
    """Why an answer is not current, or None where it may be."""
    if latest.draft:
        return DRAFT
    if versions.gone not in (None, SET_BACK):
        return versions.gone
    if latest.skipped:
        return SKIPPED
    ours = isinstance(latest.image_id, str) and isinstance(latest.name, str)
    return None if ours else FOREIGN


def _age(found: tuple[State, bool]) -> tuple[datetime, int]:
    return found[0].updated, found[0].line


def row_maker(project: Project) -> Callable[[State, Mapping[str, Any]], Row]:
    """What makes a row of a state and its line, before it is known whether it is current."""
    form = project_form_version(project)
    return lambda state, line: _row(state, line, project, form, _key(state, False))


def _all_rows(before: Current | None) -> Iterable[Row]:
    if before is None:
        return ()
    return *before.rows, *(past.row for past in before.history)


def _rows(
    wanted: Mapping[tuple[int, bool], State], log: Log, project: Project, known: Iterable[Row]
) -> dict[tuple[int, bool], Row]:
    rows = {row.key: row for row in known if row.key in wanted}
    # In the order of the file, which is read through once.
    missing = sorted(wanted.keys() - rows.keys())
    form = project_form_version(project)
    for key, (state, line) in zip(missing, log.lines(wanted[key] for key in missing), strict=True):
        rows[key] = _row(state, line, project, form, key)
    return rows


def _row(
    state: State, line: Mapping[str, Any], project: Project, form: str, key: tuple[int, bool]
) -> Row:
    raw = line["annotation"]
    shown = tuple(Shown(**each) for each in line.get("judged") or ())
    reading = _reading(raw.get("result") or [], project, shown)
    answer = reading.answer
    given_in = reading.form_version or state.form_version
    annotation = Annotation(
        image_id=state.image_id or "",
        name=state.name or "",
        annotator=state.annotator,
        project=project.name,
        ratings=answer.ratings,
        notes=answer.notes,
        caption=answer.caption,
        reasoning=answer.reasoning,
        overall=answer.overall,
        seconds=_seconds(raw.get("lead_time")),
        created=raw.get("created_at") or "",
        updated=raw.get("updated_at") or raw.get("created_at") or "",
        form_version=given_in,
        prelabelled=state.prelabelled or raw.get("parent_prediction") is not None,
        labels=labels(state, raw, project, older_form=given_in != form, lost=key[1]),
        guidelines_version=reading.guidelines_version or state.guidelines_version,
    )
    rules = project.file.rules
    if shown:
        wrong = check_judgement(annotation, rules)
    else:
        wrong = check(annotation, rules, project.dimensions.ids)
    return Row(annotation, (*reading.problems, *wrong), key, shown)


def _reading(results: Sequence[Any], project: Project, shown: Sequence[Shown]) -> Reading:
    if shown:
        return read_judgement(results, shown)
    return read_results(results, project.dimensions.ids)


def labels(
    state: State, raw: Mapping[str, Any], project: Project, older_form: bool, lost: bool
) -> tuple[str, ...]:
    """What a reader should know of an answer."""
    by, updated_by = _number(raw.get("completed_by")), _number(raw.get("updated_by"))
    found = {
        "edited by someone else": updated_by is not None and updated_by != by,
        "ground truth": bool(raw.get("ground_truth")),
        "older form": state.origin == "server" and older_form,
        "imported": state.origin != "server",
        "no longer on the server": lost,
        "gold": state.name in project.gold,
        "pilot": state.name in project.pilot,
        "excluded": state.annotator in project.excluded,
    }
    return tuple(label for label, holds in found.items() if holds)


def _seconds(given: Any) -> float | None:
    """The time an answer took; what is no number (an export may hold anything) is unknown."""
    number = isinstance(given, int | float) and not isinstance(given, bool)
    return float(given) if number and abs(given) < 1e300 else None


def _number(account: Any) -> Any:
    return account.get("id") if isinstance(account, dict) else account
