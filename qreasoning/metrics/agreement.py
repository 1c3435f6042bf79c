"""How far raters agree: Krippendorff's alpha, intraclass and pairwise rank correlations.

Everything takes `ratings` of shape (units, raters), nan where a rater did not rate a unit, and
counts the units that it could not use. What is known of the single rater is in `observers`, what a
perfect model could reach in `ceiling`; both are offered here too.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qreasoning.metrics import bootstrap, correlation
from qreasoning.metrics.bootstrap import Array, Estimate, Ranked
from qreasoning.metrics.ceiling import Ceiling, rating_ceiling, text_ceiling
from qreasoning.metrics.icc import Icc, icc
from qreasoning.metrics.observers import P910, Bt500, bt500, p910
from qreasoning.metrics.ratings import left_out_means, pairable, table

__all__ = [
    "P910",
    "Bt500",
    "Ceiling",
    "Icc",
    "Pairwise",
    "PerRater",
    "against_others",
    "alpha",
    "bt500",
    "icc",
    "p910",
    "pairwise_srcc",
    "rating_ceiling",
    "text_ceiling",
]

_CHUNK = 100


def alpha(
    ratings: ArrayLike,
    level: Literal["ordinal", "interval"] = "ordinal",
    *,
    repetitions: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Estimate:
    """Krippendorff's alpha with its bootstrap interval over the units.

    1 is perfect agreement, 0 that of chance. `n` counts the units with at least two ratings, the
    others are left out. nan where all ratings are equal. Raises ValueError for another level.

    The ordinal distance of two values is the difference of their mid-ranks among all ratings, so
    ordinal alpha is interval alpha of mid-ranks; no table of values by values is needed. Source:
    Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability".
    """
    if level not in ("ordinal", "interval"):
        raise ValueError(f"alpha knows the levels 'ordinal' and 'interval', not {level!r}")
    given = table(ratings)
    kept = pairable(given)
    used = given[kept]
    coincidences = _Coincidences(used, ranked=level == "ordinal")
    value = float(coincidences.alpha(np.ones((len(used), 1)))[0])
    drawn = bootstrap.counts(len(used), repetitions if len(used) else 0, seed, chunk=_CHUNK)
    draws = np.concatenate([np.empty(0), *map(coincidences.alpha, drawn)])
    low, high = bootstrap.limits(value, draws, len(used), confidence)
    return Estimate(value, low, high, len(used), int((~kept).sum()))


class _Coincidences:
    """The ratings of pairable units in one list, unit by unit, ready for alpha under any counts."""

    def __init__(self, used: Array, *, ranked: bool) -> None:
        known = ~np.isnan(used)
        self.size = known.sum(axis=1)[:, None]
        self.unit = np.repeat(np.arange(len(used)), self.size[:, 0])
        self.starts = np.r_[0, np.cumsum(self.size)[:-1]].astype(int)
        values = used[known]
        self.ranked = Ranked(values) if ranked else None
        # All alike are exactly 0: less their mean, rounding noise would be left.
        centre = values.mean() if len(np.unique(values)) > 1 else values[:1]
        self.values = (values - centre)[:, None]

    def alpha(self, drawn: Array) -> Array:
        """Alpha under counts of shape (units, replicates): one value per replicate."""
        if not len(self.unit):
            return np.full(drawn.shape[1], np.nan)
        each = drawn[self.unit]
        positions = self.values if self.ranked is None else self.ranked.ranks(each)
        sums = np.add.reduceat(positions, self.starts, axis=0)
        squares = np.add.reduceat(positions * positions, self.starts, axis=0)
        n = each.sum(axis=0)
        observed = (drawn * (self.size * squares - sums * sums) / (self.size - 1)).sum(axis=0)
        total = (drawn * sums).sum(axis=0)
        # Twice the sum over pairs of ratings, over the n - 1 that each could have been paired with.
        expected = (n * (drawn * squares).sum(axis=0) - total * total) / (n - 1)
        below = np.where(expected > 0, expected, np.nan)
        result: Array = 1 - observed / below
        return result


class Pairwise(NamedTuple):
    """Mean SRCC over pairs of raters, with its interval over the units.

    `n` counts the pairs with a value, `n_left_out` those without; `matrix` and `overlap`, both
    (raters, raters), hold each pair's SRCC (nan on the diagonal) and the units they share.
    """

    value: float
    low: float
    high: float
    n: int
    n_left_out: int
    matrix: Array
    overlap: NDArray[np.int64]


def pairwise_srcc(
    ratings: ArrayLike,
    *,
    least: int = 3,
    repetitions: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Pairwise:
    """SRCC of every two raters over the units both rated, `least` units at least."""
    given = table(ratings)
    known = (~np.isnan(given)).astype(np.int64)
    overlap = known.T @ known
    raters = given.shape[1]
    matrix = np.full((raters, raters), np.nan)
    draws = np.full((raters, raters, repetitions), np.nan)
    for each in range(raters - 1):
        pairs = bootstrap.srcc(
            given[:, each + 1 :], given[:, each], repetitions=repetitions, seed=seed
        )
        matrix[each, each + 1 :] = pairs.values
        if len(pairs.draws):
            draws[each, each + 1 :] = pairs.draws.T
    matrix[overlap < least] = np.nan
    found = ~np.isnan(matrix)
    value = float(matrix[found].mean()) if found.any() else float("nan")
    drawn = _known_means(draws[found])
    low, high = bootstrap.limits(value, drawn, int(pairable(given).sum()), confidence)
    both = np.where(np.isnan(matrix), matrix.T, matrix)
    possible = raters * (raters - 1) // 2
    pairs_found = int(found.sum())
    return Pairwise(value, low, high, pairs_found, possible - pairs_found, both, overlap)


def _known_means(draws: Array) -> Array:
    known = ~np.isnan(draws)
    count = known.sum(axis=0)
    total = np.where(known, draws, 0.0).sum(axis=0)
    result: Array = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    return result


class PerRater(NamedTuple):
    """Each rater against the mean of the others, over the `n` units shared; arrays of (raters,).

    `bias` is the mean of own rating less the others' mean; `spread` the standard deviation of the
    own ratings over that of the others' mean on the same units. nan where undefined.
    """

    srcc: Array
    plcc: Array
    bias: Array
    spread: Array
    n: NDArray[np.int64]


def against_others(ratings: ArrayLike) -> PerRater:
    """Compare each rater with the mean of the others, on the units where there are others."""
    given = table(ratings)
    others = left_out_means(given)
    rows = [_against(own, mean) for own, mean in zip(given.T, others.T, strict=True)]
    columns = np.array(rows, dtype=np.float64).reshape(-1, 5).T
    return PerRater(columns[0], columns[1], columns[2], columns[3], columns[4].astype(np.int64))


def _against(own: Array, others: Array) -> tuple[float, float, float, float, int]:
    shared = ~(np.isnan(own) | np.isnan(others))
    own, others = own[shared], others[shared]
    ranks, line = correlation.srcc(own, others).value, correlation.plcc(own, others).value
    if not len(own):
        return ranks, line, float("nan"), float("nan"), 0
    bias, spread = float((own - others).mean()), float(others.std())
    ratio = float(own.std()) / spread if spread > 0 else float("nan")
    return ranks, line, bias, ratio, len(own)
