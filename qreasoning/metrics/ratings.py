"""Tables of ratings: units by raters, nan where a rater did not rate a unit."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def table(ratings: ArrayLike) -> Array:
    """`ratings` as floats of shape (units, raters). ValueError for other shapes and infinities."""
    given = np.asarray(ratings, dtype=np.float64)
    if given.ndim != 2:
        raise ValueError(f"ratings need shape (units, raters), not {given.shape}")
    if np.isinf(given).any():
        raise ValueError("ratings cannot be infinite; use nan where a rater did not rate a unit")
    return given


def pairable(ratings: Array) -> NDArray[np.bool_]:
    """Which units have at least two ratings, (units,)."""
    rated = (~np.isnan(ratings)).sum(axis=1)
    return np.asarray(rated >= 2)


def left_out_means(ratings: Array) -> Array:
    """The mean of the *other* raters at each rating, (units, raters); nan where there is none."""
    known = ~np.isnan(ratings)
    filled = np.where(known, ratings, 0.0)
    others = filled.sum(axis=1, keepdims=True) - filled
    count = known.sum(axis=1, keepdims=True) - 1
    defined = known & (count >= 1)
    result: Array = np.divide(others, count, out=np.full_like(filled, np.nan), where=defined)
    return result
