"""What the numbers of a campaign are made from, out of the log's answers and the plan."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from qreasoning.annotation.agreeing import text_agreement
from qreasoning.annotation.campaign import Collection
from qreasoning.annotation.derived import repeated
from qreasoning.annotation.desks import annotators
from qreasoning.annotation.forms import rated_fields
from qreasoning.annotation.gold import gold_hits
from qreasoning.annotation.items import Items
from qreasoning.annotation.judge_form import CHOSEN
from qreasoning.annotation.judging import turned
from qreasoning.annotation.log import DELETED, TASK_DELETED
from qreasoning.annotation.panel import Floats, Panel, panel_of, stars
from qreasoning.annotation.project import Project
from qreasoning.annotation.table import REPEATED, REPLACED, SKIPPED, Current, Row
from qreasoning.annotation.timing import Kind, Work
from qreasoning.checks.findings import Finding
from qreasoning.records import Annotation

SPECIAL = frozenset({"gold", "pilot"})
"""Labels of answers to pictures that everybody has: they screen, and are not the study."""

_KINDS: Mapping[str, Kind] = {
    REPEATED: "repeat",
    SKIPPED: "skipped",
    REPLACED: "withdrawn",
    DELETED: "withdrawn",
    TASK_DELETED: "withdrawn",
}
"""What becomes of the time of an answer that is not current."""


def collection(
    project: Project,
    now: Current,
    findings: Sequence[Finding],
    items: Items,
    pictures: Mapping[str, str],
    labels: Mapping[str, str],
) -> Collection:
    """All that was answered. `pictures` are names by image id, `labels` what each log-in is called.

    Units of a project without a plan are its pictures.
    """
    fields = fields_of(project)
    counted = [row for row in now.rows if not {*SPECIAL, "excluded"} & {*row.annotation.labels}]
    own = [row for row in counted if not row.annotation.prelabelled]
    present = annotators(project) if project.file.is_blind else []
    assigned = {labels[each]: len(items.get(each, ())) for each in present if each in labels}
    return Collection(
        panel=_panel(now.rows, fields, labels),
        counted=_panel(counted, fields, labels),
        own=_panel(own, fields, labels),
        names=_names(now.rows, items, pictures),
        wanted=_wanted(project, now, items, present, pictures),
        assigned=assigned if project.file.is_blind else None,
        done=_done(now, labels),
        excluded=frozenset(labels[each] for each in project.excluded if each in labels),
        pairs=_pairs(now, fields, labels),
        gold=gold_hits(_labelled((row.annotation for row in now.rows), labels), project.gold),
        copied=_copied(findings, labels),
        texts=None
        if project.file.kind == "judge"
        else text_agreement([row.annotation for row in own]),
    )


def fields_of(project: Project) -> tuple[str, ...]:
    """What every answer rates."""
    judging = project.file.judge
    chooses = judging is not None and judging.question == "choose"
    return (CHOSEN,) if chooses else rated_fields(project)


def work_of(now: Current) -> list[Work]:
    """The time of every answer, whatever became of it; of an edited one the server's sum."""
    work = [_work(row.annotation, "answer") for row in now.rows]
    for past in now.history:
        if past.reason in _KINDS:
            work.append(_work(past.row.annotation, _KINDS[past.reason]))
    return work


def _work(answer: Annotation, kind: Kind) -> Work:
    return Work(answer.annotator, kind, answer.seconds, answer.created)


def _panel(rows: Sequence[Row], fields: Sequence[str], labels: Mapping[str, str]) -> Panel:
    answers = _labelled((row.annotation for row in rows), labels)
    units = [row.unit for row in rows]
    panel = panel_of(list(zip(units, answers, strict=True)), fields)
    if tuple(fields) != (CHOSEN,):
        return panel
    # Which side was clicked shows who always takes the left one.
    sides = [
        replace(each, ratings={CHOSEN: turned(each.ratings[CHOSEN], row.shown)})
        for row, each in zip(rows, answers, strict=True)
    ]
    return replace(panel, given=panel_of(list(zip(units, sides, strict=True)), fields).ratings)


def _labelled(answers: Iterable[Annotation], labels: Mapping[str, str]) -> list[Annotation]:
    return [replace(each, annotator=labels[each.annotator]) for each in answers]


def _names(rows: Sequence[Row], items: Items, pictures: Mapping[str, str]) -> dict[str, str]:
    names = dict(pictures)
    for row in rows:
        names[row.unit] = _name(row.annotation.name, [each.author for each in row.shown])
    for mine in items.values():
        for item in mine:
            authors = [each.author for each in item.unit.shown]
            names[item.unit.key] = _name(item.unit.name, authors)
    return names


def _name(picture: str, authors: Sequence[str]) -> str:
    shown = ["people" if each.startswith("human:") else each for each in sorted(authors)]
    return " · ".join([picture, *shown])


def _wanted(
    project: Project,
    now: Current,
    items: Items,
    present: Sequence[str],
    pictures: Mapping[str, str],
) -> dict[str, int]:
    """How many answers each ordinary unit is to get."""
    if project.file.is_blind:
        special = project.gold.keys() | project.pilot
        return dict(
            Counter(
                item.unit.key
                for person in present
                for item in items.get(person, ())
                if not item.repeat and item.unit.name not in special
            )
        )
    units = pictures or {row.unit: "" for row in now.rows}
    return dict.fromkeys(units, project.file.annotators_per_image)


def _done(now: Current, labels: Mapping[str, str]) -> dict[str, int]:
    again = (past.row for past in now.history if past.reason == REPEATED)
    done = Counter(labels[row.annotation.annotator] for row in (*now.rows, *again))
    done.update({labels[each]: count for each, count in now.skipped.items()})
    return dict(done)


def _pairs(
    now: Current, fields: Sequence[str], labels: Mapping[str, str]
) -> dict[str, tuple[Floats, Floats]]:
    both: dict[str, list[tuple[list[float], list[float]]]] = {}
    for first, second in repeated(now):
        pair = stars(first, fields), stars(second, fields)
        both.setdefault(labels[first.annotator], []).append(pair)
    return {
        name: (np.array([one for one, _ in pairs]), np.array([two for _, two in pairs]))
        for name, pairs in both.items()
    }


def _copied(findings: Sequence[Finding], labels: Mapping[str, str]) -> dict[str, int]:
    texts = {
        (labels[each.annotator], each.image_id)
        for each in findings
        if each.source_annotator not in (None, each.annotator) and each.annotator in labels
    }
    return dict(Counter(name for name, _ in texts))
