"""Pictures that must share a split: of one reference, or near copies of each other."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from qreasoning.data.partition import Partition, positions
from qreasoning.data.pictures import UNUSABLE, picture_files, refuse_changed
from qreasoning.data.previous import TABLES, Version, file_name, picture_codes
from qreasoning.data.scored import Survey
from qreasoning.data.sources import Sources
from qreasoning.data.spec import SPLITS
from qreasoning.data.splits import Groups, group_of, join_groups
from qreasoning.fingerprints import near_copies_within, stack
from qreasoning.images import picture_file

Say = Callable[[str], None]


def annotated_fingerprints(
    sources: Sources, rows: Partition, rejected: pa.Array, out: dict[str, str], say: Say
) -> dict[str, bytes]:
    """Fingerprints, by id, of the pictures that have an answer which is kept (the codes of
    `rejected` ones are not) and whose files are at hand.

    Those that cannot be read go to `out`, by id, with the reason. Raises DataError for a picture
    that is missing or no longer the one that was annotated.
    """
    found: dict[str, bytes] = {}
    for project in sources.projects:
        if sources.folders[project.name] is None:
            continue
        wanted = _annotated(rows, rejected, project.name)
        files = {
            name: picture_file(project.images, name, project.folder) for name in sorted(wanted)
        }
        unusable: dict[str, str] = {}
        hashed = picture_files(project.name, files, sources.workspace, say, unusable)
        out |= {wanted[name]: f"{UNUSABLE} ({what})" for name, what in unusable.items()}
        refuse_changed(hashed, wanted, project.images)
        found |= {each.image_id: each.fingerprint for each in hashed.values()}
    return found


def _annotated(rows: Partition, rejected: pa.Array, project: str) -> dict[str, str]:
    """The ids of the pictures of kept answers by name; ids without bytes have no file."""
    wanted: dict[str, str] = {}
    for shard in range(rows.count):
        part = rows.read(shard, ["image_id", "name", "project", "state", "reject", "code"])
        kept = pc.and_(pc.is_null(part["state"]), pc.equal(pc.list_value_length(part["reject"]), 0))
        kept = pc.and_(kept, pc.invert(pc.is_in(part["code"], rejected)))
        kept = pc.and_(kept, pc.equal(part["project"], project))
        kept = pc.and_(kept, pc.starts_with(part["image_id"], "sha256:"))
        chosen = part.filter(kept).select(["name", "image_id"])
        wanted |= dict(zip(*(column.to_pylist() for column in chosen.columns), strict=True))
    return wanted


@dataclass(frozen=True)
class Tied:
    """Two pictures (by id) that are near copies."""

    one: str
    other: str
    similarity: float


def near_copies_of(fingerprints: Mapping[str, bytes], wanted: bool) -> list[Tied]:
    """All near copies among pictures at hand."""
    if not wanted or len(fingerprints) < 2:
        return []
    ids = sorted(fingerprints)
    pairs = near_copies_within(stack([fingerprints[each] for each in ids]))
    return [Tied(ids[each.one], ids[each.other], each.similarity) for each in pairs]


def groups_of(
    seen: Survey, scores: Partition, ties: Iterable[Tied], before: Version | None
) -> Groups:
    """The groups of a dataset: which belong together, and the splits their members have already.

    Those are the published ones, else those of the version `before`; with None none count.
    """
    references = pa.array(sorted(seen.references), pa.string())
    ties = list(ties)
    linked = sorted({each for tie in ties for each in (tie.one, tie.other)})
    known = _known(linked, scores, references)
    none = _Scored(None, None, None)
    joined = join_groups(
        (known.get(tie.one, none).group or tie.one, known.get(tie.other, none).group or tie.other)
        for tie in ties
    )
    votes: dict[str, dict[str, str]] = {}
    assigned = _assigned(linked, before)
    for image_id in linked:
        scored = known.get(image_id, none)
        group = scored.group or image_id
        split = scored.published or assigned.get(image_id)
        if split:
            votes.setdefault(joined.get(group, group), {})[split] = scored.place or image_id
    earlier = _earlier(references, before)
    for reference in seen.references:
        published = seen.published.get(reference)
        for split in {published} if published else earlier.get(reference, set()):
            votes.setdefault(joined.get(reference, reference), {}).setdefault(split, reference)
    return Groups(references, joined, votes)


class _Scored(NamedTuple):
    """A picture of a score list; None where it is in none."""

    group: str | None
    published: str | None
    place: str | None


def _known(image_ids: list[str], scores: Partition, references: pa.Array) -> dict[str, _Scored]:
    """The pictures with a score among `image_ids`."""
    known: dict[str, _Scored] = {}
    if not image_ids:
        return known
    wanted = pa.array(image_ids)
    for shard in range(scores.count):
        rows = scores.read(shard)
        rows = rows.filter(pc.is_in(rows["image_id"], wanted))
        if rows.num_rows:
            places = pc.binary_join_element_wise(rows["source"], rows["name"], "/")
            columns = (group_of(rows, references), rows["published"], places)
            found = map(_Scored, *(each.to_pylist() for each in columns))
            known |= dict(zip(rows["image_id"].to_pylist(), found, strict=True))
    return known


def _assigned(image_ids: list[str], before: Version | None) -> dict[str, str]:
    """The splits that pictures have in the version before."""
    found: dict[str, str] = {}
    if before is None or not image_ids:
        return found
    ids = pa.array(image_ids)
    wanted = pa.array(picture_codes(ids))
    for shard in range(before.shards):
        rows = before.index(shard, before.shards)
        rows = rows.filter(pc.equal(rows["table"], TABLES.index("chains")))
        places = positions(wanted, rows["image"])
        for place in np.flatnonzero(places >= 0).tolist():
            found[image_ids[place]] = SPLITS[rows["split"][places[place]].as_py()]
    return found


def _earlier(references: pa.Array, before: Version | None) -> dict[str, set[str]]:
    """The splits in which pictures of a reference are in the version before."""
    found: dict[str, set[str]] = {}
    if before is None or not len(references):
        return found
    for split in SPLITS:
        for shard in range(before.shards):
            path = before.folder / "data/chains" / file_name(split, shard, before.shards)
            column = parquet.read_table(path, columns=["reference_id"])["reference_id"]
            for reference in column.unique().drop_null().to_pylist():
                found.setdefault(reference, set()).add(split)
    return found
