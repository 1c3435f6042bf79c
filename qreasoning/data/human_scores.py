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


def mean_scores(
    ratings: Array,
    picture: Array,
    pictures: int,
    bias: Array | None = None,
    weight: Array | None = None,
) -> MeanScores:
    """The mean opinion score of each picture, with an interval of 95 %.

    `ratings` (m,) floats (nan: none given), `picture` (m,) which of the `pictures` each is about;
    `bias` (m,) is taken off each rating first; with `weight` (m,), the inverse variance of each,
    the mean is weighted, as in ITU-T P.910, and the interval is normal; else it is a t interval.
    """
    given = np.isfinite(ratings)
    values, which = ratings[given], picture[given]
    if bias is not None:
        values = values - bias[given]
    weights = np.ones(len(values)) if weight is None else weight[given]
    count = np.bincount(which, minlength=pictures)
    total = np.bincount(which, weights, pictures)
    with np.errstate(invalid="ignore", divide="ignore"):
        mos = np.bincount(which, values * weights, pictures) / total
        sd = np.sqrt(_variance(ratings[given], which, count))
        half = 1.959963984540054 / np.sqrt(total) if weight is not None else _half(sd, count)
    return MeanScores(mos, count, sd, mos - half, mos + half)


def _variance(values: Array, which: Array, count: Array) -> Array:
    """The unbiased variance of the raw ratings of each picture; nan for fewer than two."""
    total = np.bincount(which, values, len(count))
    squares = np.bincount(which, values * values, len(count))
    # Whole numbers: the difference is exact, and 0 for equal ratings.
    variance = (count * squares - total * total) / (count * (count - 1.0))
    return np.where(count > 1, variance, np.nan)


def _half(sd: Array, count: Array) -> Array:
    from scipy.special import stdtrit

    quantile = stdtrit(np.maximum(count - 1, 1), 0.5 + CONFIDENCE / 2)
    half: Array = quantile * sd / np.sqrt(count)
    return half


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
