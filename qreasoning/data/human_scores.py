"""Scores of people: the ratings of several become one, per picture and dimension.

Ratings are whole numbers, so sums of them and of their squares are exact, and a mean has the same
bits on every machine.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

CONFIDENCE = 0.95


@dataclass(frozen=True)
class MeanScores:
    """The scores of n pictures: `mos`, `sd`, `low` and `high` (n,) floats, `count` (n,) integers.

    Without a rating all but the count are nan; deviation and interval of a single one are nan too.
    """

    mos: Array
    count: Array
    sd: Array
    low: Array
    high: Array


def mean_scores(ratings: Array, picture: Array, pictures: int, bias: Array | None = None) -> MeanScores:
    """The mean opinion score of each picture, with a t interval of 95 %.

    `ratings` (m,) floats (nan: none given), `picture` (m,) which of the `pictures` each is about;
    `bias` (m,) is taken off each rating first.
    """
    from scipy.special import stdtrit

    given = np.isfinite(ratings)
    values, which = ratings[given], picture[given]
    count = np.bincount(which, minlength=pictures)
    with np.errstate(invalid="ignore", divide="ignore"):
        raw = np.bincount(which, values, pictures) / count
        squares = np.bincount(which, values * values, pictures)
        if bias is None:
            mos = raw
            variance = (squares - count * raw * raw) / (count - 1)
        else:
            values = values - bias[given]
            mos = np.bincount(which, values, pictures) / count
            off = values - mos[which]
            variance = np.bincount(which, off * off, pictures) / (count - 1)
        sd = np.where(count > 1, np.sqrt(np.maximum(variance, 0.0)), np.nan)
        half = stdtrit(np.maximum(count - 1, 1), 0.5 + CONFIDENCE / 2) * sd / np.sqrt(count)
    return MeanScores(np.where(count > 0, mos, np.nan), count, sd, mos - half, mos + half)


@dataclass
class BiasSums:
    """How far each annotator is from the pictures' means, summed over pieces of a data set."""

    total: dict[str, float]
    count: dict[str, int]

    def add(self, annotators: list[str], which: Array, ratings: Array, picture: Array) -> None:
        """Take in ratings (m,) by annotator number `which` (m,) about pictures (m,)."""
        if not len(ratings):
            return
        scores = mean_scores(ratings, picture, int(picture.max()) + 1)
        given = np.isfinite(ratings)
        off = (ratings - scores.mos[picture])[given]
        totals = np.bincount(which[given], off, len(annotators))
        counts = np.bincount(which[given], minlength=len(annotators))
        for name, total, count in zip(annotators, totals.tolist(), counts.tolist(), strict=True):
            self.total[name] = self.total.get(name, 0.0) + total
            self.count[name] = self.count.get(name, 0) + count

    def biases(self) -> Mapping[str, float]:
        """The mean difference of each annotator from the pictures' means."""
        return MappingProxyType(
            {name: self.total[name] / count for name, count in self.count.items() if count}
        )
