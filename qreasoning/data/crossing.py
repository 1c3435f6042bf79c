"""What stands in two splits: near copies of pictures, and texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from qreasoning.data.leaks import Leak, copied_texts
from qreasoning.data.partition import positions
from qreasoning.data.shard import FLAGS_SCHEMA
from qreasoning.data.spec import SPLITS
from qreasoning.data.tying import Tied


@dataclass(frozen=True)
class Crossing:
    """Leaks between splits, and what keeps them out: answers by `flags`, pictures by `dropped`."""

    leaks: tuple[Leak, ...] = ()
    flags: pa.Table = field(default_factory=FLAGS_SCHEMA.empty_table)
    dropped: Mapping[str, str] = field(default_factory=dict)


def crossing_ties(ties: Sequence[Tied], placed: Mapping[str, tuple[str, str]]) -> Crossing:
    """Near copies in two splits; `placed` gives the place and the split of pictures by id.

    Of two the one that is not in the later split (test after validation after train) is at fault:
    a test split stays as it was published.
    """
    leaks, dropped = [], {}
    for tie in ties:
        known = [(each, *placed[each]) for each in (tie.one, tie.other) if each in placed]
        if len(known) < 2 or known[0][2] == known[1][2]:
            continue
        fault, other = sorted(known, key=lambda each: SPLITS.index(each[2]))
        leak = Leak(
            rule="near copy",
            severity="reject",
            index=-1,
            place=fault[1],
            split=fault[2],
            other=f"{other[1]} ({other[2]})",
            similarity=tie.similarity,
        )
        leaks.append(leak)
        dropped[fault[0]] = f"leak ({leak.text})"
    return Crossing(tuple(leaks), dropped=dropped)


def copied_between_splits(repeated: pa.Table, found: Sequence[pa.Table]) -> Crossing:
    """Texts that stand in two splits. `repeated` are keys of texts (`whole`) with the `code` of
    their answer; `found` the answers among them that are kept: `code`, `split`, `project`, `name`.
    """
    answers = pa.concat_tables(found)
    places = positions(repeated["code"], answers["code"])
    here = np.flatnonzero(places >= 0)
    rows = answers.take(pa.array(places[here]))
    # In an order that does not follow from that of the input.
    order = np.lexsort((rows["code"].to_numpy(), repeated["whole"].to_numpy()[here]))
    rows, here = rows.take(pa.array(order)), here[order]
    names = rows["project"], rows["name"]

    def place(row: int) -> str:
        return "/".join(column[row].as_py() for column in names)

    splits = positions(rows["split"], pa.array(SPLITS)).astype(np.int8)
    leaks = copied_texts(repeated["whole"].to_numpy()[here], splits, place, SPLITS)
    codes = rows["code"].to_numpy()[[leak.index for leak in leaks]].astype(np.uint64)
    texts = [f"copied text ({leak.text})" for leak in leaks]
    flags = pa.table(
        [pa.array(codes), pa.array([True] * len(leaks), pa.bool_()), pa.array(texts, pa.string())],
        schema=FLAGS_SCHEMA,
    )
    return Crossing(tuple(leaks), flags)
