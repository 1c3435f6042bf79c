"""Putting a version together: answers and scores divided on disk, then each shard decided and
written on its own. Memory holds a few shards, whatever the size of the whole."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qreasoning.data.collection import NOTHING, Collected, collected
from qreasoning.data.crossing import copied_between_splits, crossing_ties
from qreasoning.data.human_model import HumanModel, human_model
from qreasoning.data.intake import Intake, ahead
from qreasoning.data.leaks import (
    Benchmark,
    Entry,
    Leak,
    find_leaks,
    read_benchmarks,
    refuse,
    test_names,
)
from qreasoning.data.memory import answer_codes, digest_of_scores, remember
from qreasoning.data.partition import Partition, shard_count
from qreasoning.data.previous import INDEX_SCHEMA, TABLES, Version
from qreasoning.data.pseudonyms import read_key
from qreasoning.data.renewal import Renewal
from qreasoning.data.scored import survey, take_in_scores
from qreasoning.data.shard import Settings, Shard, decide
from qreasoning.data.sources import Sources
from qreasoning.data.spec import SPLITS
from qreasoning.data.taking import remembered, take_answers
from qreasoning.data.tying import Tied, annotated_fingerprints, groups_of, near_copies_of
from qreasoning.data.version import Difference
from qreasoning.data.writing import Written, index_shard, write_shard
from qreasoning.errors import DataError

Say = Callable[[str], None]


@dataclass(frozen=True)
class Assembled:
    """A version that is written but for its card and manifest."""

    draft: Path
    index: Path
    shards: int
    digests: Mapping[str, str]
    counts: Counter[tuple[str, ...]]
    difference: Difference
    leaks: tuple[Leak, ...]
    checks: Mapping[str, Mapping[str, Any]]
    model: HumanModel
    collected: Collected


def assemble(sources: Sources, before: Version | None, work: Path, say: Say) -> Assembled:
    """Read, check, merge, split and write everything into `work`; nothing is published yet.

    Raises DataError or SettingsError naming the place and the remedy.
    """
    spec, workspace = sources.spec, sources.workspace
    seen = survey(sources.score_sets, sources.root)
    count = shard_count(sum(project.rows for project in sources.projects) + seen.rows)
    prints: dict[str, bytes] = {}
    unusable: dict[str, str] = {}
    benchmarks = read_benchmarks(spec.leaks, sources.score_sets, workspace, say)
    tests = test_names(benchmarks)
    memory = remembered(sources, benchmarks, before, count)
    score_files = digest_of_scores(sources)
    if memory is not None and memory.score_files == score_files:
        scores = memory.scores
    else:
        scores = take_in_scores(
            sources.score_sets, workspace, work, count, prints, tests, unusable, say
        )
    key = read_key(sources.root) if sources.projects else b""
    (work / "index").mkdir()
    taken = take_answers(sources, memory, key, work, count, say)
    intake, flags = taken.intake, taken.flags
    rejected = flags.filter(flags["reject"])["code"].combine_chunks()
    prints |= annotated_fingerprints(sources, intake.rows, rejected, unusable, say)
    ties = near_copies_of(prints, spec.leaks.near_copies)
    settings = Settings(
        dimension_ids=sources.dimension_ids,
        fractions=spec.splits,
        groups=groups_of(seen, scores, ties, _binding(before, sources)),
        folders=sources.folders,
        model=human_model(sources, intake.rows, rejected),
        dropped=unusable,
        tests=tests,
    )
    say("deciding and writing")
    renewal = taken.renewal(scores)
    shards = _Shards(
        sources, intake, scores, before, settings, benchmarks, prints, work, taken.repeated, renewal
    )
    made = shards.assembled(flags, ties)
    answers = (
        renewal.answers(number) if renewal else answer_codes(intake.rows.read(number))
        for number in range(count)
    )
    if not made.leaks:  # what leaks keep out follows from all rows together
        tables = {"flags": flags, "repeated": taken.repeated}
        remember(made.index, sources, answers, scores, intake.blocks, score_files, tables)
    return made


def _binding(before: Version | None, sources: Sources) -> Version | None:
    """The version whose splits are kept: none where the settings of splits are others now."""
    if before is None:
        return None
    earlier = before.manifest.get("settings", {}).get("splits")
    return before if earlier == sources.spec.splits.model_dump(mode="json") else None


@dataclass(frozen=True)
class _Made:
    """One shard: what was written of it, the leaks of its pictures, and its answers with a text
    that another answer has too."""

    written: Written
    leaks: tuple[Leak, ...]
    collected: Collected
    repeated: pa.Table
    splits: Mapping[str, tuple[str, str]]
    """Of the pictures that are near copies of others: their place and split."""


@dataclass(frozen=True)
class _Shards:
    """The shards of a version that is being made."""

    sources: Sources
    intake: Intake
    scores: Partition
    before: Version | None
    settings: Settings
    benchmarks: Sequence[Benchmark]
    prints: Mapping[str, bytes]
    work: Path
    repeated: pa.Table
    renewal: Renewal | None

    def assembled(self, flags: pa.Table, ties: Sequence[Tied]) -> Assembled:
        """All of them, written; those that hold a leak once more without it."""
        repeated = self.repeated
        linked = {each for tie in ties for each in (tie.one, tie.other)}
        numbers = range(self.intake.rows.count)
        make = partial(self._make, flags=flags, repeated=repeated, linked=linked)
        made = dict(zip(numbers, ahead(make, numbers), strict=True))
        self._refuse_nothing(made.values())
        leaks = [leak for each in made.values() for leak in each.leaks]
        crossing = crossing_ties(
            ties, {k: v for each in made.values() for k, v in each.splits.items()}
        )
        copied = copied_between_splits(repeated, [each.repeated for each in made.values()])
        refuse([*leaks, *crossing.leaks, *copied.leaks], self.sources.spec.leaks)
        if copied.leaks or crossing.leaks:
            flags = pa.concat_tables([flags, copied.flags])
            dropped = {**self.settings.dropped, **crossing.dropped}
            again = replace(self, settings=replace(self.settings, dropped=dropped))
            make = partial(again._make, flags=flags, repeated=repeated, linked=linked)
            made = dict(zip(numbers, ahead(make, numbers), strict=True))
            self._refuse_nothing(made.values())
        return self._summed(list(made.values()), (*leaks, *crossing.leaks, *copied.leaks))

    def _make(self, number: int, flags: pa.Table, repeated: pa.Table, linked: Set[str]) -> _Made:
        known = self._index(number)
        pictures = known.filter(pc.equal(known["table"], TABLES.index("chains")))
        if _binding(self.before, self.sources) is None:
            pictures = pictures.slice(0, 0)

        def decided(rows: pa.Table, scores: pa.Table, settings: Settings = self.settings) -> Shard:
            return decide(rows, scores, flags, pictures, settings)

        leaks: tuple[Leak, ...] = ()
        if self.renewal is not None:
            shard, index = self.renewal.shard(number, decided)
        else:
            shard, leaks = self._without_leaks(number, decided)
            index = index_shard(shard)
        of, ids = self.intake.rows.count, self.sources.dimension_ids
        written = write_shard(shard, index, number, of, self.work, known, ids)
        return _Made(
            written,
            leaks,
            collected(shard.answers, ids),
            _repeated(shard, repeated),
            _placed(shard, linked),
        )

    def _without_leaks(
        self, number: int, decided: Callable[..., Shard]
    ) -> tuple[Shard, tuple[Leak, ...]]:
        """A shard without the pictures that leak, where they are to be dropped; and the leaks."""
        rows, scores = self.intake.rows.read(number), self.scores.read(number)
        shard = decided(rows, scores)
        leaks = self._leaks(shard)
        refuse(leaks, self.sources.spec.leaks)
        dropped = {
            shard.pictures["image_id"][leak.index].as_py(): f"leak ({leak.text})"
            for leak in leaks
            if leak.severity == "reject"
        }
        if dropped:
            settings = replace(self.settings, dropped={**self.settings.dropped, **dropped})
            shard = decided(rows, scores, settings)
        return shard, leaks

    def _index(self, number: int) -> pa.Table:
        if self.before is None:
            return INDEX_SCHEMA.empty_table()
        return self.before.index(number, self.intake.rows.count)

    def _leaks(self, shard: Shard) -> tuple[Leak, ...]:
        """The leaks of pictures; `index` is the row in `pictures`."""
        declared = {source for each in self.benchmarks for source in each.sources}
        at_hand = any(each.pictures is not None for each in self.benchmarks)
        columns = ("image_id", "name", "source", "split")
        asked = pc.is_in(shard.pictures["source"], pa.array(sorted(declared), pa.string()))
        if at_hand:
            asked = pc.or_(asked, shard.pictures["file"].is_valid())
        rows = np.flatnonzero(asked.to_numpy())
        chosen = shard.pictures.select(columns).take(pa.array(rows)).to_pylist()
        entries = [
            Entry(
                **row,
                place=f"{row['source']}/{row['name']}",
                fingerprint=self.prints.get(row["image_id"]),
            )
            for row in chosen
        ]
        found = find_leaks(entries, self.benchmarks).leaks
        return tuple(replace(leak, index=int(rows[leak.index])) for leak in found)

    def _refuse_nothing(self, made: Iterable[_Made]) -> None:
        if not any(each.written.counts["images", split] for each in made for split in SPLITS):
            raise DataError(
                f"Every annotation for the dataset '{self.sources.spec.name}' breaks a rule, so "
                "there is no picture to build it from. Correct the annotations, or relax 'rules' "
                "in its settings."
            )

    def _summed(self, made: Sequence[_Made], leaks: tuple[Leak, ...]) -> Assembled:
        counts: Counter[tuple[str, ...]] = Counter()
        difference = Difference()
        for each in made:
            counts.update(each.written.counts)
            difference += each.written.difference
        return Assembled(
            draft=self.work / "draft",
            index=self.work / "index",
            shards=self.intake.rows.count,
            digests={name: one for each in made for name, one in each.written.digests.items()},
            counts=counts,
            difference=difference,
            leaks=leaks,
            collected=sum((each.collected for each in made), NOTHING),
            checks=find_leaks([], self.benchmarks).checks,
            model=self.settings.model,
        )


def _repeated(shard: Shard, repeated: pa.Table) -> pa.Table:
    """The answers with a text that another answer has too."""
    names = ["code", "split", "project", "name"]
    if "code" not in shard.answers.column_names:
        return pa.table({name: pa.array([], _KINDS[name]) for name in names})
    wanted = pc.is_in(shard.answers["code"], repeated["code"].combine_chunks())
    return shard.answers.filter(wanted).select(names)


_KINDS = {"code": pa.uint64(), **dict.fromkeys(("split", "project", "name"), pa.string())}


def _placed(shard: Shard, linked: Set[str]) -> dict[str, tuple[str, str]]:
    if not linked:
        return {}
    mine = shard.pictures.filter(pc.is_in(shard.pictures["image_id"], pa.array(sorted(linked))))
    columns = (mine[name].to_pylist() for name in ("image_id", "source", "name", "split"))
    return {
        image_id: (f"{source}/{name}", split)
        for image_id, source, name, split in zip(*columns, strict=True)
    }
