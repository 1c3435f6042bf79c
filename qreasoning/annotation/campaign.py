"""How a campaign is going, in numbers: progress, pace, agreement, and each annotator."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from qreasoning.annotation.agreeing import FieldAgreement, field_agreement, retest
from qreasoning.annotation.needs import Need, needs
from qreasoning.annotation.panel import Floats, Panel, answered
from qreasoning.annotation.screening import Beside, Screened, screen
from qreasoning.annotation.signs import Interval
from qreasoning.metrics.agreement import bt500

WEEK = 7.0
"""Days, up to the last answer, that the pace is taken from."""

_DAY = 24 * 3600.0


@dataclass(frozen=True, eq=False)
class Collection:
    """All that was answered, ready to be counted; annotators are called by their labels."""

    panel: Panel
    """Everybody's answers to first showings."""
    counted: Panel
    """Those of them that make progress: without gold, pilot, and whom the project file excludes."""
    own: Panel
    """Those of `counted` that no model began: from these agreement is told."""
    names: Mapping[str, str]
    """What a unit is called, by unit."""
    wanted: Mapping[str, int]
    """How many answers each ordinary unit is to get."""
    assigned: Mapping[str, int] | None
    """How many showings each annotator has, repeats included; None where all share one list."""
    done: Mapping[str, int]
    """How many of those they answered or skipped."""
    excluded: frozenset[str]
    """Labels of those whom the project file excludes."""
    pairs: Mapping[str, tuple[Floats, Floats]]
    """By annotator, first and second ratings (units, fields) of what was shown twice."""
    gold: Mapping[str, tuple[int, int]]
    """By annotator, gold ranges kept and checked."""
    copied: Mapping[str, int]
    """By annotator, answers with a text like somebody else's earlier one."""
    texts: Interval | None
    """Agreement of the texts; None where none are written."""


@dataclass(frozen=True)
class Pace:
    """How fast it goes, and how long it will take; nan where unknown."""

    left: int
    """Answers that are still wanted."""
    per_day: float
    """Answers a day in the last week up to the last answer."""
    days: float
    """Until the end at that pace."""
    hours: float
    """Of work until then, at the median time of an answer."""


@dataclass(frozen=True)
class Person:
    """One annotator."""

    screened: Screened
    assigned: int | None
    excluded: bool


@dataclass(frozen=True)
class UnitStatus:
    """One unit: how far it is, and what it got."""

    unit: str
    name: str
    answers: int
    wanted: int
    mean: float
    """Of the last field: `overall`, or of what is judged."""
    deviation: float


@dataclass(frozen=True)
class Campaign:
    """Everything the status page shows."""

    units: tuple[UnitStatus, ...]
    complete: int
    """Units with at least the answers wanted."""
    answers: int
    pace: Pace
    agreement: Mapping[str, FieldAgreement]
    """By field; the last one is the overall rating."""
    texts: Interval | None
    people: Mapping[str, Person]
    needs: tuple[Need, ...]

    @property
    def by_answers(self) -> Mapping[int, int]:
        """How many units have so many answers."""
        counts = Counter(each.answers for each in self.units)
        return {number: counts[number] for number in sorted(counts)}


def campaign(found: Collection) -> Campaign:
    """The numbers of a campaign. Those whom the project file excludes are screened beside the
    others, and count for nothing else."""
    screened = screen(found.panel, _beside(found))
    units = _units(found)
    return Campaign(
        units=units,
        complete=sum(each.answers >= each.wanted for each in units),
        answers=int(answered(found.panel).sum()),
        pace=_pace(found.panel, units, found),
        agreement=field_agreement(found.own),
        texts=found.texts,
        people={
            name: Person(
                screened=each,
                assigned=None if found.assigned is None else found.assigned.get(name),
                excluded=name in found.excluded,
            )
            for name, each in screened.items()
        },
        needs=tuple(needs(found.counted.units, score(found.counted), found.wanted)),
    )


def score(panel: Panel) -> Floats:
    """(units, annotators): the last field, which is the overall rating."""
    scores: Floats = panel.ratings[:, :, -1]
    return scores


def as_json(value: Any) -> Any:
    """A status as plain JSON; nan is null."""
    if hasattr(value, "__dataclass_fields__"):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(key): as_json(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, frozenset)):
        return [as_json(each) for each in value]
    if isinstance(value, (np.floating, float)):
        return None if math.isnan(value) else float(value)
    return value


def _beside(found: Collection) -> dict[str, Beside]:
    names = found.panel.annotators
    again = retest(found.pairs)
    tested = bt500(score(found.panel))
    return {
        name: Beside(
            retest=again.get(name),
            gold=found.gold.get(name),
            copied=found.copied.get(name, 0),
            observer=bool(tested.rejected[at]) if tested.possible[at] else None,
        )
        for at, name in enumerate(names)
    }


def _units(found: Collection) -> tuple[UnitStatus, ...]:
    there = dict(zip(found.counted.units, score(found.counted), strict=True))
    result = []
    for unit, wanted in found.wanted.items():
        given = there.get(unit, np.empty(0))
        given = given[~np.isnan(given)]
        mean = float(given.mean()) if len(given) else float("nan")
        deviation = float(given.std(ddof=1)) if len(given) > 1 else float("nan")
        name = found.names.get(unit, unit)
        result.append(UnitStatus(unit, name, len(given), wanted, mean, deviation))
    return tuple(sorted(result, key=lambda each: (each.name, each.unit)))


def _pace(panel: Panel, units: Sequence[UnitStatus], found: Collection) -> Pace:
    if found.assigned is None:
        left = sum(max(0, each.wanted - each.answers) for each in units)
    else:
        rest = (count - found.done.get(name, 0) for name, count in found.assigned.items())
        left = sum(max(0, each) for each in rest)
    created = panel.created[~np.isnan(panel.created)]
    seconds = panel.seconds[~np.isnan(panel.seconds)]
    hours = left * float(np.median(seconds)) / 3600 if len(seconds) else float("nan")
    if not len(created):
        return Pace(left, float("nan"), float("nan"), hours)
    last = created.max()
    days = min(WEEK, max(1.0, (last - created.min()) / _DAY))
    per_day = float((created > last - WEEK * _DAY).sum() / days)
    return Pace(left, per_day, left / per_day, hours)
