"""What one shard of a version will hold: decided from its answers, scores and earlier splits.

Nothing is read or written here, and no other shard is looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qreasoning.benchmark_sets import ListedNames
from qreasoning.data.chains import chains_of
from qreasoning.data.human_model import HumanModel
from qreasoning.data.leaks import with_test_split
from qreasoning.data.partition import positions
from qreasoning.data.previous import picture_codes
from qreasoning.data.spec import SPLITS, Fractions
from qreasoning.data.splits import Groups, assign_splits
from qreasoning.errors import DataError
from qreasoning.records import annotations_schema

Array = np.ndarray[Any, Any]

SCORES_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("image_id", "name", "source", "place", "file")),
        *((name, pa.float64()) for name in ("mos", "mos_raw", "mos_std", "mos_raw_std")),
        ("published", pa.string()),
        ("reference_id", pa.string()),
    ]
)
"""A picture of a score list: its score on [1, 5] and in its own unit, its published split and its
reference where it has them; `place` names it in errors, `file` is its picture (null: none)."""

CODED_SCORES_SCHEMA = pa.schema([*SCORES_SCHEMA, ("image", pa.uint64()), ("code", pa.uint64())])
"""The same with the codes of the picture's id and of all values."""

FLAGS_SCHEMA = pa.schema([("code", pa.uint64()), ("reject", pa.bool_()), ("text", pa.string())])
"""A finding about an answer (by its code) that needed others to be seen."""


@dataclass(frozen=True)
class Settings:
    """What decides beside the rows themselves. `folders` are those of the projects' pictures (None:
    not at hand), `model` is how ratings become scores, `dropped` are pictures that are left out,
    with the reason."""

    dimension_ids: tuple[str, ...]
    fractions: Fractions
    groups: Groups
    folders: Mapping[str, str | None]
    model: HumanModel
    dropped: Mapping[str, str] = field(default_factory=dict)
    tests: Mapping[str, ListedNames] = field(default_factory=dict)
    """The test lists of projects whose pictures are a benchmark's."""


@dataclass(frozen=True)
class Shard:
    """What a shard will hold, in the order in which it is written.

    `pictures` has the columns of `chains_schema` but `image`, and `file`; `answers` those of
    `annotations_schema`, and `split` and `hash`; `quarantine` those of `annotations_schema` and
    `hash`, and the findings that are to blame as `reject`; `left_out` pictures with a score that
    are in no split.
    """

    pictures: pa.Table
    answers: pa.Table
    quarantine: pa.Table
    left_out: pa.Table


LEFT_OUT_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("image_id", "name", "source")),
        ("mos_raw", pa.float64()),
        ("findings", pa.list_(pa.string())),
    ]
)


def decide(
    rows: pa.Table, scores: pa.Table, flags: pa.Table, assigned: pa.Table, settings: Settings
) -> Shard:
    """Decide what becomes of the answers and scores of a shard.

    `rows` has the columns of `intake.rows_schema`; `assigned` are the codes of pictures of the
    version before (`image`) with their `split`. Raises DataError for two answers of one annotator
    to one picture in a project, and for two scores of one picture.
    """
    rows = _flagged(_current(rows), flags)
    kept = _is_kept(rows)
    pictures = _pictures(rows.filter(pa.array(kept)), scores, settings)
    splits, tied = assign_splits(
        pictures, _assigned(pictures, assigned), settings.groups, settings.fractions
    )
    out = _left_out(pictures, tied, settings.dropped)
    pictures = pictures.append_column("split", _names(splits))
    rows, kept = _without(rows, kept, out)
    stay = pc.invert(pc.is_in(pictures["image_id"], out["image_id"]))
    pictures = pictures.filter(stay)
    order = np.lexsort((ranks(pictures["image_id"]), positions(pictures["split"], _SPLITS)))
    pictures = pictures.take(pa.array(order))
    answers, which = _answers(rows.filter(pa.array(kept)), pictures)
    return Shard(
        pictures=chains_of(pictures, answers, which, settings.dimension_ids, settings.model),
        answers=answers,
        quarantine=_quarantine(rows.filter(pa.array(~kept)), settings),
        left_out=_without_score_columns(out),
    )


_SPLITS = pa.array(SPLITS)


def _current(rows: pa.Table) -> pa.Table:
    """The answers, sorted, and of what was never submitted the newest where there is no answer."""
    keys = [(name, "ascending") for name in ("image_id", "annotator", "project", "updated")]
    rows = rows.take(pc.sort_indices(rows, sort_keys=keys))
    state = rows["state"].is_valid().to_numpy()
    same = np.ones(max(rows.num_rows - 1, 0), np.bool_)
    for name in ("image_id", "annotator", "project"):
        column = rows[name].combine_chunks()
        same &= pc.equal(column[1:], column[:-1]).to_numpy(zero_copy_only=False)
    group = np.concatenate([[0], np.cumsum(~same)]) if rows.num_rows else np.zeros(0, np.int64)
    submitted = np.bincount(group[~state], minlength=len(group))
    if (submitted > 1).any():
        _refuse_repeated(rows, int(np.flatnonzero(submitted > 1)[0]), group, state)
    last = np.concatenate([~same, [True]]) if rows.num_rows else state
    return rows.filter(pa.array(~state | (last & (submitted[group] == 0))))


def _refuse_repeated(rows: pa.Table, which: int, group: Array, state: Array) -> None:
    row = rows.slice(int(np.flatnonzero((group == which) & ~state)[0]), 1).to_pylist()[0]
    raise DataError(
        f"Project '{row['project']}' holds two annotations of {row['name']} by one annotator. Make "
        f"its table again with: qr annotate rebuild --project {row['project']}"
    )


def _flagged(rows: pa.Table, flags: pa.Table) -> pa.Table:
    """The answers with the findings of `flags` after their own."""
    mine = flags.filter(pc.is_in(flags["code"], rows["code"].combine_chunks()))
    if not mine.num_rows:
        return rows
    places = positions(mine["code"], rows["code"])
    for name, severe in (("reject", True), ("warn", False)):
        chosen = np.flatnonzero(pc.equal(mine["reject"], severe).to_numpy())
        lists = rows[name].to_pylist()
        for place, text in zip(
            places[chosen].tolist(), mine["text"].take(pa.array(chosen)).to_pylist(), strict=True
        ):
            lists[place].append(text)
        rows = _replaced(rows, name, pa.array(lists, pa.list_(pa.string())))
    return rows


def _is_kept(rows: pa.Table) -> Array:
    kept: Array = pc.equal(pc.list_value_length(rows["reject"]), 0).to_numpy()
    return kept


def _pictures(kept: pa.Table, scores: pa.Table, settings: Settings) -> pa.Table:
    """One row per picture: those with a score, and those with kept answers only."""
    _refuse_two_scores(scores)
    image_ids = kept["image_id"].combine_chunks()
    encoded = image_ids.dictionary_encode()
    _, first = np.unique(encoded.indices.to_numpy(), return_index=True)
    own = kept.take(pa.array(first))
    own = own.filter(pc.invert(pc.is_in(own["image_id"], scores["image_id"].combine_chunks())))
    count = own.num_rows
    files = pa.array(
        [
            None if settings.folders.get(project) is None else f"{settings.folders[project]}/{name}"
            for project, name in zip(
                own["project"].to_pylist(), own["name"].to_pylist(), strict=True
            )
        ],
        pa.string(),
    )
    known = {
        "image_id": own["image_id"],
        "name": own["name"],
        "source": own["project"],
        "place": pc.binary_join_element_wise(own["project"], own["name"], "/"),
        "file": files,
        "published": _published(own, settings.tests),
    }
    columns = [known.get(field.name, pa.nulls(count, field.type)) for field in SCORES_SCHEMA]
    known_scores = scores.select(SCORES_SCHEMA.names)
    return pa.concat_tables([known_scores, pa.table(columns, schema=SCORES_SCHEMA)])


def _published(own: pa.Table, tests: Mapping[str, ListedNames]) -> pa.Array:
    found = pa.nulls(own.num_rows, pa.string())
    for project in sorted(tests):
        mine = pc.equal(own["project"], project)
        listed = with_test_split(own["name"], found, tests[project])
        found = pc.if_else(mine, listed, found)
    return found


def _refuse_two_scores(scores: pa.Table) -> None:
    ids = scores["image_id"].combine_chunks()
    if len(ids.unique()) == len(ids):
        return
    seen: dict[str, dict[str, Any]] = {}
    for row in scores.sort_by([("image_id", "ascending"), ("place", "ascending")]).to_pylist():
        first = seen.setdefault(row["image_id"], row)
        if first is not row and first["place"] == row["place"]:
            raise DataError(f"{row['place']} is listed twice in its score list. Remove one row.")
        if first is not row:
            raise DataError(
                f"{_with_split(first)} and {_with_split(row)} are the same picture, and each has a "
                "score. Remove one of the two rows from its score list."
            )


def _with_split(row: Mapping[str, Any]) -> str:
    return f"{row['place']} ({row['published']})" if row["published"] else str(row["place"])


def _assigned(pictures: pa.Table, assigned: pa.Table) -> Array:
    if not assigned.num_rows:
        return np.full(pictures.num_rows, -1, np.int8)
    places = positions(pa.array(picture_codes(pictures["image_id"])), assigned["image"])
    splits = assigned["split"].to_numpy()
    return np.where(places >= 0, splits[places], -1).astype(np.int8)


def _left_out(pictures: pa.Table, tied: Mapping[int, str], dropped: Mapping[str, str]) -> pa.Table:
    """The pictures that are in no split, with the reasons."""
    reasons = {row: [why] for row, why in tied.items()}
    if dropped:
        places = positions(pa.array(list(dropped)), pictures["image_id"])
        for place, reason in zip(places.tolist(), dropped.values(), strict=True):
            if place >= 0:
                reasons.setdefault(place, []).append(reason)
    out = pictures.take(pa.array(sorted(reasons), pa.int64()))
    texts = pa.array([reasons[row] for row in sorted(reasons)], pa.list_(pa.string()))
    return out.append_column("findings", texts)


def _without(rows: pa.Table, kept: Array, out: pa.Table) -> tuple[pa.Table, Array]:
    """The answers, those to left out pictures no longer kept."""
    if not out.num_rows:
        return rows, kept
    places = positions(rows["image_id"], out["image_id"])
    lists, reasons = rows["reject"].to_pylist(), out["findings"].to_pylist()
    for row in np.flatnonzero(places >= 0).tolist():
        lists[row] += reasons[places[row]]
    rows = _replaced(rows, "reject", pa.array(lists, pa.list_(pa.string())))
    return rows, kept & (places < 0)


def _without_score_columns(out: pa.Table) -> pa.Table:
    scored = out.filter(out["mos_raw"].is_valid())
    return scored.select(LEFT_OUT_SCHEMA.names).cast(LEFT_OUT_SCHEMA)


def _answers(kept: pa.Table, pictures: pa.Table) -> tuple[pa.Table, Array]:
    """The kept answers in the order of the pictures, and the picture of each."""
    which = positions(kept["image_id"], pictures["image_id"])
    order = np.lexsort((ranks(kept["project"]), ranks(kept["annotator"]), which))
    kept, which = kept.take(pa.array(order)), which[order]
    kept = kept.rename_columns(["findings" if n == "warn" else n for n in kept.column_names])
    splits = pictures["split"].combine_chunks().take(pa.array(which))
    return kept.append_column("split", splits), which


def _quarantine(rows: pa.Table, settings: Settings) -> pa.Table:
    """Answers that are kept aside, with all that was found."""
    lists = [
        [*one, *other]
        for one, other in zip(rows["reject"].to_pylist(), rows["warn"].to_pylist(), strict=True)
    ]
    names = [
        each for each in annotations_schema(settings.dimension_ids).names if each != "findings"
    ]
    table = rows.select([*names, "hash", "reject"])
    return table.append_column("findings", pa.array(lists, pa.list_(pa.string())))


def _names(splits: Array) -> pa.Array:
    return _SPLITS.take(pa.array(splits, mask=splits < 0))


def ranks(column: pa.ChunkedArray) -> Array:
    """Numbers that sort like the texts of a column."""
    encoded = column.combine_chunks().dictionary_encode()
    ranks = np.empty(len(encoded.dictionary), np.int64)
    ranks[pc.sort_indices(encoded.dictionary).to_numpy()] = np.arange(len(ranks))
    result: Array = ranks[encoded.indices.to_numpy()]
    return result


def _replaced(rows: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return rows.set_column(rows.column_names.index(name), name, values)
