"""Correlation of predicted ratings with mean opinion scores, on raw values (no fitted curve)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Correlation(NamedTuple):
    """A correlation in [-1, 1]; nan where undefined (fewer than 3 pairs, or a constant side).

    `n` is the number of pairs used, `n_left_out` that of pairs with a nan on either side.
    """

    value: float
    n: int
    n_left_out: int


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
    from scipy.stats import rankdata

    left, right, left_out = _pairs(x, y)
    return Correlation(_pearson(rankdata(left), rankdata(right)), len(left), left_out)


def _pairs(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    left, right = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if left.ndim != 1 or left.shape != right.shape:
        raise ValueError(
            f"correlation needs two equally long lists, not {left.shape}, {right.shape}"
        )
    if np.isinf(left).any() or np.isinf(right).any():
        raise ValueError("correlation is not defined for infinite values")
    kept = ~(np.isnan(left) | np.isnan(right))
    return left[kept], right[kept], int((~kept).sum())


def _pearson(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    # Compared as they are: after centring, a constant 0.1 leaves rounding noise behind.
    if len(left) < 3 or (left == left[0]).all() or (right == right[0]).all():
        return float("nan")
    left, right = left - left.mean(), right - right.mean()
    left, right = left / np.abs(left).max(), right / np.abs(right).max()
    value = left @ right / np.sqrt((left @ left) * (right @ right))
    return float(np.clip(value, -1.0, 1.0))
