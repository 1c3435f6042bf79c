"""The human ceiling: how well one person agrees with the others, and a model on the same terms.

A person is compared with the mean of the *other* raters. Comparing a model with the mean of *all*
of them instead would flatter it: with exactly a person's noise it would look better than people.
So the model meets the same leave-one-out subsets, rater by rater.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from qreasoning.metrics import bootstrap
from qreasoning.metrics.bootstrap import Array, Replicates
from qreasoning.metrics.ratings import left_out_means, pairable, table


class Ceiling(NamedTuple):
    """The human value (one column) and, on the same subsets, each model's and models - human.

    `models` and `gap` are None where no model was given. Their replicates are paired.
    """

    human: Replicates
    models: Replicates | None
    gap: Replicates | None


def rating_ceiling(
    ratings: ArrayLike,
    models: ArrayLike | None = None,
    *,
    statistic: Literal["srcc", "plcc"] = "srcc",
    least: int = 3,
    repetitions: int = 1000,
    seed: int = 0,
) -> Ceiling:
    """Correlation of one rater with the mean of the others, and of models with the same means.

    `ratings` has shape (units, raters), `models` (units,) or (units, models). A rater counts by
    the units shared with others, and not at all under `least` of them or where the correlation is
    undefined. `n` counts the units with two ratings. Raises ValueError for wrong shapes.
    """
    given = table(ratings)
    others = left_out_means(given)
    measure = {"srcc": bootstrap.srcc, "plcc": bootstrap.plcc}[statistic]
    rest = np.empty((len(given), 0)) if models is None else bootstrap.columns(models, "models")
    if len(rest) != len(given):
        raise ValueError(f"models: needs one value for each of {len(given)} units, not {len(rest)}")
    shared = (~np.isnan(others)).sum(axis=0)
    found = [
        (measure(np.c_[own, rest], mean, repetitions=repetitions, seed=seed), float(size))
        for own, mean, size in zip(given.T, others.T, shared, strict=True)
        if size >= least
    ]
    weights = np.array([size for _, size in found])
    values = _over_raters([each.values[None] for each, _ in found], weights, 1 + rest.shape[1])[0]
    draws = _over_raters([each.draws for each, _ in found], weights, 1 + rest.shape[1])
    units = pairable(given)
    known = np.c_[units, units[:, None] & ~np.isnan(rest)]
    return _ceiling(values, draws, known)


def _over_raters(found: list[Array], weights: Array, width: int) -> Array:
    """The mean over raters, weighted, of tables whose first column is the rater's own value."""
    if not found:
        return np.full((1, width), np.nan)
    stacked = np.stack(found)
    # A rater without a value of their own sets no mark for the models either.
    known = ~np.isnan(stacked) & ~np.isnan(stacked[:, :, :1])
    weight = weights[:, None, None] * known
    total = (np.where(known, stacked, 0.0) * weight).sum(axis=0)
    below = weight.sum(axis=0)
    result: Array = np.divide(total, below, out=np.full(total.shape, np.nan), where=below > 0)
    return result


def text_ceiling(
    between: ArrayLike,
    models: ArrayLike | None = None,
    aggregate: Literal["mean", "max"] = "mean",
    *,
    repetitions: int = 10_000,
    seed: int = 0,
) -> Ceiling:
    """Similarity of one person's text to the others', and of models' texts to the same others.

    `between` has shape (units, raters, raters): the similarity of rater i's text, as a prediction,
    to rater j's; nan where either is missing, the diagonal is not read. `models` has shape
    (units, raters) or (units, raters, models): the similarity of a model's text to rater j's. Each
    rater is left out in turn; `aggregate` says how the others make one number. `n` counts the units
    with two texts. Raises ValueError for other shapes.
    """
    pairs = np.array(between, dtype=np.float64)
    if pairs.ndim != 3 or pairs.shape[1] != pairs.shape[2]:
        raise ValueError(f"between needs shape (units, raters, raters), not {pairs.shape}")
    units, raters, _ = pairs.shape
    scores = (
        np.empty((units, raters, 0)) if models is None else np.asarray(models, dtype=np.float64)
    )
    scores = scores[:, :, None] if scores.ndim == 2 else scores
    if scores.shape[:2] != (units, raters):
        raise ValueError(f"models need shape ({units}, {raters}, models), not {scores.shape}")
    pairs[:, np.arange(raters), np.arange(raters)] = np.nan
    table_ = _left_out_in_turn(pairs, scores, aggregate)
    found = bootstrap.means(table_, repetitions=repetitions, seed=seed)
    return _ceiling(found.values, found.draws, ~np.isnan(table_))


def _left_out_in_turn(pairs: Array, scores: Array, aggregate: str) -> Array:
    """Per unit, (units, 1 + models): the mean over the raters left out."""
    joins: dict[str, Callable[..., Any]] = {"mean": np.mean, "max": np.max}
    join = joins[aggregate]
    rows = []
    for own, model in zip(pairs, scores, strict=True):
        there = ~np.isnan(own)
        turns = [
            np.r_[join(own[rater, others]), join(model[others], axis=0)]
            for rater, others in enumerate(there)
            if others.any()
        ]
        rows.append(np.mean(turns, axis=0) if turns else np.full(1 + model.shape[1], np.nan))
    return np.array(rows).reshape(len(pairs), 1 + scores.shape[2])


def _ceiling(values: Array, draws: Array, known: ArrayLike) -> Ceiling:
    used = np.asarray(known).sum(axis=0)
    left_out = len(np.asarray(known)) - used
    human = Replicates(values[:1], draws[:, :1], used[:1], left_out[:1])
    if len(values) == 1:
        return Ceiling(human, None, None)
    models = Replicates(values[1:], draws[:, 1:], used[1:], left_out[1:])
    gap = Replicates(values[1:] - values[0], draws[:, 1:] - draws[:, :1], used[1:], left_out[1:])
    return Ceiling(human, models, gap)
