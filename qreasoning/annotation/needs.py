"""Where one more annotator would narrow the mean rating most."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np

from qreasoning.annotation.panel import Floats

PRIOR = 4.0
"""Ratings that the pooled variance counts as beside an image's own: with two or three equal
ratings, nobody knows yet that people agree."""


@dataclass(frozen=True)
class Need:
    """A unit, and what one more answer would do."""

    unit: str
    answers: int
    mean: float
    error: float
    """Standard error of the mean now, in stars."""
    narrower: float
    """By how much it is expected to become smaller."""


def needs(units: tuple[str, ...], scores: Floats, enough: Mapping[str, int]) -> list[Need]:
    """The units with at least as many answers as were planned (`enough`), the neediest first.

    `scores` is (units, annotators), nan = not rated. The variance of a unit's ratings is drawn
    towards that of all: (PRIOR·pooled + squares)/(PRIOR + n - 1).
    """
    n = (~np.isnan(scores)).sum(axis=1)
    several = n > 1
    deviations = scores - _row_means(scores, n)[:, None]
    squares = np.nansum(deviations**2, axis=1)
    freedom = (n[several] - 1).sum()
    pooled = float(squares[several].sum() / freedom) if freedom else 1.0
    found = []
    for at, unit in enumerate(units):
        count = int(n[at])
        if count == 0 or count < enough.get(unit, 0):
            continue
        spread = sqrt((PRIOR * pooled + squares[at]) / (PRIOR + count - 1))
        error = spread / sqrt(count)
        narrower = error - spread / sqrt(count + 1)
        mean = float(np.nanmean(scores[at]))
        found.append(Need(unit, count, mean, error, narrower))
    return sorted(found, key=lambda each: (-each.narrower, each.unit))


def _row_means(scores: Floats, n: Floats) -> Floats:
    with np.errstate(invalid="ignore"):
        means: Floats = np.nansum(scores, axis=1) / n
    return means
