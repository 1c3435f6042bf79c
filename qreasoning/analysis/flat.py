"""The records of `metrics.json`: one flat shape for every number of a report."""

from typing import Any, NamedTuple

from qreasoning.metrics.bootstrap import Estimate

Record = dict[str, Any]
PEOPLE = "(people)"
"""The "model" of records that are about people among themselves: the ceilings."""


class Place(NamedTuple):
    """What a number is about: a model, a condition and a split, or a score set of one."""

    model: str
    condition: str
    split: str


def record(
    place: Place, metric: str, aggregation: str, estimate: Estimate, dimension: str | None = None
) -> Record:
    """One number: value, low and high are nan where undefined, low and high None without one.

    `n` is what the number is over, `n_left_out` what it should be over, and is not.
    """
    return {
        **place._asdict(),
        "dimension": dimension,
        "metric": metric,
        "aggregation": aggregation,
        **estimate._asdict(),
    }


def plain(
    place: Place,
    metric: str,
    aggregation: str,
    value: float,
    n: int,
    n_left_out: int = 0,
    dimension: str | None = None,
) -> Record:
    """A number without an interval."""
    found = record(place, metric, aggregation, Estimate(value, 0, 0, n, n_left_out), dimension)
    return {**found, "low": None, "high": None}
