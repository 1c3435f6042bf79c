"""Texts that are nearly an earlier one of the same annotator: exact, and many at once.

Two texts of n and m word pairs with a Jaccard index of at least t share one of any n - ⌈t·n⌉ + 1
pairs of the n. So each text looks only at the others that hold one of its rarest pairs; most texts
have enough pairs that nobody else has, and look at none. (`checks.copies` does the same one text at
a time, and also across annotators.)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_AT_ONCE = 2_000_000
"""Comparisons that are held in memory at once."""
_LOW = np.uint64(32)


@dataclass(frozen=True)
class Texts:
    """n texts. `annotator` (n,) and `rank` (n,) integers, a lower rank came earlier, no two are
    equal; `offsets` (n + 1,) and `pairs` uint32: the sorted set of word pairs of each."""

    annotator: Array
    rank: Array
    offsets: Array
    pairs: Array


@dataclass(frozen=True)
class Copied:
    """The texts that are copies, by index; the earliest text each is like; and how much."""

    text: Array
    source: Array
    share: Array


def find_copies(texts: Texts, share: float) -> Copied:
    """The near copies among texts: a Jaccard index of at least `share` with an earlier one."""
    source = np.full(len(texts.rank), -1)
    best = np.full(len(texts.rank), np.iinfo(np.int64).max)
    shares = np.zeros(len(texts.rank))
    for later, earlier, alike in _alike(texts, share):
        # The earliest source wins: written in falling order of rank, the last write stays.
        order = np.argsort(-texts.rank[earlier], kind="stable")
        later, earlier, alike = later[order], earlier[order], alike[order]
        better = texts.rank[earlier] < best[later]
        later, earlier, alike = later[better], earlier[better], alike[better]
        source[later], best[later], shares[later] = earlier, texts.rank[earlier], alike
    found = np.flatnonzero(source >= 0)
    return Copied(found, source[found], shares[found])


def _alike(texts: Texts, share: float) -> Iterator[tuple[Array, Array, Array]]:
    sizes = np.diff(texts.offsets)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    entries = (owner.astype(np.uint64) << _LOW) | texts.pairs
    for one, other in _candidates(texts, sizes, owner, share):
        common = _common(one, other, sizes, texts, entries)
        alike = common / (sizes[one] + sizes[other] - common)
        kept = alike >= share
        yield one[kept], other[kept], alike[kept]


def _candidates(
    texts: Texts, sizes: Array, owner: Array, share: float
) -> Iterator[tuple[Array, Array]]:
    """Pairs (later, earlier) of texts by one annotator that share a rare word pair."""
    keys = (texts.annotator[owner].astype(np.uint64) << _LOW) | texts.pairs
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    lengths = np.diff(np.concatenate([starts, [len(ordered)]]))
    run = np.empty(len(keys), np.int64)
    run[order] = np.repeat(np.arange(len(starts)), lengths)
    having = lengths[run]
    enough = sizes - np.ceil(share * sizes - 1e-9).astype(np.int64) + 1
    entry = _rarest(owner, having, enough - np.bincount(owner[having == 1], minlength=len(sizes)))
    for some in _chunks(having[entry]):
        each = entry[some]
        count = having[each]
        inside = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        one = np.repeat(owner[each], count)
        other = owner[order[np.repeat(starts[run[each]], count) + inside]]
        larger = np.maximum(sizes[one], sizes[other])
        fits = (texts.rank[other] < texts.rank[one]) & (
            np.minimum(sizes[one], sizes[other]) >= share * larger - 1e-9
        )
        both = np.unique((one[fits].astype(np.uint64) << _LOW) | other[fits].astype(np.uint64))
        for part in range(0, len(both), _AT_ONCE // 50):
            pairs = both[part : part + _AT_ONCE // 50]
            yield (pairs >> _LOW).astype(np.int64), (pairs & np.uint64(0xFFFFFFFF)).astype(np.int64)


def _rarest(owner: Array, having: Array, wanted: Array) -> Array:
    """Of the entries that more than one text has, the `wanted` rarest of each text."""
    shared = np.flatnonzero((having > 1) & (wanted[owner] > 0))
    order = shared[np.lexsort((having[shared], owner[shared]))]
    texts, first, count = np.unique(owner[order], return_index=True, return_counts=True)
    position = np.arange(len(order)) - np.repeat(first, count)
    kept: Array = order[position < np.repeat(wanted[texts], count)]
    return kept


def _chunks(counts: Array) -> Iterator[slice]:
    """Slices of items that together have about `_AT_ONCE` (a single larger one by itself)."""
    ends = np.cumsum(counts)
    start = 0
    while start < len(counts):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + _AT_ONCE, side="right")))
        yield slice(start, stop)
        start = stop


def _common(one: Array, other: Array, sizes: Array, texts: Texts, entries: Array) -> Array:
    """How many word pairs two texts have in common; `entries` are all (text, pair), sorted."""
    count = sizes[one]
    which = np.repeat(np.arange(len(one)), count)
    inside = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    pairs = texts.pairs[np.repeat(texts.offsets[one], count) + inside]
    wanted = (other[which].astype(np.uint64) << _LOW) | pairs
    place = np.minimum(np.searchsorted(entries, wanted), len(entries) - 1)
    return np.bincount(which[entries[place] == wanted], minlength=len(one))
