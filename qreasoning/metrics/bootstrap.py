"""Percentile bootstrap over pictures: means, PLCC and SRCC of several models, paired.

What is drawn again is the picture, never the pair of texts or the single rating. A replicate is a
vector of counts, how often each picture was drawn; all models, and all metrics over as many
pictures, share the same counts, so their differences are paired. Every replicate is exact: SRCC
ranks anew under the counts (ties at their mid-rank), it does not reuse the ranks of the sample.

An interval takes its limits from the percentiles of the replicates, at levels corrected twice:
for the bias of the replicates' median (a drawn sample has ties, which pull SRCC down), and for
small samples, whose plain percentile interval is too narrow (by √((n - 1)/n), and it knows no t
distribution). `benchmarks/intervals.py` measures what each is worth.

Source: Efron and Tibshirani 1993, chapters 13 and 14 (bias-corrected percentiles); Hesterberg 2015
(expanded percentiles).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
CHUNK = 500
_SEEDS = 2**31
"""The stream that training seeds are drawn from, far from those of the units."""


class Estimate(NamedTuple):
    """A value with its interval, over `n` units; `n_left_out` had no value. nan: undefined."""

    value: float
    low: float
    high: float
    n: int
    n_left_out: int


@dataclass(frozen=True)
class Replicates:
    """One statistic of m models and its bootstrap replicates.

    `values` has shape (m,), `draws` (repetitions, m); `n` and `n_left_out`, both (m,), count the
    units with and without a value. A replicate in which the statistic is undefined is nan.
    """

    values: Array
    draws: Array
    n: NDArray[np.int64]
    n_left_out: NDArray[np.int64]


class Difference(NamedTuple):
    """Model `first` minus model `second` (columns), paired over the units.

    `p` is two-sided and `p_holm` adjusted for all pairs; `real` says p_holm < 1 - confidence.
    """

    first: int
    second: int
    value: float
    low: float
    high: float
    p: float
    p_holm: float
    real: bool


def counts(units: int, repetitions: int, seed: int = 0, chunk: int = CHUNK) -> Iterator[Array]:
    """How often each unit is drawn: arrays of shape (units, at most `chunk`), in all `repetitions`.

    The columns are the replicates; the same arguments give the same counts, whatever the chunk.
    """
    random = np.random.default_rng(seed)
    for start in range(0, repetitions, chunk):
        width = min(chunk, repetitions - start)
        drawn = random.integers(0, units, size=(width, units))
        cells = drawn * width + np.arange(width)[:, None]
        found = np.bincount(cells.ravel(), minlength=units * width)
        yield found.reshape(units, width).astype(np.float64)


def means(values: ArrayLike, *, repetitions: int = 10_000, seed: int = 0) -> Replicates:
    """The mean over the units of `values`, shape (units,) or (units, models); nan is left out.

    Raises ValueError for other shapes and for infinities.
    """
    table = columns(values, "values")
    known = ~np.isnan(table)
    filled, present = np.where(known, table, 0.0), known.astype(np.float64)
    draws = [
        _ratio(drawn.T @ filled, drawn.T @ present)
        for drawn in _chunks(len(table), repetitions, seed)
    ]
    value = _ratio(filled.sum(axis=0), present.sum(axis=0))
    return _replicates(value, draws, known)


def plcc(x: ArrayLike, y: ArrayLike, *, repetitions: int = 10_000, seed: int = 0) -> Replicates:
    """Pearson's correlation of each column of `x`, (units,) or (units, models), with `y`, (units,).

    A unit with nan on either side is left out of that model. Undefined (fewer than 3 units, or a
    constant side) is nan. Raises ValueError for other shapes and for infinities.
    """
    table, target = _sides(x, y)
    known = ~(np.isnan(table) | np.isnan(target)[:, None])
    sides = [
        _standard(table, known),
        _standard(np.repeat(target[:, None], known.shape[1], 1), known),
    ]
    left, right = sides
    moments = np.hstack([known, left, right, left * left, right * right, left * right])
    draws = [
        _pearson(*np.split(drawn.T @ moments, 6, axis=1))
        for drawn in _chunks(len(table), repetitions, seed)
    ]
    value = _pearson(*np.split(moments.sum(axis=0)[None], 6, axis=1))[0]
    return _replicates(value, draws, known)


def srcc(x: ArrayLike, y: ArrayLike, *, repetitions: int = 10_000, seed: int = 0) -> Replicates:
    """Spearman's correlation of each column of `x`, (units,) or (units, models), with `y`.

    Replicates are exact, with mid-ranks. nan, shapes and errors as in `plcc`.
    """
    table, target = _sides(x, y)
    known = ~(np.isnan(table) | np.isnan(target)[:, None])
    ranked = [Ranked(column) for column in table.T]
    goal = Ranked(target)
    draws = [
        _spearman(drawn, ranked, goal, known) for drawn in _chunks(len(table), repetitions, seed)
    ]
    value = _spearman(np.ones((len(table), 1)), ranked, goal, known)[0]
    return _replicates(value, draws, known)


def over_seeds(replicates: Replicates) -> Replicates:
    """The mean over the columns, which are training seeds, as one column.

    Each replicate draws the seeds again as well as the units, so that its spread is that of both
    (a crossed bootstrap: Owen and Eckles 2012). With one seed there is no spread between seeds to
    be seen. nan in any seed that is drawn makes a replicate nan.
    """
    repetitions, seeds = replicates.draws.shape
    (drawn,) = counts(seeds, repetitions, seed=_SEEDS, chunk=repetitions)
    used = np.where(drawn.T > 0, replicates.draws * drawn.T, 0.0)
    return Replicates(
        replicates.values.mean(keepdims=True),
        used.sum(axis=1, keepdims=True) / seeds,
        replicates.n.min(keepdims=True),
        replicates.n_left_out.max(keepdims=True),
    )


def intervals(replicates: Replicates, *, confidence: float = 0.95) -> tuple[Estimate, ...]:
    """One `Estimate` per model; its limits are nan where fewer than 2 units have a value."""
    columns_of = (replicates.values, replicates.draws.T, replicates.n, replicates.n_left_out)
    return tuple(
        Estimate(float(value), *limits(value, drawn, int(n), confidence), int(n), int(left_out))
        for value, drawn, n, left_out in zip(*columns_of, strict=True)
    )


def limits(value: float, draws: Array, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The limits of one statistic's interval from its replicates `draws` over `n` units.

    Replicates that are nan are left out; (nan, nan) where none is left, or n < 2.
    """
    from scipy.special import ndtr, ndtri, stdtrit

    drawn = draws[~np.isnan(draws)]
    if n < 2 or not len(drawn) or np.isnan(value):
        return float("nan"), float("nan")
    below = (drawn < value).mean() + (drawn == value).mean() / 2
    bias = ndtri(np.clip(below, 1 / (len(drawn) + 1), len(drawn) / (len(drawn) + 1)))
    reach = stdtrit(n - 1, 0.5 + confidence / 2) * np.sqrt(n / (n - 1))
    low, high = np.quantile(drawn, ndtr([2 * bias - reach, 2 * bias + reach]))
    return float(low), float(high)


def differences(replicates: Replicates, *, confidence: float = 0.95) -> tuple[Difference, ...]:
    """All pairs of models compared, first before second, with Holm's correction over the pairs.

    p is twice the smaller share of replicates on one side of 0, counted with one more replicate
    than there are, so that it is never 0. nan where either model has no value.
    """
    pairs = list(combinations(range(len(replicates.values)), 2))
    found = [_difference(replicates, first, second, confidence) for first, second in pairs]
    adjusted = holm([p for _, _, _, p in found])
    return tuple(
        Difference(*pair, *each, float(p), bool(p < 1 - confidence))
        for pair, each, p in zip(pairs, found, adjusted, strict=True)
    )


def _difference(
    replicates: Replicates, first: int, second: int, confidence: float
) -> tuple[float, float, float, float]:
    value = float(replicates.values[first] - replicates.values[second])
    drawn = replicates.draws[:, first] - replicates.draws[:, second]
    drawn = drawn[~np.isnan(drawn)]
    low, high = limits(value, drawn, min(replicates.n[[first, second]]), confidence)
    if np.isnan(value) or not len(drawn):
        return value, low, high, float("nan")
    smaller = min((drawn <= 0).sum(), (drawn >= 0).sum())
    return value, low, high, min(1.0, 2 * (smaller + 1) / (len(drawn) + 1))


def holm(p: Sequence[float]) -> Array:
    """p-values adjusted for being several, step down (Holm 1979); a nan stays nan, uncounted."""
    given = np.asarray(p, dtype=np.float64)
    order = np.argsort(given)[: int((~np.isnan(given)).sum())]
    scaled = given[order] * np.arange(len(order), 0, -1)
    adjusted = np.full(len(given), np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted


def columns(values: ArrayLike, what: str) -> Array:
    """`values` as a table of shape (units, models); ValueError for other shapes and infinities."""
    table = np.asarray(values, dtype=np.float64)
    table = table[:, None] if table.ndim == 1 else table
    if table.ndim != 2:
        raise ValueError(f"{what}: needs shape (units,) or (units, models), not {table.shape}")
    if np.isinf(table).any():
        raise ValueError(f"{what}: infinite values have no place in a mean or a correlation")
    return table


def _sides(x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    table, target = columns(x, "x"), columns(y, "y")
    if target.shape != (len(table), 1):
        raise ValueError(f"y: needs one value for each of {len(table)} units, not {target.shape}")
    return table, target[:, 0]


def _chunks(units: int, repetitions: int, seed: int) -> Iterator[Array]:
    return counts(units, repetitions, seed) if units else iter(())


def _replicates(value: Array, draws: list[Array], known: NDArray[np.bool_]) -> Replicates:
    drawn = np.concatenate(draws) if draws else np.empty((0, len(value)))
    used = known.sum(axis=0)
    return Replicates(value, drawn, used, len(known) - used)


def _ratio(above: Array, below: Array) -> Array:
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


def _standard(table: Array, known: NDArray[np.bool_]) -> Array:
    """Columns centred and scaled, 0 where unknown: moments of raw scores would lose digits."""
    filled = np.where(known, table, 0.0)
    size = np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, filled - filled.sum(axis=0) / size, 0.0)
    spread = np.abs(centred).max(axis=0, initial=0.0)
    # A constant column is exactly 0: centring alone would leave rounding noise behind.
    flat = (np.where(known, table, -np.inf).max(axis=0, initial=-np.inf)) == (
        np.where(known, table, np.inf).min(axis=0, initial=np.inf)
    )
    return np.where(flat, 0.0, centred / np.where(spread > 0, spread, 1.0))


def _pearson(n: Array, x: Array, y: Array, xx: Array, yy: Array, xy: Array) -> Array:
    """Pearson from weighted sums; nan under 3 units or where a side does not vary."""
    spread_x, spread_y = n * xx - x * x, n * yy - y * y
    # Sums of scaled scores are right to about 1e-13 of n·xx: what is below is a constant side.
    varies = (spread_x > 1e-12 * n * xx) & (spread_y > 1e-12 * n * yy) & (n >= 3)
    below = np.sqrt(np.where(varies, spread_x, 1.0) * np.where(varies, spread_y, 1.0))
    return np.where(varies, np.clip((n * xy - x * y) / below, -1.0, 1.0), np.nan)


class Ranked:
    """One column sorted once, so that its mid-ranks under any counts are a cumulative sum away."""

    def __init__(self, column: Array) -> None:
        self.order = np.argsort(column, kind="stable")
        self.back = np.argsort(self.order, kind="stable")
        value = column[self.order]
        last = np.r_[value[1:] != value[:-1], True][: len(value)]
        self.ends = np.flatnonzero(last)
        self.group = (np.cumsum(last) - last)[self.back]

    def ranks(self, drawn: Array) -> Array:
        """Mid-ranks, centred on the mean rank, of every unit under counts (units, replicates)."""
        below = np.cumsum(drawn[self.order], axis=0)
        upto = below[self.ends]
        middle = upto.copy()
        middle[1:] += upto[:-1]
        # (last of the group before + last of the group)/2 is the mid-rank less 1/2; so is n/2.
        middle -= upto[-1]
        middle *= 0.5
        result: Array = middle[self.group]
        return result


def _spearman(drawn: Array, ranked: list[Ranked], goal: Ranked, known: NDArray[np.bool_]) -> Array:
    """SRCC of every model under counts (units, replicates): shape (replicates, models)."""
    found = np.empty((drawn.shape[1], len(ranked)))
    complete = np.logical_and.reduce(known, axis=0)
    ranks = goal.ranks(drawn)
    for place, each in enumerate(ranked):
        used = drawn if complete[place] else drawn * known[:, place, None]
        right = ranks if complete[place] else goal.ranks(used)
        found[:, place] = _rank_correlation(used, each.ranks(used), right)
    return found


def _rank_correlation(drawn: Array, left: Array, right: Array) -> Array:
    weighted = drawn * left
    xy = np.einsum("ur,ur->r", weighted, right)
    xx = np.einsum("ur,ur->r", weighted, left)
    yy = np.einsum("ur,ur,ur->r", drawn, right, right)
    # Half-integers throughout, so a constant side gives exactly 0.
    varies = (xx > 0) & (yy > 0) & (drawn.sum(axis=0) >= 3)
    below = np.sqrt(np.where(varies, xx, 1.0) * np.where(varies, yy, 1.0))
    return np.where(varies, np.clip(xy / below, -1.0, 1.0), np.nan)
