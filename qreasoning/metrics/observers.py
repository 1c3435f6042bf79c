"""The single observer: the screening test of ITU-R BT.500 and score recovery of ITU-T P.910."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qreasoning.metrics.bootstrap import Array
from qreasoning.metrics.ratings import table

Counts = NDArray[np.int64]


class Bt500(NamedTuple):
    """What the observer test says of each rater; every array has shape (raters,).

    `outside` is the share of the `n` units rated in which the rating lies beyond the limits
    (`above` and `below` count them), `asymmetry` is |above - below| over their sum, nan where it
    is 0. `rejected`: outside > 0.05 and asymmetry < 0.3, that is, often and on both sides.
    `possible` counts the units rated by enough raters for one of them to lie outside at all.
    """

    rejected: NDArray[np.bool_]
    outside: Array
    asymmetry: Array
    above: Counts
    below: Counts
    n: Counts
    possible: Counts


def bt500(ratings: ArrayLike, *, ddof: int = 1) -> Bt500:
    """The screening of observers of ITU-R BT.500-14, annex 1 to part 1, section A1-2.3.1.

    A rating lies outside if it is 2 standard deviations or more from the unit's mean (√20 where
    the unit's kurtosis is not in [2, 4]). With gaps, the share is taken over the units a rater
    rated. A unit that all rate alike accuses nobody. The standard deviation divides by the number
    of ratings less `ddof`; sureal uses 0. Made for 15 observers and more: with 5 nobody can ever
    lie outside (`possible` is then 0). Raises ValueError for a table of another shape.
    """
    given = table(ratings)
    known = ~np.isnan(given)
    size = known.sum(axis=1, keepdims=True)
    count = np.maximum(size, 1)
    centred = np.where(known, given - _mean(given, known, 1)[:, None], 0.0)
    highest = np.where(known, given, -np.inf).max(axis=1, initial=-np.inf, keepdims=True)
    varied = highest > np.where(known, given, np.inf).min(axis=1, initial=np.inf, keepdims=True)
    second = (centred**2).sum(axis=1, keepdims=True) / count
    fourth = (centred**4).sum(axis=1, keepdims=True) / count
    spread = np.sqrt(second * count / np.maximum(size - ddof, 1))
    kurtosis = fourth / np.where(varied, second**2, 1.0)
    limit = np.where((kurtosis >= 2) & (kurtosis <= 4), 2.0, np.sqrt(20.0)) * spread
    judged = known & varied & (size > ddof)
    above = (judged & (centred >= limit)).sum(axis=0)
    below = (judged & (centred <= -limit)).sum(axis=0)
    n, both = known.sum(axis=0), above + below
    outside = np.divide(both, n, out=np.full(len(n), np.nan), where=n > 0)
    asymmetry = np.divide(np.abs(above - below), both, out=np.full(len(n), np.nan), where=both > 0)
    # The farthest of m ratings is (m - 1)/√m sample deviations out: 1.8 for 5, over 2 from 6 on.
    possible = (known & (size >= 6)).sum(axis=0)
    rejected = (outside > 0.05) & (asymmetry < 0.3)
    return Bt500(rejected, outside, asymmetry, above, below, n, possible)


class P910(NamedTuple):
    """Scores with the raters' bias taken out, and how far each rater can be trusted.

    `score` and its standard `error` have shape (units,), `bias` (mean 0) and `inconsistency` (the
    standard deviation of what bias does not explain) (raters,). `model` is "subject" (ratings
    weighted by consistency) or "bias" (every rater weighs the same), `reason` why it is the latter.
    `n` counts the units with a rating, `n_left_out` those without.
    """

    score: Array
    error: Array
    bias: Array
    inconsistency: Array
    model: Literal["subject", "bias"]
    reason: str
    iterations: int
    n: int
    n_left_out: int


def p910(ratings: ArrayLike, *, least_raters: int = 8, floor: float = 0.25) -> P910:
    """Recover scores by maximum likelihood of rating = score + bias + inconsistency · noise.

    Source: ITU-T P.910 (2023) annex E and P.913 section 12.6, by alternating projection as in
    sureal's `SubjectMLEModelProjectionSolver`, to which it is equal with least_raters=2, floor=0.

    With few raters the likelihood grows without bound: one rater's inconsistency falls to 0 and
    the scores become that rater's. So no inconsistency falls below `floor` times that of all
    raters together, and where one does touch the floor, or a unit has fewer than `least_raters`
    ratings at its median, the answer is the mean opinion score with biases removed; `reason` says
    so. Raises ValueError for a table of another shape.
    """
    given = table(ratings)
    rated = (~np.isnan(given)).any(axis=1)
    used = given[rated]
    overlap = float(np.median((~np.isnan(used)).sum(axis=1))) if len(used) else 0.0
    reason = ""
    if overlap < least_raters:
        reason = f"{overlap:g} ratings per unit, the subject model needs {least_raters}"
    recovered = _recover(used, weighted=not reason, floor=floor)
    if not reason and recovered.collapsed.any():
        who = ", ".join(map(str, np.flatnonzero(recovered.collapsed)))
        reason = f"the subject model collapsed onto rater {who} (counted from 0)"
        recovered = _recover(used, weighted=False, floor=floor)
    score, error = np.full(len(given), np.nan), np.full(len(given), np.nan)
    score[rated], error[rated] = recovered.score, recovered.error
    return P910(
        score,
        error,
        recovered.bias,
        recovered.inconsistency,
        "bias" if reason else "subject",
        reason,
        recovered.iterations,
        len(used),
        len(given) - len(used),
    )


class _Recovered(NamedTuple):
    score: Array
    error: Array
    bias: Array
    inconsistency: Array
    collapsed: NDArray[np.bool_]
    iterations: int


def _recover(used: Array, *, weighted: bool, floor: float, most: int = 1000) -> _Recovered:
    """Alternate between scores, biases and inconsistencies until no score moves."""
    known = ~np.isnan(used)
    score: Array = _mean(used, known, 1)
    bias: Array = _mean(used - score[:, None], known, 0)
    iterations, moved = 0, np.inf
    inconsistency: Array = np.zeros(used.shape[1])
    least = 0.0
    while moved >= 1e-8 and iterations < most:
        before = score
        residue = used - score[:, None] - bias
        own = _deviation(residue, known)
        least = floor * np.sqrt(np.mean(residue[known] ** 2)) if known.any() else 0.0
        inconsistency = np.fmax(own, least) if weighted else own
        # 1e-8 as in sureal: a rater without any inconsistency keeps a finite weight.
        weight = 1 / (inconsistency**2 + 1e-8) if weighted else np.ones_like(own)
        score = _mean(used - bias, known, 1, weight)
        bias = _mean(used - score[:, None], known, 0)
        iterations, moved = iterations + 1, float(np.linalg.norm(score - before))
    precision = np.where(known, 1 / np.maximum(inconsistency, 1e-8) ** 2, 0.0).sum(axis=1)
    if not weighted:
        precision = _precision_of_mean(known, inconsistency)
    collapsed = weighted & (floor > 0) & (inconsistency <= least)
    shift = np.nanmean(bias) if known.any() else 0.0
    inconsistency = np.where(known.any(axis=0), inconsistency, np.nan)
    error = np.sqrt(
        np.divide(1, precision, out=np.full_like(precision, np.nan), where=precision > 0)
    )
    return _Recovered(score + shift, error, bias - shift, inconsistency, collapsed, iterations)


def _precision_of_mean(known: NDArray[np.bool_], inconsistency: Array) -> Array:
    """One over the variance of a plain mean of ratings with these inconsistencies."""
    variance = np.where(known, np.nan_to_num(inconsistency) ** 2, 0.0).sum(axis=1)
    size = known.sum(axis=1)
    result: Array = np.divide(size**2, variance, out=np.full(len(size), np.inf), where=variance > 0)
    return result


def _mean(values: Array, known: NDArray[np.bool_], axis: int, weight: Array | None = None) -> Array:
    weights = known * (1.0 if weight is None else np.nan_to_num(weight))
    total = (np.where(known, values, 0.0) * weights).sum(axis=axis)
    size = weights.sum(axis=axis)
    result: Array = np.divide(total, size, out=np.full(len(total), np.nan), where=size > 0)
    return result


def _deviation(values: Array, known: NDArray[np.bool_]) -> Array:
    return np.sqrt(_mean((values - _mean(values, known, 0)) ** 2, known, 0))
