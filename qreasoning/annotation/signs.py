"""Numbers about each annotator beside the others: what the rules of screening look at."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

from qreasoning.annotation.panel import Floats, Panel, answered
from qreasoning.metrics.ratings import left_out_means

COMMON = 20
"""Units that two annotators must share before their answers are compared one by one."""


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval; nan where undefined. `n` is what it was made from."""

    value: float
    low: float
    high: float
    n: int


def others_mean(ratings: Floats) -> Floats:
    """Mean of the other annotators who rated the same unit in the same field; nan where there is
    none, or no own rating. `ratings` and the result are (units, annotators, fields).
    """
    found = np.full(ratings.shape, np.nan)
    for field in range(ratings.shape[2]):
        found[:, :, field] = left_out_means(ratings[:, :, field])
    return found


def correlation_interval(value: float, n: int) -> Interval:
    """A rank correlation's 95 % interval in closed form (Bonett and Wright 2000)."""
    if np.isnan(value) or n < 4:
        return Interval(value, float("nan"), float("nan"), n)
    half = 1.96 * sqrt((1 + value**2 / 2) / (n - 3))
    middle = np.arctanh(np.clip(value, -0.999999, 0.999999))
    return Interval(value, float(np.tanh(middle - half)), float(np.tanh(middle + half)), n)


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of `n` > 0 (Wilson 1927)."""
    z = 1.96
    middle = (hits + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * sqrt(hits * (n - hits) / n + z * z / 4)
    return middle - half, middle + half


def agreement(panel: Panel, others: Floats, at: int) -> Interval:
    """Mean over the fields of the rank correlation of annotator number `at` with the others.

    The 95 % interval is of the whole mean over the units, from the influence of each unit on each
    correlation, x·y - r·(x² + y²)/2 of standardized ranks (Devlin, Gnanadesikan and Kettenring
    1975), on Fisher's scale: fields that err together count as one look at a picture.
    """
    own, theirs = panel.ratings[:, at], others[:, at]
    found, influence = [], np.full(own.shape, np.nan)
    known = ~(np.isnan(own) | np.isnan(theirs))
    for field, kept in enumerate(known.T):
        x, y = _standard_ranks(own[kept, field]), _standard_ranks(theirs[kept, field])
        if len(x) >= 3 and x.any() and y.any():
            r = float((x * y).mean())
            influence[kept, field] = x * y - r * (x * x + y * y) / 2
            found.append(r)
    n = int(known.any(axis=1).sum())
    if not found:
        return Interval(float("nan"), float("nan"), float("nan"), n)
    value = float(np.mean(found))
    each = _quiet(np.nanmean, influence, 1)
    return _around(value, float(np.nanstd(each, ddof=1)) / sqrt(n), n)


def _around(value: float, error: float, n: int) -> Interval:
    from scipy.special import stdtrit

    inside = np.clip(value, -0.999999, 0.999999)
    half = stdtrit(n - 1, 0.975) * error / (1 - inside**2)
    middle = np.arctanh(inside)
    return Interval(value, float(np.tanh(middle - half)), float(np.tanh(middle + half)), n)


def _standard_ranks(values: Floats) -> Floats:
    """Ranks with mean 0 and standard deviation 1; all 0 where the values do not differ."""
    from scipy.stats import rankdata

    ranks = rankdata(values) - (len(values) + 1) / 2
    deviation = ranks.std() if len(ranks) else 0.0
    standard: Floats = ranks / deviation if deviation > 0 else ranks * 0.0
    return standard


def mean_of_units(differences: Floats) -> Floats:
    """Mean over units and fields, (annotators,)."""
    found: Floats = _quiet(np.nanmean, differences, (0, 2))
    return found


def deviation(given: Floats) -> Floats:
    """Standard deviation over the units, mean over the fields, (annotators,)."""
    found: Floats = _quiet(np.nanmean, _quiet(np.nanstd, given, 0), 1)
    return found


def median_of_units(seconds: Floats) -> Floats:
    """Of the answers, (annotators,)."""
    found: Floats = _quiet(np.nanmedian, seconds, 0)
    return found


def straight(given: Floats, others: Floats) -> Floats:
    """Share of straight answers, of those to units whose fields the others tell apart; nan where
    there are none, or where there are too few fields to say."""
    annotators, fields = given.shape[1:]
    if fields < 4:
        return np.full(annotators, np.nan)
    whole = ~np.isnan(given).any(axis=2)
    apart = _quiet(np.nanmax, others, 2) - _quiet(np.nanmin, others, 2) >= 1
    counted = whole & apart
    most = np.max([(given == star).sum(axis=2) for star in range(1, 6)], axis=0)
    with np.errstate(invalid="ignore"):
        share: Floats = ((most >= fields - 1) & counted).sum(axis=0) / counted.sum(axis=0)
    return share


def twins(panel: Panel) -> dict[str, tuple[str, float]]:
    """Whom each annotator shares most ratings with beyond the usual, and how much (0 to 1).

    The usual is the share of equal ratings in all other pairs of annotators; pairs with fewer than
    `COMMON` units in common are not compared, but show what is usual.
    """
    equal, both, units = _shared(panel.ratings)
    others = [np.triu(each).sum() - each for each in (equal, both)]
    with np.errstate(invalid="ignore", divide="ignore"):
        usual = others[0] / others[1]
        beyond = (equal / both - usual) / (1 - usual)
    beyond[(units < COMMON) | (usual >= 1)] = np.nan
    return {
        name: (panel.annotators[int(np.nanargmax(row))], float(np.nanmax(row)))
        for name, row in zip(panel.annotators, beyond, strict=True)
        if not np.isnan(row).all()
    }


def _shared(ratings: Floats) -> tuple[Floats, Floats, Floats]:
    """Of every two annotators: equal ratings, ratings that both gave, units in common."""
    count = ratings.shape[1]
    equal, both, units = (np.zeros((count, count)) for _ in range(3))
    for one in range(count):
        for two in range(one + 1, count):
            shared = ~np.isnan(ratings[:, one]) & ~np.isnan(ratings[:, two])
            same = (ratings[:, one] == ratings[:, two]) & shared
            for table, value in ((equal, same.sum()), (both, shared.sum())):
                table[one, two] = table[two, one] = value
            units[one, two] = units[two, one] = shared.any(axis=1).sum()
    return equal, both, units


def later(panel: Panel, name: str, twin: str) -> float:
    """Share of the common units that `name` answered after `twin`; nan without times."""
    one, two = panel.annotators.index(name), panel.annotators.index(twin)
    both = answered(panel)[:, one] & answered(panel)[:, two]
    after = panel.created[both, one] - panel.created[both, two]
    known = after[~np.isnan(after)]
    return float((known > 0).mean()) if len(known) else float("nan")


def typical(values: Floats | list[float]) -> float:
    """The median; nan of nothing."""
    return float(_quiet(np.nanmedian, np.asarray(values, dtype=float), None))


def ratio(value: float, usual: float) -> float:
    """A value as a part of the usual one; nan where that is 0 or undefined."""
    return float(value / usual) if usual > 0 else float("nan")


def _quiet(reduce: Callable[..., Any], values: Floats, axis: Any) -> Any:
    """A reduction that leaves nan out, and gives nan without a warning where nothing is left."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return reduce(values, axis=axis)
