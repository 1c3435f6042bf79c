"""The rows of `chains`: a picture with its scores, those of people too, and its human chains."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qreasoning.data.human_model import HumanModel
from qreasoning.data.human_scores import MeanScores, mean_scores
from qreasoning.records import chains_schema

Array = np.ndarray[Any, Any]


def chains_of(
    pictures: pa.Table,
    answers: pa.Table,
    which: Array,
    dimension_ids: Sequence[str],
    model: HumanModel,
) -> pa.Table:
    """The columns of `chains_schema` but `image`, and `file`, of the pictures of a shard.

    `which` (m,) is the picture of each of the m `answers`, which are in the order of the pictures.
    """
    count = pictures.num_rows
    per_picture = np.bincount(which, minlength=count)
    scores = _scores("overall", answers, which, count, model)
    human = pa.array(scores.mos, mask=scores.count == 0)
    none = scores.count == 0
    has_score = pictures["mos"].is_valid()
    made = {
        **{
            name: pictures[name] for name in ("image_id", "name", "source", "reference_id", "split")
        },
        "mos": pc.coalesce(pictures["mos"], human),
        "mos_source": pc.if_else(has_score, "benchmark", "annotators"),
        "mos_set": pictures["source"],
        "mos_raw": pc.coalesce(pictures["mos_raw"], human),
        "human_mos": human,
        "human_n": pa.array(scores.count.astype(np.int32)),
        "human_sd": pa.array(scores.sd, mask=none),
        "chains": chain_lists(answers, per_picture),
        "mos_std": pictures["mos_std"],
        "mos_raw_std": pictures["mos_raw_std"],
        "human_low": pa.array(scores.low, mask=none),
        "human_high": pa.array(scores.high, mask=none),
        "dimensions": _dimensions(answers, which, per_picture, dimension_ids, model),
    }
    schema = [field for field in chains_schema() if field.name != "image"]
    table = pa.table([made[field.name] for field in schema], schema=pa.schema(schema))
    return table.append_column("file", pictures["file"])


def chain_lists(answers: pa.Table, per_picture: Array) -> pa.ListArray:
    """The human chains of each picture: `per_picture` of the answers for each, in their order."""
    offsets = pa.array(np.concatenate([[0], np.cumsum(per_picture)]).astype(np.int32))
    return pa.ListArray.from_arrays(offsets, _chain(answers))


def _chain(answers: pa.Table) -> pa.StructArray:
    columns = {
        name: answers[name].combine_chunks()
        for name in ("annotator", "caption", "reasoning", "overall", "prelabelled")
    }
    columns["overall"] = columns["overall"].cast(pa.float64())
    for name in ("caption", "reasoning"):
        columns[name] = pc.fill_null(columns[name], "")
    names = ["annotator", "caption", "reasoning", "rating", "prelabelled"]
    return pa.StructArray.from_arrays(list(columns.values()), names)


def _scores(
    field: str, answers: pa.Table, which: Array, count: int, model: HumanModel
) -> MeanScores:
    ratings = answers[field].to_numpy().astype(np.float64)
    annotators = answers["annotator"].combine_chunks().dictionary_encode()
    people, numbers = annotators.dictionary.to_pylist(), annotators.indices.to_numpy()

    def of_each(known: Mapping[str, float] | None, otherwise: float) -> Array | None:
        if known is None:
            return None
        values = np.array([known.get(name, otherwise) for name in people], np.float64)
        result: Array | None = values[numbers]
        return result

    bias = of_each(model.bias.get(field), 0.0)
    weight = of_each(model.weight.get(field), 1.0)
    return mean_scores(ratings, which, count, bias, weight)


def _dimensions(
    answers: pa.Table,
    which: Array,
    per_picture: Array,
    dimension_ids: Sequence[str],
    model: HumanModel,
) -> pa.ListArray:
    """Per picture with answers, the scores of each dimension."""
    having = np.flatnonzero(per_picture)
    count = len(dimension_ids)
    found = [_scores(field, answers, which, len(per_picture), model) for field in dimension_ids]

    def column(name: str) -> Array:
        values = [getattr(each, name)[having] for each in found]
        return np.stack(values, axis=1).ravel() if values else np.zeros(0)

    names = pa.array(list(dimension_ids) * len(having), pa.string())
    parts = {"dimension": names, "mos": pa.array(column("mos"))}
    parts["n"] = pa.array(column("count").astype(np.int32))
    parts |= {name: pa.array(column(name)) for name in ("sd", "low", "high")}
    values = pa.StructArray.from_arrays(list(parts.values()), list(parts))
    offsets = np.concatenate([[0], np.cumsum((per_picture > 0) * count)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values)
