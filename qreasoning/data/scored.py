"""Taking in score lists: their pictures identified, divided into shards on disk."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qreasoning.benchmark_sets import ListedNames
from qreasoning.data.hashes import Hashed
from qreasoning.data.hashing import codes, row_hashes
from qreasoning.data.leaks import with_test_split
from qreasoning.data.partition import Partition, shard_of_codes
from qreasoning.data.pictures import UNUSABLE, picture_files
from qreasoning.data.previous import picture_codes
from qreasoning.data.shard import CODED_SCORES_SCHEMA, SCORES_SCHEMA
from qreasoning.errors import DataError
from qreasoning.images import picture_file
from qreasoning.score_tables import score_batches
from qreasoning.scores import ScoreSet
from qreasoning.workspace import Workspace


@dataclass
class Survey:
    """What all score lists together say: how many rows there are, and the published split of each
    reference (with the row that says so, for errors)."""

    rows: int = 0
    references: dict[str, tuple[str, str] | None] = field(default_factory=dict)

    @property
    def published(self) -> dict[str, str]:
        """The references with a published split."""
        return {each: known[0] for each, known in self.references.items() if known}


def survey(score_sets: Sequence[ScoreSet], root: Path) -> Survey:
    """Read all lists once for what concerns more than a row.

    Raises DataError naming both rows where pictures of one reference have two published splits, and
    for what `score_batches` finds.
    """
    seen = Survey()
    for score_set in score_sets:
        for batch in score_batches(score_set, root):
            seen.rows += batch.num_rows
            _note_references(batch, score_set.name, seen)
    return seen


def _note_references(batch: pa.Table, source: str, seen: Survey) -> None:
    having = batch.filter(batch["reference"].is_valid())
    for reference in having["reference"].unique().to_pylist():
        seen.references.setdefault(f"{source}/{reference}", None)
    for row in having.filter(having["split"].is_valid()).to_pylist():
        group, place = f"{source}/{row['reference']}", f"{source}/{row['name']}"
        known = seen.references[group]
        if known is None or (known[0] == row["split"] and place < known[1]):
            seen.references[group] = (row["split"], place)
        elif known[0] != row["split"]:
            first, second = sorted([(known[1], known[0]), (place, row["split"])])
            raise DataError(
                f"{first[0]} ({first[1]}) and {second[0]} ({second[1]}) come from one reference, "
                f"{group}. Give them one split in the score list."
            )


def take_in_scores(
    score_sets: Sequence[ScoreSet],
    workspace: Workspace,
    folder: Path,
    shards: int,
    fingerprints: dict[str, bytes],
    tests: Mapping[str, ListedNames],
    out: dict[str, str],
    say: Callable[[str], None],
) -> Partition:
    """Divide all lists. The pictures at hand are decoded, and add to `fingerprints` by id; those
    that cannot be read go to `out`, by id, with the reason. Of a source in `tests` its test images
    have a published split.

    Raises DataError for a picture that is missing.
    """
    with Partition(folder, "scores", CODED_SCORES_SCHEMA, shards) as scores:
        for score_set in score_sets:
            for batch in _identified(score_set, workspace, fingerprints, out, say):
                split = with_test_split(
                    batch["name"], batch["published"], tests.get(score_set.name)
                )
                place = batch.schema.get_field_index("published")
                batch = batch.set_column(place, "published", split)
                images = picture_codes(batch["image_id"])
                values = codes(row_hashes([each.combine_chunks() for each in batch.columns]))
                batch = batch.append_column("image", pa.array(images))
                batch = batch.append_column("code", pa.array(values))
                scores.add(batch, shard_of_codes(images, shards))
    return scores


def _identified(
    score_set: ScoreSet,
    workspace: Workspace,
    fingerprints: dict[str, bytes],
    out: dict[str, str],
    say: Callable[[str], None],
) -> Iterator[pa.Table]:
    hashed: dict[str, Hashed] = {}
    folder = None if score_set.images is None else workspace.root / score_set.images
    if folder is not None:
        batches = score_batches(score_set, workspace.root)
        names = [name for batch in batches for name in batch["name"].to_pylist()]
        listed = workspace.root / score_set.file
        files = {name: picture_file(folder, name, listed) for name in names}
        unusable: dict[str, str] = {}
        hashed = picture_files(score_set.name, files, workspace, say, unusable)
        out |= {
            _id_of_name(score_set.name, name): f"{UNUSABLE} ({what})"
            for name, what in unusable.items()
        }
        fingerprints |= {each.image_id: each.fingerprint for each in hashed.values()}
    for batch in score_batches(score_set, workspace.root):
        yield _scored(batch, score_set.name, folder, hashed)


def _id_of_name(source: str, name: str) -> str:
    """The id of a picture of a score list whose bytes are not known."""
    return f"name:{source}/{name}"


def _scored(
    batch: pa.Table, source: str, folder: Path | None, hashed: dict[str, Hashed]
) -> pa.Table:
    names = batch["name"].combine_chunks()
    place = pc.binary_join_element_wise(source, names, "/")
    if folder is None:
        image_ids = pc.binary_join_element_wise("name", place, ":")
        files = pa.nulls(len(names), pa.string())
    else:
        found = [(name, hashed.get(name)) for name in names.to_pylist()]
        ids = [each.image_id if each else _id_of_name(source, name) for name, each in found]
        image_ids = pa.array(ids, pa.string())
        files = pc.binary_join_element_wise(str(folder), names, "/")
    columns: dict[str, Any] = {
        "image_id": image_ids,
        "name": names,
        "source": pa.array(np.full(len(names), source, dtype=object), pa.string()),
        "place": place,
        "file": files,
        **{name: batch[name] for name in ("mos", "mos_raw", "mos_std", "mos_raw_std")},
        "published": batch["split"],
        "reference_id": pc.binary_join_element_wise(source, batch["reference"], "/"),
    }
    return pa.table([columns[each.name] for each in SCORES_SCHEMA], schema=SCORES_SCHEMA)
