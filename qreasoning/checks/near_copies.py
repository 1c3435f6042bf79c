"""Texts that are nearly an earlier one: exact, and many at once.

Two sets of word pairs with a Jaccard index of at least t share one of any n - ⌈t·n⌉ + 1 pairs of
the n of one, so a text looks only at the others that hold one of its rarest pairs: no alike text is
missed, and most texts have enough pairs that nobody else has, and look at none. Texts with the same
pairs are looked at once. The others are met from the earliest on, until what follows is later than
a source that was found, and are compared by 256 bits first, so that even texts of few different
words, in which every pair is frequent, cost little each.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_AT_ONCE = 250_000
"""Comparisons, or word pairs of texts that are compared, held in memory at once."""
_STRIDE = 32
"""How many of the texts with a pair are met at first; then twice as many each time."""
_WIDTH = 20
"""Bits of the numbers by which it is counted, about, how many texts have a pair."""
_LOW = np.uint64(32)
_ROUNDED = 1e-9
"""Far below any step of a Jaccard index, far above the error of a product."""


@dataclass(frozen=True)
class Texts:
    """n texts. Only those of one `group` (n,) are compared; a lower `rank` (n,) came earlier, no
    two are equal; `offsets` (n + 1,) and `pairs` uint32: the sorted set of word pairs of each."""

    group: Array
    rank: Array
    offsets: Array
    pairs: Array


@dataclass(frozen=True)
class Copied:
    """The texts that are copies, by index; the earliest text each is like; and how much."""

    text: Array
    source: Array
    share: Array


def find_copies(texts: Texts, share: float, asked: Array | None = None) -> Copied:
    """The near copies among texts: a Jaccard index of at least `share` with an earlier one.

    With `asked` (n,) only pairs with one of these texts are looked at: complete for the asked ones,
    for the others the earliest asked text that each is like.
    """
    if asked is None or asked.all():
        return _found(texts, share, np.ones(len(texts.rank), np.bool_))
    which = _related(texts, share, asked)
    found = _found(_taken(texts, which), share, asked[which])
    return Copied(which[found.text], which[found.source], found.share)


def _related(texts: Texts, share: float, asked: Array) -> Array:
    """The asked texts, and all others with one of the rarest pairs of one of them."""
    sizes = np.diff(texts.offsets)
    which = np.flatnonzero(asked)
    mine = _taken(texts, which)
    spots = _spots(mine, sizes[which])
    quick = np.zeros(1 << _WIDTH, np.bool_)
    quick[spots] = True
    entries, places = _met(texts, sizes, quick)
    counts = np.bincount(places, minlength=len(quick))
    rare = _rarest(counts[spots], sizes[which], share)
    quick[:] = False
    quick[spots[rare]] = True
    entries = entries[quick[places]]
    found = entries[np.isin(_keys(texts, entries), _keys(mine, rare))]
    holding = np.searchsorted(texts.offsets, found, side="right") - 1
    return np.unique(np.concatenate([which, holding]))


def _met(texts: Texts, sizes: Array, quick: Array) -> tuple[Array, Array]:
    """The places of the pairs of all texts of which `quick` has the number, and the numbers."""
    entries: list[Array] = [np.zeros(0, np.int64)]
    places: list[Array] = [np.zeros(0, np.uint32)]
    for start, spots in _all_spots(texts, sizes):
        met = np.flatnonzero(quick[spots])
        entries.append(start + met)
        places.append(spots[met])
    return np.concatenate(entries), np.concatenate(places)


def _keys(texts: Texts, entries: Array) -> Array:
    """The pairs in these places, within their groups, as one number each."""
    owner = np.searchsorted(texts.offsets, entries, side="right") - 1
    return (texts.group[owner].astype(np.uint64) << _LOW) | texts.pairs[entries]


def _rarest(counts: Array, sizes: Array, share: float) -> Array:
    """The places of the pairs that a text must be looked for by. `counts` are how many hold about
    the same pair as each, never too few; texts have `sizes` of them, one after the other."""
    owner = np.repeat(np.arange(len(sizes)), sizes)
    order = np.lexsort((counts, owner))
    position = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    enough = sizes - np.ceil(share * sizes - _ROUNDED).astype(np.int64) + 1
    rare: Array = order[(position < enough[owner]) & (counts[order] > 1)]
    return rare


def _all_spots(texts: Texts, sizes: Array) -> Iterator[tuple[int, Array]]:
    """The numbers of `_spots` of all texts, some at a time, and where in the pairs they begin."""
    for some in _chunks(sizes):
        start, stop = texts.offsets[some.start], texts.offsets[some.start + len(sizes[some])]
        part = Texts(texts.group[some], texts.rank[some], sizes[:0], texts.pairs[start:stop])
        yield int(start), _spots(part, sizes[some])


def _spots(texts: Texts, sizes: Array) -> Array:
    """A number of `_WIDTH` bits for each pair of texts, the same for the same pair in a group."""
    group = np.repeat(texts.group.astype(np.uint32) * np.uint32(0x9E3779B1), sizes)
    return ((texts.pairs ^ group) * np.uint32(0x85EBCA6B)) >> np.uint32(32 - _WIDTH)


def _taken(texts: Texts, which: Array) -> Texts:
    """Some of the texts."""
    sizes = np.diff(texts.offsets)[which]
    return Texts(
        group=texts.group[which],
        rank=texts.rank[which],
        offsets=np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]),
        pairs=texts.pairs[_stretches(texts.offsets[:-1][which], sizes)],
    )


def _found(texts: Texts, share: float, asked: Array) -> Copied:
    first, kind = _kinds(texts)
    of_kind = np.zeros(len(first), np.bool_)
    of_kind[kind[(kind >= 0) & asked]] = True
    count = len(first)
    kinds = _Kinds(_taken(texts, first), of_kind, np.full(count, count), np.zeros(count))
    kinds.look(share)
    text = np.flatnonzero(kind >= 0)
    mine = kind[text]
    earlier = kinds.source[mine]
    source = np.where(earlier < count, first[np.minimum(earlier, mine)], first[mine])
    found = (earlier < count) | (of_kind[mine] & (source != text))
    shares = np.where(earlier < count, kinds.share[mine], 1.0)
    return Copied(text[found], source[found], shares[found])


def _kinds(texts: Texts) -> tuple[Array, Array]:
    """The earliest text of each set of pairs, in the order of rank, and the set of each text (-1
    for a text without pairs)."""
    sizes = np.diff(texts.offsets)
    filled = np.flatnonzero(sizes)
    if not len(filled):
        return filled, np.full(len(sizes), -1)
    sums = _sums(texts, filled)
    group = texts.group[filled]
    order = np.lexsort((texts.rank[filled], sums, group))
    sums, group = sums[order], group[order]
    new = np.concatenate([[True], (sums[1:] != sums[:-1]) | (group[1:] != group[:-1])])
    first = filled[order[new]]
    by_rank = np.argsort(texts.rank[first])
    place = np.empty(len(first), np.int64)
    place[by_rank] = np.arange(len(first))
    kind = np.full(len(sizes), -1)
    kind[filled[order]] = place[np.cumsum(new) - 1]
    return first[by_rank], kind


def _sums(texts: Texts, which: Array) -> Array:
    """A number of 64 bits for each of some texts with pairs, the same for the same pairs."""
    starts, sizes = texts.offsets[:-1][which], np.diff(texts.offsets)[which]
    parts = []
    for some in _chunks(sizes):
        pairs = texts.pairs[_stretches(starts[some], sizes[some])]
        parts.append(np.add.reduceat(_scattered(pairs), np.cumsum(sizes[some]) - sizes[some]))
    return np.concatenate(parts)


def _scattered(pairs: Array) -> Array:
    """Numbers of 64 bits that differ in all of them where the pairs do."""
    wide = pairs.astype(np.uint64)
    wide = (wide + np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0xBF58476D1CE4E5B9)
    wide = (wide ^ (wide >> np.uint64(29))) * np.uint64(0x94D049BB133111EB)
    return wide ^ (wide >> np.uint64(32))


@dataclass(frozen=True)
class _Kinds:
    """k different sets of pairs, from the earliest to the latest; which are `asked`; and of each,
    as far as it is known, the earliest set that it is like (k: none) with the `share`."""

    sets: Texts
    asked: Array
    source: Array
    share: Array

    @property
    def sizes(self) -> Array:
        return np.diff(self.sets.offsets)

    def look(self, share: float) -> None:
        """Find the sources."""
        one, begin, end, having = self._met(share)
        stride = _STRIDE
        bits = self._bits()
        whole = bool(self.asked.all())
        while len(one):
            stop = np.minimum(begin + stride, end)
            for some in _chunks(stop - begin):
                met = having[_stretches(begin[some], (stop - begin)[some])]
                asking = np.repeat(one[some], (stop - begin)[some])
                self._compare(asking, met, bits, share)
            begin, stride = stop, 2 * stride
            left = begin < end
            if whole:
                left[left] = having[begin[left]] < self.source[one[left]]
            one, begin, end = one[left], begin[left], end[left]

    def _met(self, share: float) -> tuple[Array, Array, Array, Array]:
        """The rarest pairs of the asked sets: whose each is, and where those that hold the same one
        begin and end in the last of the four, from the earliest on."""
        sizes = self.sizes
        owner = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
        spots = _spots(self.sets, sizes)
        counts = np.bincount(spots).astype(np.int32)
        mine = np.flatnonzero(self.asked[owner])
        mine = mine[_rarest(counts[spots[mine]], sizes[self.asked], share)]
        quick = np.zeros(len(counts), np.bool_)
        quick[spots[mine]] = True
        holding = np.flatnonzero(quick[spots])
        keys = _keys(self.sets, holding)
        order = np.argsort(keys, kind="stable")
        holding, keys = holding[order], keys[order]
        wanted = _keys(self.sets, mine)
        begin = np.searchsorted(keys, wanted)
        if self.asked.all():  # each meets the earlier ones
            place = np.empty(len(owner), np.int64)
            place[holding] = np.arange(len(holding))
            end = place[mine]
        else:
            end = np.searchsorted(keys, wanted, side="right")
        some = begin < end
        return owner[mine[some]], begin[some], end[some], owner[holding]

    def _bits(self) -> Array:
        """Of each set, which of 256 numbers its pairs have: (k, 4)."""
        sizes = self.sizes
        parts: list[Array] = [np.zeros((0, 4), np.uint64)]
        for some in _chunks(sizes):
            pairs = self.sets.pairs[self.sets.offsets[:-1][some][0] :][: sizes[some].sum()]
            bits = np.zeros((len(sizes[some]), 256), np.bool_)
            bits[np.repeat(np.arange(len(bits)), sizes[some]), pairs >> np.uint32(24)] = True
            parts.append(np.packbits(bits, axis=1).view(np.uint64))
        return np.concatenate(parts)

    def _compare(self, asking: Array, met: Array, bits: Array, share: float) -> None:
        """Take over what is learnt from pairs of sets."""
        wanted = (met < asking) | ((met > asking) & ~self.asked[met])
        later = np.maximum(asking, met)[wanted]
        earlier = np.minimum(asking, met)[wanted]
        open_ = earlier < self.source[later]
        later, earlier = later[open_], earlier[open_]
        maybe = self._may_be_alike(later, earlier, bits, share)
        both = np.unique(
            (later[maybe].astype(np.uint64) << _LOW) | earlier[maybe].astype(np.uint64)
        )
        later = (both >> _LOW).astype(np.int64)
        earlier = (both & np.uint64(0xFFFFFFFF)).astype(np.int64)
        sizes = self.sizes
        for some in _chunks(sizes[later] + sizes[earlier]):
            self._settle(later[some], earlier[some], share)

    def _may_be_alike(self, later: Array, earlier: Array, bits: Array, share: float) -> Array:
        sizes = self.sizes
        one, other = sizes[later], sizes[earlier]
        # Pairs beyond the first of a bit may be common without showing.
        hidden = sizes - np.bitwise_count(bits).sum(axis=1)
        shown = np.bitwise_count(bits[later] & bits[earlier]).sum(axis=1, dtype=np.int64)
        most = np.minimum(
            shown + np.minimum(hidden[later], hidden[earlier]), np.minimum(one, other)
        )
        return most >= share * (one + other - most) - _ROUNDED

    def _settle(self, later: Array, earlier: Array, share: float) -> None:
        """Compare pairs of sets, sorted by the later one and then from the earliest on."""
        sizes, starts = self.sizes, self.sets.offsets[:-1]
        row = np.arange(len(later))
        rows = np.concatenate([np.repeat(row, sizes[later]), np.repeat(row, sizes[earlier])])
        pairs = np.concatenate(
            [self.sets.pairs[_stretches(starts[each], sizes[each])] for each in (later, earlier)]
        )
        keys = np.sort((rows.astype(np.uint64) << _LOW) | pairs)
        twice = (keys[1:][keys[1:] == keys[:-1]] >> _LOW).astype(np.int64)
        common = np.bincount(twice, minlength=len(later))
        alike = common / (sizes[later] + sizes[earlier] - common)
        kept = np.flatnonzero(alike >= share)
        found, first = np.unique(later[kept], return_index=True)
        better = kept[first][earlier[kept[first]] < self.source[found]]
        self.source[later[better]] = earlier[better]
        self.share[later[better]] = alike[better]


def _stretches(starts: Array, sizes: Array) -> Array:
    """The places from each start on, as many as its size says, one after the other."""
    ends = np.cumsum(sizes, dtype=np.int64)
    total = int(ends[-1]) if len(ends) else 0
    kind = np.int32 if total + int(starts.max(initial=0)) < np.iinfo(np.int32).max else np.int64
    places: Array = np.repeat((starts - (ends - sizes)).astype(kind), sizes)
    places += np.arange(total, dtype=kind)
    return places


def _chunks(counts: Array) -> Iterator[slice]:
    """Slices of items that together have about `_AT_ONCE` (a single larger one by itself)."""
    ends = np.cumsum(counts)
    start = 0
    while start < len(counts):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + _AT_ONCE, side="right")))
        yield slice(start, stop)
        start = stop
