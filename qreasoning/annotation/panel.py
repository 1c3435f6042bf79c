"""Everybody's answers side by side, as arrays: what all numbers of a campaign are made from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from qreasoning.records import Annotation

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Panel:
    """Who rated what how; nan where there is no answer.

    A unit is what several people answer: a picture, or a picture with the chain to be judged.
    """

    units: tuple[str, ...]
    annotators: tuple[str, ...]
    fields: tuple[str, ...]
    ratings: Floats
    """(units, annotators, fields)."""
    seconds: Floats
    """(units, annotators)."""
    created: Floats
    """(units, annotators): when each answer was first made, in seconds."""
    given: Floats
    """(units, annotators, fields): what was clicked, where that differs from what it means (the
    left or the right of two); the ratings otherwise."""

    @property
    def answers(self) -> NDArray[np.int64]:
        """How many units each annotator answered, (annotators,)."""
        return answered(self).sum(axis=0)

    def only(self, annotators: Sequence[str]) -> "Panel":
        """The answers of these annotators alone; units without one of theirs stay."""
        at = [self.annotators.index(each) for each in annotators]
        return replace(
            self,
            annotators=tuple(annotators),
            ratings=self.ratings[:, at],
            seconds=self.seconds[:, at],
            created=self.created[:, at],
            given=self.given[:, at],
        )


def answered(panel: Panel) -> NDArray[np.bool_]:
    """(units, annotators): whether there is an answer with at least one rating."""
    return np.asarray((~np.isnan(panel.ratings)).any(axis=2))


def empty(units: Iterable[str], annotators: Iterable[str], fields: Sequence[str]) -> Panel:
    """A panel without answers; units and annotators sorted, each once."""
    rows, people = tuple(sorted(set(units))), tuple(sorted(set(annotators)))
    plain = np.full((len(rows), len(people)), np.nan)
    deep = np.full((*plain.shape, len(fields)), np.nan)
    return Panel(rows, people, tuple(fields), deep, plain, plain.copy(), deep.copy())


def panel_of(answers: Sequence[tuple[str, Annotation]], fields: Sequence[str]) -> Panel:
    """Answers, each with its unit; a field is a dimension, `overall`, or what judges rate.

    A rating outside 1 to 5 counts as none: it is a finding of its own.
    """
    panel = empty((unit for unit, _ in answers), (each.annotator for _, each in answers), fields)
    row = {unit: number for number, unit in enumerate(panel.units)}
    column = {name: number for number, name in enumerate(panel.annotators)}
    for unit, each in answers:
        at = row[unit], column[each.annotator]
        panel.ratings[at] = stars(each, fields)
        panel.seconds[at] = np.nan if each.seconds is None else each.seconds
        panel.created[at] = timestamp(each.created)
    return replace(panel, given=panel.ratings)


def stars(answer: Annotation, fields: Sequence[str]) -> list[float]:
    """An answer's ratings in these fields; nan where there is none from 1 to 5."""
    return [_stars(rating(answer, field)) for field in fields]


def rating(answer: Annotation, field: str) -> int | None:
    """An answer's rating in a dimension, or `overall`."""
    return answer.overall if field == "overall" else answer.ratings.get(field)


def timestamp(text: str) -> float:
    """A server's time in seconds; nan for none."""
    return datetime.fromisoformat(text).timestamp() if text else float("nan")


def _stars(value: int | None) -> float:
    return float(value) if value is not None and 1 <= value <= 5 else float("nan")
