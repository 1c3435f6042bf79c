"""Splits: by picture and by reference picture, published ones honoured, assigned ones kept."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qreasoning.data.hashing import codes, hashes_of
from qreasoning.data.partition import positions
from qreasoning.data.spec import SPLITS, Fractions

Codes = np.ndarray[tuple[int, ...], np.dtype[np.int8]]
"""Splits as places in `SPLITS`; -1 where there is none."""

TIED = "near copy across splits"


@dataclass(frozen=True)
class Groups:
    """Pictures that share a split because of something else than themselves.

    `references` are ids of reference pictures; a group is the reference, or the picture itself.
    `joined` maps groups whose pictures are near copies of each other to one of them, and `fixed`
    the groups (joined ones under their common name) to the splits that members of them have, each
    with one of those.
    """

    references: pa.Array = field(default_factory=lambda: pa.array([], pa.string()))
    joined: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def group_of(pictures: pa.Table, references: pa.Array) -> pa.Array:
    """What a picture is grouped by: its reference, itself as a reference, or its own id."""
    groups = pc.coalesce(pictures["reference_id"], pictures["image_id"]).combine_chunks()
    if not len(references):
        return groups
    own = pc.binary_join_element_wise(pictures["source"], pictures["name"], "/")
    is_reference = pc.and_(pc.is_in(own, references), pc.is_null(pictures["reference_id"]))
    return pc.if_else(is_reference.combine_chunks(), own.combine_chunks(), groups)


def assign_splits(
    pictures: pa.Table, assigned: Codes, groups: Groups, fractions: Fractions
) -> tuple[Codes, dict[int, str]]:
    """The split of each picture, and the rows of those that belong to two splits at once, with why.

    `pictures` has the columns `image_id`, `name`, `source`, `reference_id` and `published`;
    `assigned` is the split that each had in the version before. A published split goes before an
    assigned one, that before what the group has, and a group without any is placed by a hash of
    the seed and its name: so a picture keeps its split when others are added, and shares are met on
    average, not exactly. A newcomer whose group has members in two splits has none (-1).
    """
    group = group_of(pictures, groups.references)
    published = positions(pictures["published"], pa.array(SPLITS)).astype(np.int8)
    splits: Codes = np.where(published >= 0, published, assigned).astype(np.int8)
    group, votes = _voted(group, groups)
    tied = np.flatnonzero((splits < 0) & (votes == _TWO))
    open_ = np.flatnonzero(splits < 0)
    drawn = _drawn(group.take(pa.array(open_)), fractions)
    splits[open_] = np.where(votes[open_] >= 0, votes[open_], drawn)
    splits[tied] = -1
    return splits, {row: _between(groups.fixed[group[row].as_py()]) for row in tied.tolist()}


def _between(members: Mapping[str, str]) -> str:
    named = " and ".join(f"{members[each]} in {each}" for each in SPLITS if each in members)
    return f"{TIED} (of {named})"


_TWO = -2
"""In place of a split: the members of a group have two."""


def _voted(group: pa.Array, groups: Groups) -> tuple[pa.Array, Codes]:
    """The groups, joined ones under their common name, and the split that each has (-1: none)."""
    votes: Codes = np.full(len(group), -1, np.int8)
    if groups.joined:
        places = positions(group, pa.array(list(groups.joined)))
        names = pa.array(list(groups.joined.values())).take(pa.array(np.maximum(places, 0)))
        group = pc.if_else(pa.array(places >= 0), names, group)
    if groups.fixed:
        places = positions(group, pa.array(list(groups.fixed)))
        known = [
            SPLITS.index(next(iter(each))) if len(each) == 1 else _TWO
            for each in groups.fixed.values()
        ]
        votes = np.where(places >= 0, np.array(known, np.int8)[places], votes).astype(np.int8)
    return group, votes


def _drawn(groups: pa.Array, fractions: Fractions) -> Codes:
    named = pc.binary_join_element_wise(f"{fractions.seed}\n", groups, "")
    # The first 52 bits are a number that a float holds exactly.
    draws = (codes(hashes_of(named)) >> np.uint64(12)).astype(np.float64) / 2.0**52
    after_train = np.where(draws < 1 - fractions.test, 1, 2)
    return np.where(draws < fractions.train, 0, after_train).astype(np.int8)


def join_groups(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The common name (the least) of groups that are tied together by `pairs`, directly or not."""
    parent: dict[str, str] = {}

    def root(each: str) -> str:
        parent.setdefault(each, each)
        while parent[each] != each:
            parent[each] = parent[parent[each]]
            each = parent[each]
        return each

    for one, other in pairs:
        first, second = sorted((root(one), root(other)))
        parent[second] = first
    return {each: root(each) for each in parent}
