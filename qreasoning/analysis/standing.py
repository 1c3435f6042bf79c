"""Where a model stands on a text metric: between its floors and the people, with intervals."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from qreasoning.analysis.flat import PEOPLE, Place, Record, record
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


def standings(measures: Sequence[Measure], repetitions: int) -> tuple[Standing, ...]:
    """Every figure of the measures with its interval, all from the same draws of pictures."""
    blocks = [block for each in measures for block in _blocks(each)]
    if not blocks:
        return ()
    # One call for all: the draws cost more than the means.
    drawn = means(np.hstack(blocks), repetitions=repetitions)
    ends = np.cumsum([0, *(block.shape[1] for block in blocks)])
    found = iter([part(drawn, range(*edges)) for edges in pairwise(ends.tolist())])
    return tuple(_standing(each, found) for each in measures)


def _blocks(measure: Measure) -> list[Numbers]:
    """The columns that a standing is made from; the last three are on the same pictures each."""
    values = measure.values
    best = np.empty((len(values), 0)) if measure.best is None else measure.best
    ceiling = np.repeat(measure.ceiling[:, None], values.shape[1], axis=1)
    shared = np.stack([measure.comparable, measure.floor, ceiling])
    shared = np.where(np.isnan(shared).any(axis=0), np.nan, shared)
    ends = [measure.fixed[:, None], measure.ceiling[:, None]]
    return [values, best, measure.comparable, measure.floor, *ends, *shared]


def _standing(measure: Measure, found: Iterator[Replicates]) -> Standing:
    values, best, comparable, floor, fixed, ceiling = (next(found) for _ in range(6))
    shared = next(found), next(found), next(found)
    share = share_of_the_way(*shared, higher_is_better=measure.higher_is_better)
    return Standing(
        measure=measure,
        values=intervals(values),
        best=intervals(best) or None,
        comparable=intervals(comparable),
        floor=intervals(floor),
        share=intervals(share),
        fixed=intervals(fixed)[0],
        ceiling=intervals(ceiling)[0],
        replicates=values,
    )


def share_of_the_way(
    comparable: Replicates, floor: Replicates, ceiling: Replicates, *, higher_is_better: bool
) -> Replicates:
    """How far from the floor to the ceiling each model gets: 0 the wrong picture, 1 a person.

    nan where the ceiling is not better than the floor beyond chance: there is no way to go then.
    """
    reach = Replicates(
        ceiling.values - floor.values, ceiling.draws - floor.draws, floor.n, floor.n_left_out
    )
    clear = np.array(
        [
            each.low > 0 if higher_is_better else each.high < 0
            for each in intervals(reach, confidence=CONFIDENCE)
        ]
    )
    return Replicates(
        np.where(clear, _share(comparable.values, floor.values, ceiling.values), np.nan),
        np.where(clear, _share(comparable.draws, floor.draws, ceiling.draws), np.nan),
        comparable.n,
        comparable.n_left_out,
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
    """A standing as flat records, the models' plain means first; people's, where there are any."""
    name = each.measure.name
    found = []
    for column, model in enumerate(models):
        place = Place(model, "image", split)
        rows = [("mean", each.values[column]), ("leave_one_out", each.comparable[column])]
        rows += [("mismatched", each.floor[column]), ("fixed_text", each.fixed)]
        rows.append(("share_of_the_way", each.share[column]))
        if each.best is not None:
            rows.append(("max", each.best[column]))
        found += [record(place, name, how, estimate) for how, estimate in rows]
    if each.ceiling.n:
        found.append(record(Place(PEOPLE, "image", split), name, "leave_one_out", each.ceiling))
    return found
