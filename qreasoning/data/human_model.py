"""What is known of each annotator before the ratings of several people become one score."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qreasoning.data.human_scores import BiasSums
from qreasoning.data.partition import Partition
from qreasoning.data.sources import Sources
from qreasoning.errors import SettingsError
from qreasoning.metrics.observers import p910

Array = np.ndarray[Any, Any]

MOST_CELLS = 40_000_000
"""Pictures times annotators up to which the P.910 model is fitted: it needs the whole table."""


@dataclass(frozen=True)
class HumanModel:
    """By dimension (and `overall`) and annotator: the `bias` that is taken off each rating, and the
    `weight` that it has. Both empty for the plain mean; `why` says where P.910 gave way."""

    method: str = "mean"
    bias: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    weight: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    why: Mapping[str, str] = field(default_factory=dict)


def human_model(sources: Sources, rows: Partition, rejected: pa.Array) -> HumanModel:
    """The model that `human_scores` asks for, from the kept answers of all shards.

    Raises SettingsError where there are too many ratings for P.910.
    """
    method = sources.spec.human_scores
    if method == "mean":
        return HumanModel(method)
    fields = (*sources.dimension_ids, "overall")
    if method == "bias_removed":
        sums = {each: BiasSums({}, {}) for each in fields}
        for ratings in _ratings(rows, rejected, fields):
            for each in fields:
                sums[each].add(
                    ratings.annotators, ratings.annotator, ratings.values[each], ratings.picture
                )
        return HumanModel(method, {each: sums[each].biases() for each in fields})
    return _fitted(list(_ratings(rows, rejected, fields)), fields)


@dataclass(frozen=True)
class _Ratings:
    """The ratings of one shard: values (m,) by field, who gave them to which picture."""

    annotators: list[str]
    annotator: Array
    picture: Array
    pictures: int
    values: Mapping[str, Array]


def _ratings(rows: Partition, rejected: pa.Array, fields: tuple[str, ...]) -> Iterator[_Ratings]:
    for shard in range(rows.count):
        part = rows.read(shard, ["image_id", "annotator", "state", "reject", "code", *fields])
        kept = pc.and_(pc.is_null(part["state"]), pc.equal(pc.list_value_length(part["reject"]), 0))
        part = part.filter(pc.and_(kept, pc.invert(pc.is_in(part["code"], rejected))))
        pictures = part["image_id"].combine_chunks().dictionary_encode()
        people = part["annotator"].combine_chunks().dictionary_encode()
        yield _Ratings(
            annotators=people.dictionary.to_pylist(),
            annotator=people.indices.to_numpy(),
            picture=pictures.indices.to_numpy(),
            pictures=len(pictures.dictionary),
            values={each: part[each].to_numpy().astype(np.float64) for each in fields},
        )


def _fitted(parts: list[_Ratings], fields: tuple[str, ...]) -> HumanModel:
    people = sorted({name for part in parts for name in part.annotators})
    pictures = sum(part.pictures for part in parts)
    if pictures * len(people) > MOST_CELLS:
        raise SettingsError(
            f"P.910 needs a table of {pictures:,} pictures by {len(people):,} annotators, which is "
            "too large. Set human_scores: bias_removed."
        )
    bias, weight, why = {}, {}, {}
    for each in fields:
        fit = p910(_table(parts, people, pictures, each))
        bias[each] = dict(zip(people, fit.bias.tolist(), strict=True))
        if fit.model == "subject":
            weights = (1.0 / fit.inconsistency**2).tolist()
            weight[each] = dict(zip(people, weights, strict=True))
        else:
            why[each] = fit.reason
    return HumanModel("p910", bias, weight, why)


def _table(parts: list[_Ratings], people: list[str], pictures: int, field: str) -> Array:
    """The ratings as (pictures, annotators), nan where there is none."""
    table = np.full((pictures, len(people)), np.nan)
    column = {name: number for number, name in enumerate(people)}
    start = 0
    for part in parts:
        columns = np.array([column[name] for name in part.annotators], np.int64)
        table[start + part.picture, columns[part.annotator]] = part.values[field]
        start += part.pictures
    return table
