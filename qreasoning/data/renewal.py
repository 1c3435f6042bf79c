"""A version from the one before where few rows are new: what is about other pictures is taken over.

A picture whose answers, scores and findings are those of the last build has the same rows, so only
the others are decided again. What comes out is what a whole build gives.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qreasoning.data.intake import Intake, Preparing
from qreasoning.data.memory import Memory, answer_codes, score_codes
from qreasoning.data.partition import Partition, positions
from qreasoning.data.previous import TABLES, keep, picture_codes
from qreasoning.data.shard import Shard, ranks
from qreasoning.data.spec import SPLITS
from qreasoning.data.writing import index_shard

Decide = Callable[[pa.Table, pa.Table], Shard]


@dataclass(frozen=True)
class Renewal:
    """The new answers (`intake`) and all scores, against what is remembered.

    `changed` are codes of answers that were there before and are found otherwise now.
    """

    memory: Memory
    intake: Intake
    scores: Partition
    preparing: Mapping[str, Preparing]
    changed: np.ndarray[Any, Any]

    def shard(self, number: int, decide: Decide) -> tuple[Shard, pa.Table]:
        """One shard, and its index; `decide` gives what becomes of answers and scores."""
        memory, before = self.memory, self.memory.before
        index = before.index(number, memory.count)
        answers = before.rows("annotations", number, memory.count)
        aside = memory.kept_aside(number)
        pictures = before.rows("chains", number, memory.count)
        new, scores = self.intake.rows.read(number), self.scores.read(number)
        touched = self._touched(number, new, scores)
        parts = _of_tables(index)
        stay = [~np.isin(part["image"].to_numpy(), touched) for part in parts]
        again = [
            self._judged(answers.filter(pa.array(~stay[1]))),
            self._judged(aside.filter(pa.array(~stay[2]))),
        ]
        mine = np.isin(picture_codes(scores["image_id"]), touched)
        decided = decide(pa.concat_tables([*again, new]), scores.filter(pa.array(mine)))
        rest = Shard(
            pictures=pictures.filter(pa.array(stay[0])),
            answers=answers.filter(pa.array(stay[1])),
            quarantine=aside.filter(pa.array(stay[2])),
            left_out=_others(memory.left_out(number), touched),
        )
        kept = [part.filter(pa.array(mask)) for part, mask in zip(parts, stay, strict=True)]
        return _spliced(rest, kept, decided)

    def answers(self, number: int) -> pa.Table:
        """All answers of a shard, those that are new and those that were there before."""
        known = self.memory.answers(number)
        stay = np.isin(known["code"].to_numpy(), self.intake.seen)
        new = answer_codes(self.intake.rows.read(number))
        return pa.concat_tables([known.filter(pa.array(stay)), new])

    def _touched(self, number: int, new: pa.Table, scores: pa.Table) -> np.ndarray[Any, Any]:
        """The codes of the pictures of which anything is otherwise than before."""
        known, was = self.memory.answers(number), self.memory.scores(number)
        code = known["code"].to_numpy()
        other = ~np.isin(code, self.intake.seen) | np.isin(code, self.changed)
        now = score_codes(scores)
        one, two = was["code"].to_numpy(), now["code"].to_numpy()
        result: np.ndarray[Any, Any] = np.unique(
            np.concatenate(
                [
                    picture_codes(new["image_id"]),
                    known["image"].to_numpy()[other],
                    was["image"].to_numpy()[~np.isin(one, two)],
                    now["image"].to_numpy()[~np.isin(two, one)],
                ]
            )
        )
        return result

    def _judged(self, rows: pa.Table) -> pa.Table:
        """Answers of the version before as they were taken in, without those that are gone."""
        found = [self.intake.rows.schema.empty_table()]
        for name, preparing in self.preparing.items():
            mine = rows.filter(pc.equal(rows["project"], name))
            if mine.num_rows:
                found.append(preparing.again(mine).cast(self.intake.rows.schema))
        again = pa.concat_tables(found)
        return again.filter(pa.array(np.isin(again["code"].to_numpy(), self.intake.seen)))


def _of_tables(index: pa.Table) -> list[pa.Table]:
    return [index.filter(pc.equal(index["table"], place)) for place in range(len(TABLES))]


def _others(left_out: pa.Table, touched: np.ndarray[Any, Any]) -> pa.Table:
    if not left_out.num_rows:
        return left_out
    return left_out.filter(pa.array(~np.isin(picture_codes(left_out["image_id"]), touched)))


def _spliced(rest: Shard, kept: list[pa.Table], decided: Shard) -> tuple[Shard, pa.Table]:
    """What stays and what was decided again, in one order; and the index in the same."""
    index = [
        pa.concat_tables(each) for each in zip(kept, _of_tables(index_shard(decided)), strict=True)
    ]
    pictures = _joined(rest.pictures, decided.pictures.drop_columns(["file"]))
    split = positions(pictures["split"], pa.array(SPLITS))
    order = pa.array(np.lexsort((ranks(pictures["image_id"]), split)))
    pictures, index[0] = pictures.take(order), index[0].take(order)
    answers = _joined(rest.answers, decided.answers.select(rest.answers.column_names))
    which = positions(answers["image_id"], pictures["image_id"])
    order = pa.array(np.lexsort((ranks(answers["project"]), ranks(answers["annotator"]), which)))
    answers, index[1] = answers.take(order), index[1].take(order)
    nothing = pa.nulls(pictures.num_rows, pa.string())
    shard = Shard(
        pictures=pictures.append_column("file", nothing),
        answers=answers,
        quarantine=_joined(rest.quarantine, decided.quarantine),
        left_out=_joined(rest.left_out, decided.left_out),
    )
    return shard, pa.concat_tables(index)


def _joined(one: pa.Table, other: pa.Table) -> pa.Table:
    return pa.concat_tables([one.select(other.column_names).cast(other.schema), other])


def renew_texts(memory: Memory, intake: Intake, folder: Path) -> Iterator[tuple[pa.Table, ...]]:
    """The texts of each shard of annotators: those that were there before and still are, those that
    are new, and the codes of those that are gone. All that there are now go to `folder`."""
    for number in range(memory.count):
        old, new = memory.texts(number), intake.texts.read(number)
        stay = pc.is_in(old["code"], pa.array(intake.seen))
        gone = old.filter(pc.invert(stay)).select(["code"])
        old = old.filter(stay) if gone.num_rows else old
        keep(folder / f"texts-{number}.arrow", pa.concat_tables([old, new]))
        yield old, new, gone
