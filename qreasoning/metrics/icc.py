"""Intraclass correlations: how much of the variance of ratings is the pictures'.

With no gaps these are the mean squares and F intervals of McGraw and Wong 1996. With gaps the
variance components are estimated by fitting constants (Henderson's method 3, 1953), which is the
same thing on a full table, and the interval is a bootstrap over the units.
"""

from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike

from qreasoning.metrics import bootstrap
from qreasoning.metrics.bootstrap import Array
from qreasoning.metrics.ratings import pairable, table

Kind = Literal["1,1", "A,1", "C,1", "1,k", "A,k", "C,k"]


class Icc(NamedTuple):
    """An intraclass correlation over `n` units with at least two ratings; the others are left out.

    `raters` is the number of raters who rated them and `k` the ratings per unit, their harmonic
    mean where there are gaps (`complete` is then False). `interval` names how it was made.
    """

    value: float
    low: float
    high: float
    n: int
    n_left_out: int
    raters: int
    k: float
    interval: Literal["F", "bootstrap"]
    complete: bool


def icc(
    ratings: ArrayLike,
    kind: Kind = "A,1",
    *,
    repetitions: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Icc:
    """An intraclass correlation: of one rating (",1") or of the mean of k (",k").

    "1": the raters of a unit are anybody. "A": absolute agreement, a rater's bias counts as
    error. "C": consistency, a rater's bias does not count. Undefined (fewer than two units or
    raters, or no variance at all) is nan. Raises ValueError for another kind.
    """
    if kind not in get_args(Kind):
        raise ValueError(f"icc knows the kinds {', '.join(get_args(Kind))}, not {kind!r}")
    given = table(ratings)
    kept = pairable(given)
    used = given[kept]
    used = used[:, ~np.isnan(used).all(axis=0)]
    units, raters = used.shape
    complete = not np.isnan(used).any()
    components = _Components(used)
    value = float(components.icc(np.ones((units, 1)), kind)[0])
    if complete:
        low, high = _f_limits(used, kind, value, confidence)
    else:
        draws = [
            components.icc(drawn, kind) for drawn in bootstrap.counts(units, repetitions, seed)
        ]
        low, high = bootstrap.limits(value, np.concatenate(draws), units, confidence)
    k = float(raters) if complete else float(units / (1 / (~np.isnan(used)).sum(axis=1)).sum())
    interval: Literal["F", "bootstrap"] = "F" if complete else "bootstrap"
    left_out = int((~kept).sum())
    return Icc(value, low, high, units, left_out, raters, k, interval, complete)


class _Components:
    """Sums per unit from which the variance components follow under any counts of the units."""

    def __init__(self, used: Array) -> None:
        known = ~np.isnan(used)
        # Centred, so that squares keep their digits; one constant changes no component.
        centre = used[known].mean() if known.any() else 0.0
        values = np.where(known, used - centre, 0.0)
        self.raters = used.shape[1]
        size = known.sum(axis=1, keepdims=True).astype(np.float64)
        total = values.sum(axis=1, keepdims=True)
        present = known.astype(np.float64)
        within = np.where(known, values - total / size, 0.0)
        design = present[:, :, None] * (
            np.eye(self.raters) - present[:, None, :] / size[:, :, None]
        )
        self.scalars = np.hstack(
            [
                size,
                size * size,
                1 / size,
                total,
                (within * within).sum(axis=1, keepdims=True),
                (values * values).sum(axis=1, keepdims=True),
                total * total / size,
            ]
        )
        self.by_rater = np.hstack([present, values, within])
        self.design = design.reshape(len(used), self.raters**2)

    def icc(self, drawn: Array, kind: str) -> Array:
        """One value per replicate of counts (units, replicates)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            picture, rater, error, k = self._components(drawn, one_way=kind.startswith("1"))
            noise = error if kind.startswith("C") else rater + error
            value = picture / (picture + noise / (k if kind.endswith("k") else 1.0))
        return np.where(np.isfinite(value), value, np.nan)

    def _components(self, drawn: Array, *, one_way: bool) -> tuple[Array, Array, Array, Array]:
        """Variances of picture, rater and error, and the ratings per unit, one per replicate."""
        units = drawn.sum(axis=0)
        n, squared, inverse, total, within, raw, between = (drawn.T @ self.scalars).T
        if one_way:
            error = within / (n - units)
            picture = (between - total**2 / n - (units - 1) * error) / (n - squared / n)
            return picture, np.zeros_like(error), error, units / inverse
        present, sums, rest = np.split(drawn.T @ self.by_rater, 3, axis=1)
        fitted, rank = self._rater_fit(drawn, rest)
        error = (within - fitted) / (n - units - rank)
        rater = (fitted - rank * error) / (n - units)
        by_raters = raw - np.where(present > 0, sums**2 / np.maximum(present, 1), 0.0).sum(axis=1)
        seen = (present > 0).sum(axis=1)
        adjusted = by_raters - (within - fitted)
        picture = (adjusted - (units + rank - seen) * error) / (n - seen)
        return picture, rater, error, units / inverse

    def _rater_fit(self, drawn: Array, rest: Array) -> tuple[Array, Array]:
        """Sum of squares that raters explain beyond the pictures, and its degrees of freedom."""
        design = (drawn.T @ self.design).reshape(drawn.shape[1], self.raters, self.raters)
        power, direction = np.linalg.eigh(design)
        solvable = power > 1e-9 * power.max(axis=1, initial=1e-300, keepdims=True)
        along = np.einsum("rjk,rj->rk", direction, rest)
        explained = np.where(solvable, along**2 / np.where(solvable, power, 1.0), 0.0)
        return explained.sum(axis=1), solvable.sum(axis=1)


def _f_limits(used: Array, kind: str, value: float, confidence: float) -> tuple[float, float]:
    """McGraw and Wong's interval, table 7, of a table without gaps."""
    from scipy.stats import f

    n, k = used.shape
    if n < 2 or k < 2 or np.isnan(value):
        return float("nan"), float("nan")
    picture, rater, error, within = _mean_squares(used)
    upper = 0.5 + confidence / 2
    noise, freedom = (within, n * (k - 1)) if kind[0] == "1" else (error, (n - 1) * (k - 1))
    if kind[0] == "A":
        single = _absolute_limits(n, k, (picture, rater, error), upper)
    else:
        if noise == 0:
            return value, value
        ratio = picture / noise
        low = ratio / f.ppf(upper, n - 1, freedom)
        high = ratio * f.ppf(upper, freedom, n - 1)
        single = (low - 1) / (low + k - 1), (high - 1) / (high + k - 1)
    if kind.endswith("k"):
        single = (
            single[0] * k / (1 + single[0] * (k - 1)),
            single[1] * k / (1 + single[1] * (k - 1)),
        )
    return float(single[0]), float(single[1])


def _absolute_limits(
    n: int, k: int, squares: tuple[float, float, float], upper: float
) -> tuple[float, float]:
    from scipy.stats import f

    picture, rater, error = squares
    value = (picture - error) / (picture + (k - 1) * error + k * (rater - error) / n)
    if error == 0:
        return value, value
    part = k * value * rater / error
    rest = n * (1 + (k - 1) * value) - k * value
    freedom = (n - 1) * (k - 1) * (part + rest) ** 2 / ((n - 1) * part**2 + rest**2)
    low, high = f.ppf(upper, n - 1, freedom), f.ppf(upper, freedom, n - 1)
    noise = k * rater + (k * n - k - n) * error
    return (
        n * (picture - low * error) / (low * noise + n * picture),
        n * (high * picture - error) / (noise + n * high * picture),
    )


def _mean_squares(used: Array) -> tuple[float, float, float, float]:
    """Mean squares between pictures, between raters, of the error and within pictures."""
    n, k = used.shape
    centred = used - used.mean()
    by_picture = k * (centred.mean(axis=1) ** 2).sum()
    by_rater = n * (centred.mean(axis=0) ** 2).sum()
    total = (centred**2).sum()
    error = max(total - by_picture - by_rater, 0.0)
    return (
        by_picture / (n - 1),
        by_rater / (k - 1),
        error / ((n - 1) * (k - 1)),
        max(total - by_picture, 0.0) / (n * (k - 1)),
    )
