"""What every text metric of a report is: values beside their floors and their ceiling."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from qreasoning.analysis.pictures import Answers, Pictures

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Measure:
    """One text metric of all models over the pictures of a split, nan where it does not apply.

    `values` and `floor` have shape (pictures, models), `fixed` and `ceiling` (pictures,). `values`
    are against all people of a picture; `ceiling` is each person against the others, so nan with
    fewer than two. `floor` is against the people of other pictures, `fixed` what one human
    text earns that is said of every picture. `dropped` (pictures, models, people) leaves out one
    person of the picture in turn. `best` are values against the closest person.
    """

    name: str
    label: str
    higher_is_better: bool
    values: Numbers
    dropped: Numbers
    floor: Numbers
    fixed: Numbers
    ceiling: Numbers
    best: Numbers | None = None

    @cached_property
    def comparable(self) -> Numbers:
        """Values on the leave-one-out subsets of people that the ceiling is on."""
        return mean_known(self.dropped)


@dataclass(frozen=True)
class Texts:
    """The texts that the measures compare: `said[model][picture]` and `humans[picture]`.

    `fixed` is one human text, from the picture at `fixed_place`. `applies` (pictures, models) tells
    where a model has something to compare.
    """

    said: tuple[tuple[str, ...], ...]
    humans: tuple[tuple[str, ...], ...]
    applies: NDArray[np.bool_]
    fixed: str
    fixed_place: int | None

    @property
    def explained(self) -> NDArray[np.bool_]:
        """Pictures that somebody explained."""
        return np.array([bool(each) for each in self.humans])

    @property
    def most_people(self) -> int:
        """The largest number of people that explained one picture."""
        return max(map(len, self.humans), default=0)

    def only(self, values: Numbers) -> Numbers:
        """`values` (pictures, models, …), nan where a model has nothing to compare."""
        there = self.applies & self.explained[:, None]
        return np.where(there.reshape(*there.shape, *(1,) * (values.ndim - 2)), values, np.nan)

    def elsewhere(self, values: Numbers) -> Numbers:
        """`values` (pictures,) of the fixed text, nan for the picture that it was written on."""
        if self.fixed_place is None:
            return np.full_like(values, np.nan)
        return np.where(np.arange(len(values)) == self.fixed_place, np.nan, values)


def texts_of(
    answers: Sequence[Answers], pictures: Pictures, fixed_place: tuple[int, int] | None
) -> Texts:
    """The texts of `answers` in the image condition; `fixed_place` is (picture, person)."""
    applies = [
        each.predicted if each.explains else np.zeros(len(pictures.rows), dtype=bool)
        for each in answers
    ]
    picture, person = fixed_place or (0, 0)
    return Texts(
        said=tuple(tuple(text or "" for text in each.texts) for each in answers),
        humans=pictures.humans,
        applies=np.array(applies).reshape(len(answers), len(pictures.rows)).T,
        fixed=pictures.humans[picture][person] if fixed_place else "",
        fixed_place=picture if fixed_place else None,
    )


def mean_known(values: Numbers) -> Numbers:
    """The mean over the last axis of what is not nan; nan where nothing is."""
    known = ~np.isnan(values)
    total = np.where(known, values, 0.0).sum(axis=-1)
    count = known.sum(axis=-1)
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def padded(rows: Sequence[Sequence[float]], width: int) -> Numbers:
    """Rows of different lengths as one table, nan behind their ends."""
    table = np.full((len(rows), width), np.nan)
    for place, row in enumerate(rows):
        table[place, : len(row)] = row
    return table
