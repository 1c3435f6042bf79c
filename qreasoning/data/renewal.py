"""A version from the one before where few rows are new: what is about other pictures is taken over.

A picture whose answers, scores and findings are those of the last build has the same rows, so only
the others are decided again. What comes out is what a whole build gives.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qreasoning.data.chains import chain_lists
from qreasoning.data.hashing import among
from qreasoning.data.intake import Intake, Preparing
from qreasoning.data.memory import Memory, answer_codes
from qreasoning.data.partition import Partition, positions
from qreasoning.data.previous import TABLES, keep, picture_codes
from qreasoning.data.shard import Shard, ranks
from qreasoning.data.spec import SPLITS
from qreasoning.data.writing import index_shard

Decide = Callable[[pa.Table, pa.Table], Shard]


@dataclass(frozen=True)
class Renewal:
    """The new answers (`intake`) and all scores, against what is remembered.

    `gone` and `changed` are codes of answers that were there before, sorted: those that are there
    no longer, and those that are found otherwise now.
    """

    memory: Memory
    intake: Intake
    scores: Partition
    preparing: Mapping[str, Preparing]
    gone: np.ndarray[Any, Any]
    changed: np.ndarray[Any, Any]

    def shard(self, number: int, decide: Decide) -> tuple[Shard, pa.Table]:
        """One shard, and its index; `decide` gives what becomes of answers and scores."""
        memory, before = self.memory, self.memory.before
        index = _of_tables(before.index(number, memory.count))
        answers = before.rows("annotations", number, memory.count)
        aside = memory.kept_aside(number)
        pictures = before.rows("chains", number, memory.count, without=["chains"])
        new, scores = self.intake.rows.read(number), self.scores.read(number)
        touched = self._touched(number, new, scores)
        stay = [~among(part["image"].to_numpy(), touched) for part in index]
        again = [
            self._judged(answers.filter(pa.array(~stay[1]))),
            self._judged(aside.filter(pa.array(~stay[2]))),
        ]
        mine = among(scores["image"].to_numpy(), touched)
        decided = decide(pa.concat_tables([*again, new]), scores.filter(pa.array(mine)))
        old = Shard(
            pictures=pictures,
            answers=answers,
            quarantine=aside.filter(pa.array(stay[2])),
            left_out=_others(memory.left_out(number), touched),
        )
        index[2] = index[2].filter(pa.array(stay[2]))
        return _spliced(old, index, stay[0], decided)

    def answers(self, number: int) -> pa.Table:
        """All answers of a shard, those that are new and those that were there before."""
        known = self.memory.answers(number)
        stay = ~among(known["code"].to_numpy(), self.gone)
        new = answer_codes(self.intake.rows.read(number))
        return pa.concat_tables([known.filter(pa.array(stay)), new])

    def _touched(self, number: int, new: pa.Table, scores: pa.Table) -> np.ndarray[Any, Any]:
        """The codes of the pictures of which anything is otherwise than before."""
        known = self.memory.answers(number)
        code = known["code"].to_numpy()
        other = among(code, self.gone) | among(code, self.changed)
        parts = [picture_codes(new["image_id"]), known["image"].to_numpy()[other]]
        if self.scores.folder != self.memory.folder:
            was = self.memory.scores.read(number)
            for one, two in ((was, scores), (scores, was)):
                differs = ~np.isin(one["code"].to_numpy(), two["code"].to_numpy())
                parts.append(one["image"].to_numpy()[differs])
        result: np.ndarray[Any, Any] = np.unique(np.concatenate(parts))
        return result

    def _judged(self, rows: pa.Table) -> pa.Table:
        """Answers of the version before as they were taken in, without those that are gone."""
        found = [self.intake.rows.schema.empty_table()]
        for name, preparing in self.preparing.items():
            mine = rows.filter(pc.equal(rows["project"], name))
            if mine.num_rows:
                found.append(preparing.again(mine).cast(self.intake.rows.schema))
        again = pa.concat_tables(found)
        return again.filter(pa.array(~among(again["code"].to_numpy(), self.gone)))


def _of_tables(index: pa.Table) -> list[pa.Table]:
    return [index.filter(pc.equal(index["table"], place)) for place in range(len(TABLES))]


def _others(left_out: pa.Table, touched: np.ndarray[Any, Any]) -> pa.Table:
    if not left_out.num_rows:
        return left_out
    return left_out.filter(pa.array(~among(picture_codes(left_out["image_id"]), touched)))


def _spliced(
    old: Shard, index: list[pa.Table], stay: np.ndarray[Any, Any], decided: Shard
) -> tuple[Shard, pa.Table]:
    """What was decided again, and of `old` the pictures that `stay` with their answers, in one
    order; and the index in the same. Both are in this order, so what stays is copied in stretches.
    """
    count = len(stay)
    index = [
        pa.concat_tables(each) for each in zip(index, _of_tables(index_shard(decided)), strict=True)
    ]
    again = decided.pictures
    pictures = _joined(old.pictures, again.drop_columns(["file", "chains"]))
    rows = np.concatenate([np.flatnonzero(stay), np.arange(count, pictures.num_rows)])
    keys = pictures.select(["image_id", "split"]).take(pa.array(rows))
    split = positions(keys["split"], pa.array(SPLITS))
    rows = rows[np.lexsort((ranks(keys["image_id"]), split))]
    # All answers to a picture are next to each other.
    which = positions(
        index[1]["image"].slice(0, old.answers.num_rows), index[0]["image"].slice(0, count)
    )
    sizes = np.concatenate(
        [np.bincount(which, minlength=count), pc.list_value_length(again["chains"]).to_numpy()]
    )
    starts = (np.cumsum(sizes) - sizes)[rows]
    answers = _joined(old.answers, decided.answers.select(old.answers.column_names))
    answers, index[1] = (_stretches(each, starts, sizes[rows]) for each in (answers, index[1]))
    one = np.ones_like(rows)
    pictures, index[0] = (_stretches(each, rows, one) for each in (pictures, index[0]))
    made = {
        "chains": chain_lists(answers, sizes[rows]),
        "file": pa.nulls(pictures.num_rows, pa.string()),
    }
    shard = Shard(
        pictures=pa.table(
            {name: made[name] if name in made else pictures[name] for name in again.column_names}
        ),
        answers=answers,
        quarantine=_joined(old.quarantine, decided.quarantine),
        left_out=_joined(old.left_out, decided.left_out),
    )
    return shard, pa.concat_tables(index)


def _stretches(
    rows: pa.Table, starts: np.ndarray[Any, Any], sizes: np.ndarray[Any, Any]
) -> pa.Table:
    """From each start on as many rows as its size says, one after the other."""
    starts, sizes = starts[sizes > 0], sizes[sizes > 0]
    ends = starts + sizes
    new = np.ones(len(starts) + 1, np.bool_)
    new[1:-1] = starts[1:] != ends[:-1]
    pairs = zip(starts[new[:-1]].tolist(), ends[new[1:]].tolist(), strict=True)
    parts = [rows.slice(start, end - start) for start, end in pairs]
    return pa.concat_tables([rows.slice(0, 0), *parts]).combine_chunks()


def _joined(one: pa.Table, other: pa.Table) -> pa.Table:
    return pa.concat_tables([one.select(other.column_names).cast(other.schema), other])


def renew_texts(
    memory: Memory, intake: Intake, gone: np.ndarray[Any, Any], folder: Path, number: int
) -> tuple[pa.Table, pa.Table, bool]:
    """The texts of one shard of annotators: those that were there before and still are, those that
    are new, and whether any is `gone`. All that there are now go to `folder`."""
    old, new = memory.texts(number), intake.texts.read(number)
    left = among(old["code"].to_numpy(), gone)
    old = old.filter(pa.array(~left)) if left.any() else old
    keep(folder / f"texts-{number}.arrow", pa.concat_tables([old, new]))
    return old, new, bool(left.any())
