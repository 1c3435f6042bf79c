"""Numbers about each annotator beside the others: what the rules of screening look at."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

from qreasoning.annotation.panel import Floats, Panel, answered
from qreasoning.metrics.correlation import srcc
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
    """Mean over the fields of the rank correlation of annotator number `at` with the others."""
    pairs = zip(panel.ratings[:, at].T, others[:, at].T, strict=True)
    found = [srcc(own, theirs) for own, theirs in pairs]
    values = [each.value for each in found if not np.isnan(each.value)]
    n = max((each.n for each in found), default=0)
    # Fields are rated together, so several of them count as one look at each picture.
    return correlation_interval(float(np.mean(values)) if values else float("nan"), n)


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
    """Whom each annotator shares most ratings with beyond the usual, and how much (0 to 1)."""
    shared = _shared(panel.ratings)
    usual = typical(shared[np.triu_indices(len(shared), 1)])
    if len(shared) < 3 or np.isnan(usual) or usual >= 1:
        return {}
    beyond = (shared - usual) / (1 - usual)
    np.fill_diagonal(beyond, np.nan)
    return {
        name: (panel.annotators[int(np.nanargmax(row))], float(np.nanmax(row)))
        for name, row in zip(panel.annotators, beyond, strict=True)
        if not np.isnan(row).all()
    }


def _shared(ratings: Floats) -> Floats:
    """Share of equal ratings, of those that two annotators both gave; nan below `COMMON` units."""
    count = ratings.shape[1]
    shared = np.full((count, count), np.nan)
    for one in range(count):
        for two in range(one + 1, count):
            both = ~np.isnan(ratings[:, one]) & ~np.isnan(ratings[:, two])
            if both.any(axis=1).sum() >= COMMON:
                equal = (ratings[:, one] == ratings[:, two])[both].mean()
                shared[one, two] = shared[two, one] = equal
    return shared


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
