"""Taking in answers: all, or those that are new since what the last build remembers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qreasoning.data.claims import pulled_claims
from qreasoning.data.copying import (
    copy_flags,
    near_copy_flags,
    of_several,
    renewed_flags,
    repeated_texts,
)
from qreasoning.data.hashing import among
from qreasoning.data.intake import TEXTS_SCHEMA, Intake, Preparing, ahead, take_in
from qreasoning.data.known import codes_of, known_of
from qreasoning.data.leaks import Benchmark
from qreasoning.data.memory import Memory, recall
from qreasoning.data.partition import Partition, positions
from qreasoning.data.previous import Version
from qreasoning.data.renewal import Renewal, renew_texts
from qreasoning.data.shard import FLAGS_SCHEMA
from qreasoning.data.sources import Sources

Say = Callable[[str], None]


@dataclass(frozen=True)
class Taken:
    """Answers that were taken in, with all near copies and the texts that two answers have; and
    what was known of them before."""

    intake: Intake
    flags: pa.Table
    preparing: Sequence[Preparing]
    repeated: pa.Table
    memory: Memory | None = None
    gone: np.ndarray[Any, Any] = field(default_factory=lambda: np.zeros(0, np.uint64))
    changed: np.ndarray[Any, Any] = field(default_factory=lambda: np.zeros(0, np.uint64))

    def renewal(self, scores: Partition) -> Renewal | None:
        """What makes a version from the one before, where that is remembered."""
        if self.memory is None:
            return None
        preparing = {each.project.name: each for each in self.preparing}
        return Renewal(self.memory, self.intake, scores, preparing, self.gone, self.changed)


def take_answers(
    sources: Sources,
    memory: Memory | None,
    key: bytes,
    work: Path,
    count: int,
    say: Say,
) -> Taken:
    """Take in all answers of `sources`, or only those that are new since the build of `memory`; the
    texts of all go to `work/index`."""
    preparing = [
        Preparing(each, sources.dimension_ids, key, count, pulled_claims(each))
        for each in sources.projects
    ]
    if memory is not None:
        (work / "new").mkdir()
        taken = _renewed(sources, preparing, memory, work, say)
        if taken is not None:
            return taken
    intake = take_in(preparing, sources.dimension_ids, work, count, say)
    for shard in range(count):
        if intake.texts.path(shard).is_file():
            intake.texts.path(shard).replace(work / "index" / intake.texts.path(shard).name)
    say("looking for copied texts")
    texts = Partition(work / "index", "texts", TEXTS_SCHEMA, count)
    rule = _copy_rule(sources)
    flags = FLAGS_SCHEMA.empty_table() if rule is None else near_copy_flags(texts, *rule)
    return Taken(intake, flags, preparing, repeated_texts(texts))


def remembered(
    sources: Sources, benchmarks: Sequence[Benchmark], before: Version | None, count: int
) -> Memory | None:
    """What is remembered of the version `before`, where a version can be made from it."""
    return recall(before, sources, count) if _is_renewable(sources, benchmarks) else None


def _is_renewable(sources: Sources, benchmarks: Sequence[Benchmark]) -> bool:
    """Whether each picture can be decided by itself, without the others and without its file."""
    files = [*sources.folders.values(), *(each.images for each in sources.score_sets)]
    asked = any(each.sources or each.pictures is not None for each in benchmarks)
    return sources.spec.human_scores == "mean" and not asked and not any(files)


def _renewed(
    sources: Sources, preparing: Sequence[Preparing], memory: Memory, work: Path, say: Say
) -> Taken | None:
    """The new answers and the near copies among all; None where a text stands in two answers of
    which one is new: whether their splits differ is seen where all are looked at."""
    codes = memory.codes()
    known_before = known_of(codes, memory.blocks.read(0))
    preparing = [replace(each, known=known_before) for each in preparing]
    intake = take_in(preparing, sources.dimension_ids, work / "new", memory.count, say)
    gone = codes[~among(codes, np.sort(codes_of(intake.blocks.read(0))))]
    rule, known, fresh = _copy_rule(sources), memory.flags(), _fresh(intake.texts)
    if of_several(*fresh).num_rows:
        return None

    def of_shard(number: int) -> tuple[pa.Table, bool]:
        old, new, fewer = renew_texts(memory, intake, gone, work / "index", number)
        again = bool(pc.any(pc.is_in(old["whole"], pa.array(fresh[0]))).as_py())
        if rule is None:
            return FLAGS_SCHEMA.empty_table(), again
        if fewer:
            return copy_flags(pa.concat_tables([old, new]), *rule), again
        mine = known.filter(pc.is_in(known["code"], old["code"].combine_chunks()))
        return renewed_flags(old, new, mine, *rule), again

    flags, again = zip(*ahead(of_shard, range(memory.count)), strict=True)
    if any(again):
        return None
    was = memory.repeated()
    stay = was.filter(pa.array(~among(was["code"].to_numpy(), gone)))
    repeated = of_several(stay["whole"].to_numpy(), stay["code"].to_numpy())
    found = pa.concat_tables(flags)
    return Taken(intake, found, preparing, repeated, memory, gone, _differing(known, found))


def _fresh(texts: Partition) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The new texts by the hash of all their words, and the codes of their answers."""
    rows = pa.concat_tables([texts.read(shard, ["whole", "code"]) for shard in range(texts.count)])
    whole, code = rows["whole"].to_numpy(), rows["code"].to_numpy()
    return whole[whole != 0], code[whole != 0]


def _differing(one: pa.Table, other: pa.Table) -> np.ndarray[Any, Any]:
    """The codes of the answers whose findings are not the same in both tables."""
    texts = [
        pc.binary_join_element_wise(each["code"].cast(pa.string()), each["text"], " ")
        for each in (one, other)
    ]
    parts = [
        each["code"].to_numpy()[positions(text, against) < 0]
        for each, text, against in ((one, texts[0], texts[1]), (other, texts[1], texts[0]))
    ]
    result: np.ndarray[Any, Any] = np.unique(np.concatenate(parts))
    return result


def _copy_rule(sources: Sources) -> tuple[float, bool] | None:
    """From which share on texts are near copies, and whether those are kept aside; None where no
    project asks for it."""
    shares = [each.rules.alike for each in sources.projects if each.rules.alike is not None]
    severities = {each.rules.of("copy") for each in sources.projects}
    if not shares or severities == {"off"}:
        return None
    return min(shares), "reject" in severities
