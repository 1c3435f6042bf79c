"""Texts taken from other texts: near copies of an annotator's own, and the same text in two splits.

Both look at texts of the whole dataset, a shard of annotators or a stretch of keys at a time.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qreasoning.checks.near_copies import Copied, Texts, find_copies
from qreasoning.data.intake import ahead
from qreasoning.data.partition import Partition
from qreasoning.data.shard import FLAGS_SCHEMA
from qreasoning.data.validation import TEXTS

KEYS_AT_ONCE = 1_000_000
"""Texts whose keys are compared at once."""


def near_copy_flags(texts: Partition, share: float, reject: bool) -> pa.Table:
    """A finding for each answer with a text that is nearly an earlier one of its annotator."""

    def of_shard(shard: int) -> pa.Table:
        return copy_flags(texts.read(shard), share, reject)

    return pa.concat_tables([FLAGS_SCHEMA.empty_table(), *ahead(of_shard, range(texts.count))])


def copy_flags(rows: pa.Table, share: float, reject: bool) -> pa.Table:
    """The findings of one shard of texts (`intake.TEXTS_SCHEMA`)."""
    if not rows.num_rows:
        return FLAGS_SCHEMA.empty_table()
    rows = rows.combine_chunks()
    return _flags(rows, find_copies(_as_texts(rows), share), reject)


def _as_texts(rows: pa.Table) -> Texts:
    pairs, offsets = _pairs(rows)
    annotator = rows["annotator"].combine_chunks().dictionary_encode().indices.to_numpy()
    created = rows["created"].combine_chunks()
    return Texts(
        group=annotator.astype(np.int64),
        rank=_ranks(created, rows["code"].to_numpy(), rows["field"].to_numpy()),
        offsets=offsets,
        pairs=pairs,
    )


def _pairs(rows: pa.Table) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The word pairs of all texts, and where those of each begin and end."""
    lists = rows["pairs"].combine_chunks()
    offsets = lists.offsets.to_numpy().astype(np.int64)
    return lists.flatten().to_numpy(), offsets - offsets[0]


def _flags(rows: pa.Table, found: Copied, reject: bool) -> pa.Table:
    code, field = rows["code"].to_numpy(), rows["field"].to_numpy()
    same = code[found.text] == code[found.source]
    names = np.array(TEXTS)
    whose = np.where(same, "repeats the ", "like an own ")
    details = [
        f"{TEXTS[own]} copied ({how}{source}, {alike:.0%} of the word pairs)"
        for own, how, source, alike in zip(
            field[found.text].tolist(),
            whose.tolist(),
            names[field[found.source]].tolist(),
            found.share.tolist(),
            strict=True,
        )
    ]
    columns = [pa.array(code[found.text]), pa.array(np.full(len(details), reject)), details]
    return pa.table(columns, schema=FLAGS_SCHEMA)


def renewed_flags(
    old: pa.Table, new: pa.Table, known: pa.Table, share: float, reject: bool
) -> pa.Table:
    """The findings of one shard of texts, of which `old` were looked at before with the findings
    `known`, and `new` were not."""
    if not new.num_rows:
        return known
    rows = pa.concat_tables([old, new]).combine_chunks()
    is_new = np.arange(rows.num_rows) >= old.num_rows
    found = find_copies(_as_texts(rows), share, is_new)
    if (is_new[found.source] & ~is_new[found.text]).any():
        # A text that came later was written earlier: others may have another source now.
        return copy_flags(pa.concat_tables([old, new]), share, reject)
    mine = is_new[found.text]
    added = Copied(found.text[mine], found.source[mine], found.share[mine])
    return pa.concat_tables([known, _flags(rows, added, reject)])


def _ranks(
    created: pa.Array, code: np.ndarray[Any, Any], field: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """The place of each text in time; at one time in an order that follows from the answers."""
    moments = pc.rank(created, sort_keys="ascending", tiebreaker="dense").to_numpy()
    order = np.lexsort((field, code, moments))
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order))
    return ranks


def repeated_texts(texts: Partition) -> pa.Table:
    """The texts that, word for word, another answer has too: `whole` and the answer's `code`."""
    sizes = [texts.read(shard, ["whole"]).num_rows for shard in range(texts.count)]
    passes = max(1, -(-sum(sizes) // KEYS_AT_ONCE))
    return pa.concat_tables([_repeated(texts, number, passes) for number in range(passes)])


def _repeated(texts: Partition, number: int, passes: int) -> pa.Table:
    """Of the keys with remainder `number`, those that occur in two answers."""
    parts = []
    for shard in range(texts.count):
        rows = texts.read(shard, ["whole", "code"])
        whole = rows["whole"].to_numpy()
        mine = (whole % np.uint64(passes) == number) & (whole != 0)
        parts.append(np.stack([whole[mine], rows["code"].to_numpy()[mine]]))
    return of_several(*np.concatenate(parts, axis=1))


def of_several(whole: np.ndarray[Any, Any], code: np.ndarray[Any, Any]) -> pa.Table:
    """Of texts by the hash of all their words and their answer's code, those of two answers."""
    order = np.lexsort((code, whole))
    whole, code = whole[order], code[order]
    starts = np.flatnonzero(np.diff(whole, prepend=~whole[:1]))
    ends = np.append(starts[1:], len(whole))[: len(starts)]
    several = code[starts] != code[ends - 1]
    kept = np.repeat(several, ends - starts)
    return pa.table({"whole": whole[kept], "code": code[kept]})
