"""Checking answers against the rules of a dataset, many at once.

What is found is what `records.check` finds, and what only a dataset asks: each finding with the
name of its rule. Texts are looked at one by one only where a quick look cannot clear them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qreasoning.data.rules import DatasetRules, RuleName
from qreasoning.records import check_text

TEXTS = ("caption", "reasoning")
EXCLUDED = "excluded"
"""The label that the annotation stage gives to answers of somebody whom the project excludes."""

Mask = np.ndarray[Any, np.dtype[np.bool_]]

# Letters that show nothing: a text of these alone has words and is empty all the same.
_FILLERS = "[\u115f\u1160\u2800\u3164\uffa0]"


class Found(NamedTuple):
    """One finding about one row."""

    row: int
    rule: RuleName
    text: str


@dataclass(frozen=True)
class Verdicts:
    """Findings of n rows: two lists of texts for each, in the order of the rules."""

    reject: pa.Array
    warn: pa.Array


def check_rows(
    rows: pa.Table,
    word_counts: Mapping[str, np.ndarray[Any, Any]],
    rules: DatasetRules,
    dimension_ids: Sequence[str],
) -> list[Found]:
    """The findings of answers, each by itself; `rows` has the columns of `annotations_schema` and
    `state` (null, `skipped` or `draft`). Rules that are off are not looked at."""
    submitted = _mask(pc.is_null(rows["state"]))
    found = [*_states(rows, submitted)]
    for each in _own(rows, word_counts, rules, dimension_ids):
        if submitted[each.row]:
            found.append(each)
    return [each for each in found if rules.of(each.rule) != "off"]


def verdicts(found: Sequence[Found], rules: DatasetRules, count: int) -> Verdicts:
    """The findings of `count` rows, by severity."""
    lists = {
        severity: _lists([each for each in found if rules.of(each.rule) == severity], count)
        for severity in ("reject", "warn")
    }
    return Verdicts(**lists)


def _lists(found: Sequence[Found], count: int) -> pa.Array:
    """The texts of findings as a list for each of `count` rows."""
    ordered = sorted(found, key=lambda each: each.row)  # stable: the order of the rules stays
    lengths = np.bincount([each.row for each in ordered] or [0], minlength=count)[:count]
    if not ordered:
        lengths = np.zeros(count, np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    texts = pa.array([each.text for each in ordered], pa.string())
    return pa.ListArray.from_arrays(pa.array(offsets), texts)


def _states(rows: pa.Table, submitted: Mask) -> Iterator[Found]:
    for row in np.flatnonzero(~submitted).tolist():
        yield Found(row, "state", rows["state"][row].as_py())


def _own(
    rows: pa.Table,
    word_counts: Mapping[str, np.ndarray[Any, Any]],
    rules: DatasetRules,
    dimension_ids: Sequence[str],
) -> Iterator[Found]:
    yield from _ratings(rows, dimension_ids)
    for field in TEXTS:
        least = rules.min_caption_words if field == "caption" else rules.min_reasoning_words
        yield from _text(field, rows[field], word_counts[field], least, rules)
    yield from _time(rows["seconds"], rules.min_seconds)
    excluded = having_label(rows["labels"], EXCLUDED)
    yield from (Found(row, "excluded", "annotator excluded") for row in _at(excluded))
    prelabelled = _mask(pc.fill_null(rows["prelabelled"], False))
    yield from (Found(row, "prelabelled", "prelabelled") for row in _at(prelabelled))
    yield from _equal_ratings(rows, dimension_ids)


def _ratings(rows: pa.Table, dimension_ids: Sequence[str]) -> Iterator[Found]:
    for field in (*dimension_ids, "overall"):
        column = rows[field]
        if column.null_count:
            yield from (
                Found(row, "rating", f"missing {field}") for row in _at(_mask(pc.is_null(column)))
            )
        outside = pc.or_(pc.less(column, 1), pc.greater(column, 5))
        for row in _at(_mask(pc.fill_null(outside, False))):
            yield Found(row, "rating", f"{field} out of range ({column[row].as_py()})")


def _text(
    field: str,
    texts: pa.ChunkedArray,
    counts: np.ndarray[Any, Any],
    least: int,
    rules: DatasetRules,
) -> Iterator[Found]:
    texts = pc.fill_null(texts, "")
    doubtful = (counts < max(least, 1)) | _mask(pc.match_substring_regex(texts, _FILLERS))
    if rules.script is not None:
        doubtful |= ~_surely_latin(texts) if rules.script == "Latin" else True
    for row in _at(doubtful):
        for text in check_text(field, texts[row].as_py(), least, rules.script):
            yield Found(row, "script" if text.endswith(" script") else "text", text)


def _surely_latin(texts: pa.ChunkedArray) -> Mask:
    return _mask(pc.and_(pc.string_is_ascii(texts), pc.match_substring_regex(texts, "[A-Za-z]")))


def _time(seconds: pa.ChunkedArray, least: float) -> Iterator[Found]:
    for row in _at(_mask(pc.fill_null(pc.less(seconds, least), False))):
        yield Found(row, "time", f"too fast ({seconds[row].as_py():.1f} of {least:g} s)")


def _equal_ratings(rows: pa.Table, dimension_ids: Sequence[str]) -> Iterator[Found]:
    equal = np.ones(rows.num_rows, np.bool_)
    for field in dimension_ids:
        equal &= _mask(pc.fill_null(pc.equal(rows[field], rows["overall"]), False))
    for row in _at(equal):
        stars = rows["overall"][row].as_py()
        yield Found(row, "equal_ratings", f"all ratings equal ({stars})")


def having_label(labels: pa.ChunkedArray, label: str) -> Mask:
    """Which rows have a label."""
    mask = np.zeros(len(labels), np.bool_)
    flat = pc.list_flatten(labels)
    with_it = _mask(pc.fill_null(pc.equal(flat, label), False))
    mask[pc.list_parent_indices(labels).to_numpy()[with_it]] = True
    return mask


def _mask(values: Any) -> Mask:
    mask: Mask = (
        values.to_numpy(zero_copy_only=False)
        if isinstance(values, pa.Array)
        else (values.to_numpy())
    )
    return mask.astype(np.bool_)


def _at(mask: Mask) -> list[int]:
    result: list[int] = np.flatnonzero(mask).tolist()
    return result
