"""What a build remembers for the next one, beside the newest version: which answers and scores went
into it, the word pairs of all texts, and what is kept aside.

It follows from the inputs, so it may be deleted: the next build then looks at everything again.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from qreasoning import __version__
from qreasoning.data.hashing import codes, row_hashes
from qreasoning.data.intake import TEXTS_SCHEMA
from qreasoning.data.partition import Partition
from qreasoning.data.previous import Version, index_folder, keep, picture_codes, read_kept
from qreasoning.data.pseudonyms import KEY
from qreasoning.data.shard import SCORES_SCHEMA
from qreasoning.data.sources import Sources
from qreasoning.data.version import SCHEMA
from qreasoning.files import sha256_bytes, sha256_file, write_json

FACTS = "memory.json"
CODES_SCHEMA = pa.schema([("image", pa.uint64()), ("code", pa.uint64())])
"""A row by its picture and by its values."""


@dataclass(frozen=True)
class Memory:
    """What the build of the version `before` remembered; its shards are `count`."""

    before: Version
    folder: Path
    count: int

    def answers(self, shard: int) -> pa.Table:
        """The answers that were taken in, of one shard (`CODES_SCHEMA`)."""
        return read_kept(self.folder / f"answers-{shard}.arrow")

    def scores(self, shard: int) -> pa.Table:
        """The scores that were taken in, of one shard (`CODES_SCHEMA`)."""
        return read_kept(self.folder / f"scores-{shard}.arrow")

    def texts(self, shard: int) -> pa.Table:
        """The texts of one shard of annotators (`intake.TEXTS_SCHEMA`)."""
        path = self.folder / f"texts-{shard}.arrow"
        return read_kept(path) if path.is_file() else TEXTS_SCHEMA.empty_table()

    def flags(self) -> pa.Table:
        """The near copies that were found (`shard.FLAGS_SCHEMA`)."""
        return read_kept(self.folder / "flags.arrow")

    def kept_aside(self, shard: int) -> pa.Table:
        """The quarantine of one shard."""
        return read_kept(self.folder / f"quarantine-{shard}.arrow")

    def left_out(self, shard: int) -> pa.Table:
        """The pictures of one shard that are in no split."""
        return read_kept(self.folder / f"left-out-{shard}.arrow")

    def codes(self) -> np.ndarray[Any, Any]:
        """The codes of all answers, sorted."""
        parts = [self.answers(shard)["code"].to_numpy() for shard in range(self.count)]
        return np.sort(np.concatenate(parts))


def recall(before: Version | None, sources: Sources, count: int) -> Memory | None:
    """What is remembered of the version before, where it was made in the same way: with the same
    settings, rules, key and number of shards, by this version of the package."""
    if before is None:
        return None
    folder = index_folder(before.folder.parent, before.manifest["content_sha256"])
    path = folder / FACTS
    if not path.is_file() or json.loads(path.read_text(encoding="utf-8")) != _way(sources, count):
        return None
    return Memory(before, folder, count)


def remember(
    folder: Path, sources: Sources, answers: Iterable[pa.Table], scores: Partition, flags: pa.Table
) -> None:
    """Put what the next build may need into `folder`, where the texts are already: the `answers`
    of each shard (`CODES_SCHEMA`), the scores and the near copies."""
    for shard, each in enumerate(answers):
        keep(folder / f"answers-{shard}.arrow", each)
        keep(folder / f"scores-{shard}.arrow", score_codes(scores.read(shard)))
    keep(folder / "flags.arrow", flags)
    write_json(folder / FACTS, _way(sources, scores.count))


def answer_codes(rows: pa.Table) -> pa.Table:
    """Answers by their picture and their values."""
    images = pa.array(picture_codes(rows["image_id"]))
    return pa.table([images, rows["code"].combine_chunks()], schema=CODES_SCHEMA)


def score_codes(scores: pa.Table) -> pa.Table:
    """The rows of score lists by their picture and their values."""
    values = codes(row_hashes([scores[name].combine_chunks() for name in SCORES_SCHEMA.names]))
    images = picture_codes(scores["image_id"])
    return pa.table([pa.array(images), pa.array(values)], schema=CODES_SCHEMA)


def _way(sources: Sources, count: int) -> dict[str, str]:
    """How a version is made from its rows; as texts, which a file gives back as they were."""
    rules = {each.name: each.rules.model_dump(mode="json") for each in sources.projects}
    lists = sorted((sources.root / "data_cards" / "benchmarks").glob("*"))
    key = sources.root / KEY
    return {
        "package": __version__,
        "schema": str(SCHEMA),
        "shards": str(count),
        "settings": sources.spec.model_dump_json(),
        "rules": json.dumps(rules, sort_keys=True),
        "dimensions": " ".join(sources.dimension_ids),
        "key": sha256_file(key) if key.is_file() else "",
        "lists": sha256_bytes("".join(sha256_file(each) for each in lists).encode()),
    }
