"""Putting a version together: answers and scores divided on disk, then each shard decided and
written on its own. Memory holds a few shards, whatever the size of the whole."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qreasoning.data.copying import near_copy_flags, repeated_texts
from qreasoning.data.human_model import HumanModel, human_model
from qreasoning.data.intake import Intake, ahead, take_in
from qreasoning.data.leaks import (
    Benchmark,
    Entry,
    Leak,
    LeakReport,
    copied_texts,
    find_leaks,
    read_benchmarks,
    refuse,
)
from qreasoning.data.partition import Partition, shard_count
from qreasoning.data.previous import INDEX_SCHEMA, Version
from qreasoning.data.projects import Project
from qreasoning.data.pseudonyms import read_key
from qreasoning.data.scored import Survey, survey, take_in_scores
from qreasoning.data.shard import FLAGS_SCHEMA, Settings, Shard, decide
from qreasoning.data.sources import Sources
from qreasoning.data.spec import SPLITS
from qreasoning.data.tying import annotated_fingerprints, groups_of
from qreasoning.data.version import SCHEMA, Difference
from qreasoning.data.writing import Written, write_shard
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


def assemble(sources: Sources, before: Version | None, work: Path, say: Say) -> Assembled:
    """Read, check, merge, split and write everything into `work`; nothing is published yet.

    Raises DataError or SettingsError naming the place and the remedy.
    """
    seen = survey(sources.score_sets, sources.root)
    count = shard_count(sum(project.rows for project in sources.projects) + seen.rows)
    fingerprints: dict[str, bytes] = {}
    scores = take_in_scores(
        sources.score_sets, sources.workspace, work, count, fingerprints, say
    )
    key = read_key(sources.root) if sources.projects else b""
    intake = take_in(sources.projects, sources.dimension_ids, key, work, count, say)
    flags = _copy_flags(sources, intake)
    fingerprints |= annotated_fingerprints(sources, intake, flags, say)
    settings = _settings(sources, seen, fingerprints, before, say)
    model = human_model(sources, intake, flags)
    settings = replace(settings, bias=model.bias, weight=model.weight)
    benchmarks = read_benchmarks(
        sources.spec.leaks, sources.score_sets, sources.workspace, say
    )
    shards = _Shards(sources, intake, scores, before, settings, benchmarks, fingerprints, work)
    return shards.assembled(flags, model, say)


def _copy_flags(sources: Sources, intake: Intake) -> pa.Table:
    shares = [each.rules.alike for each in sources.projects if each.rules.alike is not None]
    severities = {each.rules.of("copy") for each in sources.projects}
    if not shares or severities == {"off"}:
        return FLAGS_SCHEMA.empty_table()
    return near_copy_flags(intake.texts, min(shares), "reject" in severities)


def _settings(
    sources: Sources,
    seen: Survey,
    fingerprints: Mapping[str, bytes],
    before: Version | None,
    say: Say,
) -> Settings:
    return Settings(
        dimension_ids=sources.dimension_ids,
        fractions=sources.spec.splits,
        groups=groups_of(sources, seen, fingerprints, before, say),
        folders=sources.folders,
    )


@dataclass(frozen=True)
class _Shards:
    """The shards of a version that is being made."""

    sources: Sources
    intake: Intake
    scores: Partition
    before: Version | None
    settings: Settings
    benchmarks: list[Benchmark]
    fingerprints: Mapping[str, bytes]
    work: Path

    def assembled(self, flags: pa.Table, model: HumanModel, say: Say) -> Assembled:
        """All of them, written; those with a text of another split once more without it."""
        repeated = repeated_texts(self.intake.texts)
        made = dict(self._made(range(self.intake.rows.count), flags, repeated, say))
        if not sum(sum(each.written.counts["images", split] for split in SPLITS) for each in made.values()):
            raise _nothing_left(self.sources.spec.name)
        leaks = [leak for each in made.values() for leak in each.leaks]
        copied = _copied(repeated, [each.repeated for each in made.values()])
        refuse([*leaks, *copied.leaks], self.sources.spec.leaks)
        if copied.leaks:
            again = pa.concat_tables([flags, copied.flags])
            made |= dict(self._made(copied.shards, again, repeated, say))
        written = [each.written for each in made.values()]
        return Assembled(
            draft=self.work / "draft",
            index=self.work / "index",
            shards=self.intake.rows.count,
            digests={name: value for each in written for name, value in each.digests.items()},
            counts=sum((each.counts for each in written), Counter()),
            difference=self._difference(written),
            leaks=(*leaks, *copied.leaks),
            checks=find_leaks([], self.benchmarks).checks,
            model=model,
        )
