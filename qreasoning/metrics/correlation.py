"""How predicted ratings follow mean opinion scores: on raw values, and a fitted curve as an extra.

Every result says over how many pairs it is, how many were left out, and `why` a value is missing.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


class Correlation(NamedTuple):
    """A correlation in [-1, 1]; nan where undefined (fewer than 3 pairs, or a constant side).

    `n` is the number of pairs used, `n_left_out` that of pairs with a nan on either side.
    """

    value: float
    n: int
    n_left_out: int

    @property
    def why(self) -> str:
        """Why pairs were left out and why there is no value; empty if neither."""
        undefined = "fewer than 3 pairs" if self.n < 3 else "one side is constant"
        return _why(self.n_left_out, undefined if np.isnan(self.value) else "")


class Deviation(NamedTuple):
    """An error or a share, at least 0; nan where there is no pair. `n` and the rest as above."""

    value: float
    n: int
    n_left_out: int

    @property
    def why(self) -> str:
        """Why pairs were left out and why there is no value; empty if neither."""
        return _why(self.n_left_out, "no pairs" if np.isnan(self.value) else "")


def _why(left_out: int, undefined: str) -> str:
    gaps = f"{left_out} without a number on every side" if left_out else ""
    return "; ".join(each for each in (gaps, undefined) if each)


def plcc(x: ArrayLike, y: ArrayLike) -> Correlation:
    """Pearson's linear correlation of two sequences of shape (n,).

    nan on either side leaves the pair out. Raises ValueError for other shapes and for infinities.
    """
    left, right, left_out = _pairs(x, y)
    return Correlation(_pearson(left, right), len(left), left_out)


def srcc(x: ArrayLike, y: ArrayLike) -> Correlation:
    """Spearman's rank correlation of two sequences of shape (n,); ties share their mean rank.

    nan on either side leaves the pair out. Raises ValueError for other shapes and for infinities.
    """
    left, right, left_out = _pairs(x, y)
    return Correlation(_pearson(_ranks(left), _ranks(right)), len(left), left_out)


def krcc(x: ArrayLike, y: ArrayLike) -> Correlation:
    """Kendall's rank correlation tau-b, which allows for ties, of two sequences of shape (n,).

    nan, shapes and errors as in `plcc`.
    """
    from scipy.stats import kendalltau

    left, right, left_out = _pairs(x, y)
    value = kendalltau(left, right).statistic if len(left) >= 3 else np.nan
    return Correlation(float(value), len(left), left_out)


def rmse(x: ArrayLike, y: ArrayLike) -> Deviation:
    """Root mean square error, in units of MOS; both sides must be on one scale.

    nan, shapes and errors as in `plcc`.
    """
    left, right, left_out = _pairs(x, y)
    value = np.sqrt(np.mean((left - right) ** 2)) if len(left) else np.nan
    return Deviation(float(value), len(left), left_out)


def outlier_ratio(
    x: ArrayLike,
    y: ArrayLike,
    spread: ArrayLike,
    raters: ArrayLike | None = None,
    *,
    factor: float = 2.0,
) -> Deviation:
    """Share of predictions `x` farther from the MOS `y` than people's own uncertainty allows.

    `spread`, (n,), is the standard deviation of each picture's ratings. Without `raters` the limit
    is `factor` of it (VQEG 2000); with the number of raters, (n,), it is the half-width of the
    MOS's 95 % interval (ITU-T P.1401). A pair without a spread, or with one rater, is left out.
    Raises ValueError for other shapes and for infinities.
    """
    deviations = np.asarray(spread, dtype=np.float64)
    limit = deviations * (factor if raters is None else _half_widths(raters))
    error = np.subtract(x, y, dtype=np.float64)
    distance, allowed, left_out = _pairs(np.abs(error), limit)
    value = float(np.mean(distance > allowed)) if len(distance) else float("nan")
    return Deviation(value, len(distance), left_out)


def _half_widths(raters: ArrayLike) -> Array:
    """Half-width of a mean's 95 % interval in standard deviations; nan under two raters."""
    from scipy.special import stdtrit

    count = np.asarray(raters)
    enough = np.where(count >= 2, count, np.nan)
    return np.asarray(stdtrit(enough - 1, 0.975) / np.sqrt(enough))


class Logistic(NamedTuple):
    """PLCC and RMSE after a fitted 4-parameter logistic, which flatters: name it as fitted.

    `parameters` are the two levels, the middle and the width. `monotone`: the curve rises over the
    predictions and does not level off into a step. `same_sign`: the raw PLCC is positive too. PLCC
    and RMSE are nan unless both hold; `why` says so, and why pairs were left out.
    """

    plcc: float
    rmse: float
    parameters: tuple[float, float, float, float]
    n: int
    n_left_out: int
    monotone: bool
    same_sign: bool
    why: str


def logistic4(x: ArrayLike, y: ArrayLike) -> Logistic:
    """Fit y = low + (high - low)/(1 + exp(-(x - middle)/width)) and correlate the fit with y.

    A fit has seen the labels: it lifts noise and turns a reversed model round, so it stands beside
    the raw PLCC, never for it. nan, shapes and errors as in `plcc`; needs 5 pairs. Source: VQEG
    2003; ITU-T P.1401.
    """
    left, right, left_out = _pairs(x, y)
    raw = plcc(left, right).value
    if len(left) < 5 or np.isnan(raw):
        why = "fewer than 5 pairs" if len(left) < 5 else "one side is constant"
        nothing = (np.nan, np.nan, np.nan, np.nan)
        return Logistic(
            np.nan, np.nan, nothing, len(left), left_out, False, False, _why(left_out, why)
        )
    parameters, fitted = _fit(left, right)
    monotone, same_sign = _rises(parameters, left, fitted), raw > 0
    problem = "" if same_sign else "the raw correlation is not positive"
    if not monotone:
        problem = "the fitted curve does not rise over the predictions"
    value = np.nan if problem else plcc(fitted, right).value
    error = np.nan if problem else rmse(fitted, right).value
    why = _why(left_out, problem)
    return Logistic(value, error, parameters, len(left), left_out, monotone, bool(same_sign), why)


def _fit(x: Array, y: Array) -> tuple[tuple[float, float, float, float], Array]:
    """The parameters with the least squares from several starts, and the fitted values."""
    from scipy.optimize import least_squares

    scale = x.std()
    starts = [
        (level[0], level[1], np.median(x), np.log(scale * width))
        for width in (0.3, 1.0)
        for level in ((y.min(), y.max()), (y.max(), y.min()))
    ]
    found = [least_squares(lambda p: _curve(p, x) - y, start, max_nfev=200) for start in starts]
    best = min(found, key=lambda each: each.cost).x
    low, high, middle, width = best[0], best[1], best[2], np.exp(best[3])
    return (float(low), float(high), float(middle), float(width)), _curve(best, x)


def _curve(parameters: Array, x: Array) -> Array:
    from scipy.special import expit

    low, high, middle, width = parameters
    return np.asarray(low + (high - low) * expit((x - middle) / np.exp(np.clip(width, -50, 50))))


def _rises(parameters: tuple[float, float, float, float], x: Array, fitted: Array) -> bool:
    """Whether the curve rises, and over more than a sliver of the predictions."""
    low, high, _, width = parameters
    steps = np.unique(fitted[np.argsort(x)].round(9))
    return bool(high > low and width > 1e-3 * x.std() and len(steps) > 2)


def _ranks(values: Array) -> Array:
    """Ranks from 1, ties at their mean."""
    _, group, size = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(size)
    ranks: Array = (last - (size - 1) / 2)[group]
    return ranks


def _pairs(x: ArrayLike, y: ArrayLike) -> tuple[Array, Array, int]:
    left, right = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if left.ndim != 1 or left.shape != right.shape:
        raise ValueError(
            f"correlation needs two equally long lists, not {left.shape}, {right.shape}"
        )
    if np.isinf(left).any() or np.isinf(right).any():
        raise ValueError("correlation is not defined for infinite values")
    kept = ~(np.isnan(left) | np.isnan(right))
    return left[kept], right[kept], int((~kept).sum())


def _pearson(left: Array, right: Array) -> float:
    # Compared as they are: after centring, a constant 0.1 leaves rounding noise behind.
    if len(left) < 3 or (left == left[0]).all() or (right == right[0]).all():
        return float("nan")
    left, right = left - left.mean(), right - right.mean()
    left, right = left / np.abs(left).max(), right / np.abs(right).max()
    value = left @ right / np.sqrt((left @ left) * (right @ right))
    return float(np.clip(value, -1.0, 1.0))
