"""Where a model stands on a text metric: between its floors and the people, with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qreasoning.analysis.flat import FIXED, PEOPLE, Place, Record, record
from qreasoning.analysis.measure import Measure, Numbers
from qreasoning.metrics.bootstrap import (
    Difference,
    Estimate,
    Replicates,
    differences,
    holm,
    intervals,
    means,
)

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Standing:
    """One measure of all models: each list has an estimate per model, in their order.

    `share` is (comparable − floor)/(ceiling − floor), all three on the same pictures; undefined
    where the ceiling is not clearly better than the floor.
    """

    measure: Measure
    values: tuple[Estimate, ...]
    best: tuple[Estimate, ...] | None
    comparable: tuple[Estimate, ...]
    floor: tuple[Estimate, ...]
    share: tuple[Estimate, ...]
    fixed: Estimate
    ceiling: Estimate
    replicates: Replicates


def standing(measure: Measure, repetitions: int) -> Standing:
    """Every figure of a measure with its interval, all from the same draws of pictures."""
    models = measure.values.shape[1]
    parts = [measure.values, measure.comparable, measure.floor, measure.fixed[:, None]]
    parts.append(measure.ceiling[:, None])
    if measure.best is not None:
        parts.append(measure.best)
    whole = means(np.hstack(parts), repetitions=repetitions)
    found = intervals(whole)
    best = found[3 * models + 2 :]
    return Standing(
        measure=measure,
        values=found[:models],
        comparable=found[models : 2 * models],
        floor=found[2 * models : 3 * models],
        fixed=found[3 * models],
        ceiling=found[3 * models + 1],
        best=best or None,
        share=intervals(share_of_the_way(measure, repetitions)),
        replicates=part(whole, range(models)),
    )


def share_of_the_way(measure: Measure, repetitions: int) -> Replicates:
    """How far from the floor to the ceiling each model gets: 0 the wrong picture, 1 a person."""
    models = measure.comparable.shape[1]
    ceiling = np.repeat(measure.ceiling[:, None], models, axis=1)
    table = np.stack([measure.comparable, measure.floor, ceiling])
    table = np.where(np.isnan(table).any(axis=0), np.nan, table)
    drawn = means(np.hstack(list(table)), repetitions=repetitions)
    draws = np.split(drawn.draws, 3, axis=1)
    values = np.split(drawn.values, 3)
    reach = draws[2] - draws[1]
    low, high = (
        np.quantile(reach, q, axis=0) if len(reach) else np.full(models, np.nan)
        for q in (0.025, 0.975)
    )
    clear = low > 0 if measure.higher_is_better else high < 0
    return Replicates(
        np.where(clear, _share(*values), np.nan),
        np.where(clear, _share(*draws), np.nan),
        drawn.n[:models],
        drawn.n_left_out[:models],
    )


def _share(value: Numbers, floor: Numbers, ceiling: Numbers) -> Numbers:
    reach = ceiling - floor
    return np.divide(value - floor, reach, out=np.full_like(reach, np.nan), where=reach != 0)


def part(replicates: Replicates, columns: Sequence[int]) -> Replicates:
    """Some columns of replicates."""
    chosen = list(columns)
    return Replicates(
        replicates.values[chosen],
        replicates.draws[:, chosen],
        replicates.n[chosen],
        replicates.n_left_out[chosen],
    )


def compared(replicates: Replicates, baseline: int | None) -> tuple[Difference, ...]:
    """All pairs of models, or each against the column `baseline`, with Holm over those compared.

    Against a baseline, the baseline is the second: positive means above it.
    """
    if baseline is None:
        return differences(replicates, confidence=CONFIDENCE)
    others = [each for each in range(len(replicates.values)) if each != baseline]
    found = [
        differences(part(replicates, (each, baseline)), confidence=CONFIDENCE)[0] for each in others
    ]
    adjusted = holm([each.p for each in found])
    return tuple(
        each._replace(first=other, second=baseline, p_holm=float(p), real=bool(p < 1 - CONFIDENCE))
        for other, each, p in zip(others, found, adjusted, strict=True)
    )


def standing_records(each: Standing, models: Sequence[str], split: str) -> list[Record]:
    """A standing as flat records, the models' plain means first."""
    name = each.measure.name
    found = []
    for column, model in enumerate(models):
        place = Place(model, "image", split)
        rows = [("mean", each.values), ("leave_one_out", each.comparable)]
        rows += [("mismatched", each.floor), ("share_of_the_way", each.share)]
        if each.best is not None:
            rows.append(("max", each.best))
        found += [record(place, name, how, estimates[column]) for how, estimates in rows]
    found.append(record(Place(FIXED, "image", split), name, "mean", each.fixed))
    found.append(record(Place(PEOPLE, "image", split), name, "leave_one_out", each.ceiling))
    return found
