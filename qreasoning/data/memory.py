"""What a build remembers for the next one, beside the newest version: which answers went into it,
all scores, the word pairs of all texts, and what is kept aside.

It follows from the inputs, so it may be deleted: the next build then looks at everything again.
"""

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from qreasoning import __version__
from qreasoning.data.intake import TEXTS_SCHEMA
from qreasoning.data.known import BLOCKS_SCHEMA
from qreasoning.data.partition import Partition
from qreasoning.data.previous import Version, index_folder, keep, picture_codes, read_kept
from qreasoning.data.pseudonyms import KEY
from qreasoning.data.shard import CODED_SCORES_SCHEMA
from qreasoning.data.sources import Sources
from qreasoning.data.version import SCHEMA
from qreasoning.files import sha256_bytes, sha256_file, write_json
from qreasoning.score_tables import score_files

FACTS = "memory.json"
LAYOUT = "2"
"""Of the files of a memory: another one is not read."""
CODES_SCHEMA = pa.schema([("image", pa.uint64()), ("code", pa.uint64())])
"""A row by its picture and by its values."""


@dataclass(frozen=True)
class Memory:
    """What the build of the version `before` remembered; its shards are `count`, `score_files` is
    the digest of the score lists (`digest_of_scores`)."""

    before: Version
    folder: Path
    count: int
    score_files: str

    def answers(self, shard: int) -> pa.Table:
        """The answers that were taken in, of one shard (`CODES_SCHEMA`)."""
        return read_kept(self.folder / f"answers-{shard}.arrow")

    @property
    def scores(self) -> Partition:
        """The scores that were taken in."""
        return Partition(self.folder, "scores", CODED_SCORES_SCHEMA, self.count)

    @property
    def blocks(self) -> Partition:
        """The stretches of all answers, in one part."""
        return Partition(self.folder, "blocks", BLOCKS_SCHEMA, 1)

    def texts(self, shard: int) -> pa.Table:
        """The texts of one shard of annotators (`intake.TEXTS_SCHEMA`)."""
        path = self.folder / f"texts-{shard}.arrow"
        return read_kept(path) if path.is_file() else TEXTS_SCHEMA.empty_table()

    def flags(self) -> pa.Table:
        """The near copies that were found (`shard.FLAGS_SCHEMA`)."""
        return read_kept(self.folder / "flags.arrow")

    def repeated(self) -> pa.Table:
        """The texts that two answers have (`copying.of_several`)."""
        return read_kept(self.folder / "repeated.arrow")

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
    if not path.is_file():
        return None
    facts = json.loads(path.read_text(encoding="utf-8"))
    if facts.get("way") != _way(sources, count):
        return None
    return Memory(before, folder, count, facts["scores"])


def remember(
    folder: Path,
    sources: Sources,
    answers: Iterable[pa.Table],
    scores: Partition,
    blocks: Partition,
    score_files: str,
    tables: Mapping[str, pa.Table],
) -> None:
    """Put what the next build may need into `folder`, where the texts are already: the `answers`
    of each shard (`CODES_SCHEMA`), the scores with the digest of their lists, the stretches of
    all answers, and `tables` by name: the near copies (`flags`) and the `repeated` texts."""
    for shard, each in enumerate(answers):
        keep(folder / f"answers-{shard}.arrow", each)
    for part in (scores, blocks):
        for path in filter(Path.is_file, map(part.path, range(part.count))):
            shutil.copyfile(path, folder / path.name)
    for name, table in tables.items():
        keep(folder / f"{name}.arrow", table)
    write_json(folder / FACTS, {"way": _way(sources, scores.count), "scores": score_files})


def answer_codes(rows: pa.Table) -> pa.Table:
    """Answers by their picture and their values."""
    images = pa.array(picture_codes(rows["image_id"]))
    return pa.table([images, rows["code"].combine_chunks()], schema=CODES_SCHEMA)


def digest_of_scores(sources: Sources) -> str:
    """SHA-256 over the files of all score lists, in their order."""
    files = [path for each in sources.score_sets for path in score_files(sources.root / each.file)]
    return sha256_bytes("".join(f"{each.name} {sha256_file(each)}\n" for each in files).encode())


def _way(sources: Sources, count: int) -> dict[str, str]:
    """How a version is made from its rows; as texts, which a file gives back as they were."""
    rules = {each.name: each.rules.model_dump(mode="json") for each in sources.projects}
    lists = sorted((sources.root / "data_cards" / "benchmarks").glob("*"))
    key = sources.root / KEY
    return {
        "package": __version__,
        "layout": LAYOUT,
        "schema": str(SCHEMA),
        "shards": str(count),
        "settings": sources.spec.model_dump_json(),
        "rules": json.dumps(rules, sort_keys=True),
        "dimensions": " ".join(sources.dimension_ids),
        "key": sha256_file(key) if key.is_file() else "",
        "lists": sha256_bytes("".join(sha256_file(each) for each in lists).encode()),
    }
