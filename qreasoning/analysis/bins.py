"""Claims per dimension and quality bin, beside how far people agree in that dimension."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from qreasoning.analysis.flat import PEOPLE, Place, Record, record
from qreasoning.analysis.pictures import Pictures
from qreasoning.analysis.statements import Statements
from qreasoning.metrics.agreement import alpha
from qreasoning.metrics.bootstrap import Estimate, intervals, means

Numbers = NDArray[np.float64]
ALL = "all"
REPETITIONS = 2_000
"""Replicates behind the intervals of the many cells."""
METRICS = ("claim_f1", "contradiction_rate")


@dataclass(frozen=True)
class Cell:
    """One model in one dimension (None: all together) and quality bin."""

    model: str
    dimension: str | None
    bin: str
    metric: str
    estimate: Estimate


def bin_names(bounds: Sequence[float]) -> list[str]:
    """Names of the quality bins on the MOS: `up to 2.5`, `2.5 to 3.5`, `above 3.5`."""
    inner = [f"{low:g} to {high:g}" for low, high in pairwise(bounds)]
    return [f"up to {bounds[0]:g}", *inner, f"above {bounds[-1]:g}"]


def in_bins(mos: Numbers, bounds: Sequence[float]) -> dict[str, NDArray[np.bool_]]:
    """Per bin which pictures are in it; a bound belongs to the lower bin; `ALL` comes first."""
    places = np.searchsorted(np.asarray(bounds), mos, side="left")
    known = ~np.isnan(mos)
    found: dict[str, NDArray[np.bool_]] = {ALL: np.ones(len(mos), dtype=bool)}
    for place, name in enumerate(bin_names(bounds)):
        found[name] = known & (places == place)
    return found


def cells(
    statements: Statements,
    models: Sequence[str],
    pictures: Pictures,
    bounds: Sequence[float],
) -> list[Cell]:
    """Claim F1 and contradiction rate of every model, dimension and bin, with intervals."""
    by_name = {each.name: each.values for each in statements.measures}
    tables: dict[tuple[str | None, str], Numbers] = {
        **{(None, metric): by_name[metric] for metric in METRICS},
        **{
            (dimension, metric): statements.per_dimension[place, which]
            for place, dimension in enumerate(statements.dimensions)
            for which, metric in enumerate(METRICS)
        },
    }
    found = []
    for name, inside in in_bins(pictures.mos, bounds).items():
        stacked = np.hstack([table[inside] for table in tables.values()])
        estimates = iter(intervals(means(stacked, repetitions=REPETITIONS)))
        found += [
            Cell(model, dimension, name, metric, next(estimates))
            for dimension, metric in tables
            for model in models
        ]
    return found


def agreements(ratings: Mapping[str, Numbers]) -> dict[str, Estimate]:
    """Krippendorff's alpha (ordinal) among people per dimension; nan where nobody overlaps."""
    return {name: alpha(table, "ordinal") for name, table in ratings.items()}


def cell_records(found: Sequence[Cell], agreed: Mapping[str, Estimate], split: str) -> list[Record]:
    """Cells as records: a bin is the aggregation `mean, MOS up to 2.5`."""
    rows = [
        record(
            Place(each.model, "image", split),
            each.metric,
            "mean" if each.bin == ALL else f"mean, MOS {each.bin}",
            each.estimate,
            each.dimension,
        )
        for each in found
        if (each.dimension, each.bin) != (None, ALL)
    ]
    people = Place(PEOPLE, "image", split)
    return rows + [
        record(people, "alpha", "ordinal", estimate, dimension)
        for dimension, estimate in agreed.items()
        if estimate.n
    ]
