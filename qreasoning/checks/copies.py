"""Texts that were copied: which of many share most of their word pairs with an earlier one.

An index from word pairs to the texts that hold them, kept from one pull to the next: a new text is
compared with those only that share one of its rarest pairs, and no text that is alike is missed
(two sets with a Jaccard index of at least t share one of any n - ⌈t·n⌉ + 1 pairs of the n of one).
"""

from array import array
from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil
from typing import NamedTuple
from zlib import crc32

from qreasoning.scripts import words

FEWEST_WORDS = 6
"""Shorter texts may well be equal by chance; they are compared with the annotator's own only."""


class Key(NamedTuple):
    """Which text: the `field` of an annotator's answer to an image."""

    image_id: str
    annotator: str
    field: str


class Text(NamedTuple):
    """A text, and when its answer was first made (any notation that sorts by time)."""

    created: str
    text: str


@dataclass(frozen=True)
class Copy:
    """The earliest text that another is like."""

    source: Key
    share: float
    """Jaccard index of the two texts' word pairs: 1 for the same words in the same order."""


_Ranked = tuple[str, Key]
"""When its answer was first made, and which text: the order in which one can copy another."""


@dataclass(eq=False)
class _Group:
    """The texts with the same word pairs."""

    pairs: bytes
    members: list[_Ranked] = field(default_factory=list)
    """By rising rank; a group may become empty, and stays."""
    alike: list[tuple["_Group", float]] = field(default_factory=list)
    """The groups whose texts count as copies of these, with the share; the group itself first."""


class Copies:
    """The texts of a project by likeness. `share` is the least Jaccard index, above 0 to 1."""

    def __init__(self, share: float) -> None:
        self.share = share
        self.copies: dict[Key, Copy] = {}
        """The texts that are like an earlier one. Depends on the present texts alone, not on the
        order in which they came."""
        self._texts: dict[Key, tuple[_Ranked, _Group]] = {}
        self._groups: dict[bytes, _Group] = {}
        self._having: dict[int, list[_Group]] = {}
        self._copied: dict[Key, set[Key]] = {}

    def update(self, changed: Mapping[Key, Text], gone: Iterable[Key] = ()) -> set[Key]:
        """Take over new and changed texts, and forget those that are gone.

        Returns the texts that are copies now or were, and may have another source than before.
        """
        touched: set[Key] = set()
        for key in [*gone, *(key for key in changed if key in self._texts)]:
            touched |= self._remove(key)
        for key, text in sorted(changed.items(), key=lambda item: (item[1].created, item[0])):
            touched |= self._add(key, text)
        return touched

    def _add(self, key: Key, text: Text) -> set[Key]:
        pairs = word_pairs(text.text, key.annotator)
        if not pairs:
            return set()
        group = self._groups.get(pairs) or self._new_group(pairs)
        ranked = (text.created, key)
        self._texts[key] = (ranked, group)
        insort(group.members, ranked)
        self._find_source(key)
        touched = {key}
        for like, share in group.alike:
            for later in like.members[bisect_right(like.members, ranked) :]:
                touched.add(later[1])
                self._offer(later[1], Copy(key, share))
        return touched

    def _remove(self, key: Key) -> set[Key]:
        ranked, group = self._texts.pop(key, (None, None))
        if ranked is None or group is None:
            return set()
        group.members.remove(ranked)
        self._set_source(key, None)
        orphans = self._copied.pop(key, set())
        for orphan in orphans:
            self._find_source(orphan)
        return {key, *orphans}

    def _find_source(self, key: Key) -> None:
        group = self._texts[key][1]
        first = [(like.members[0], share) for like, share in group.alike if like.members]
        (_, source), share = min(first)
        self._set_source(key, Copy(source, share) if source != key else None)

    def _offer(self, key: Key, copy: Copy) -> None:
        """Take `copy` as the source of `key` where it is earlier than the one known."""
        known = self.copies.get(key)
        if known is None or self._texts[copy.source][0] < self._texts[known.source][0]:
            self._set_source(key, copy)

    def _set_source(self, key: Key, copy: Copy | None) -> None:
        known = self.copies.pop(key, None)
        if known is not None and known.source in self._copied:
            self._copied[known.source].discard(key)
        if copy is not None:
            self.copies[key] = copy
            self._copied.setdefault(copy.source, set()).add(key)

    def _new_group(self, pairs: bytes) -> _Group:
        group = _Group(pairs)
        mine = frozenset(memoryview(pairs).cast("I"))
        group.alike = [(group, 1.0), *self._alike(mine)]
        for like, share in group.alike[1:]:
            like.alike.append((group, share))
        for pair in mine:
            self._having.setdefault(pair, []).append(group)
        self._groups[pairs] = group
        return group

    def _alike(self, mine: frozenset[int]) -> list[tuple[_Group, float]]:
        rarest = sorted(mine, key=lambda pair: (len(self._having.get(pair, ())), pair))
        enough = len(mine) - ceil(self.share * len(mine)) + 1
        candidates = {each for pair in rarest[:enough] for each in self._having.get(pair, ())}
        alike = []
        for other in candidates:
            size = len(other.pairs) // _WIDTH
            # Sizes that differ too much rule it out without a look inside.
            if self.share * len(mine) <= size <= len(mine) / self.share:
                common = len(mine.intersection(memoryview(other.pairs).cast("I")))
                share = common / (len(mine) + size - common)
                if share >= self.share:
                    alike.append((other, share))
        return alike


_WIDTH = array("I").itemsize


def word_pairs(text: str, annotator: str) -> bytes:
    """The set of a text's neighbouring words, without case and punctuation, as sorted 32-bit
    numbers; of a text with fewer than `FEWEST_WORDS` words one number that is the annotator's own.
    """
    plain = ["".join(filter(str.isalnum, word)).casefold() for word in words(text)]
    if not plain:
        return b""
    if len(plain) < FEWEST_WORDS:
        whole = " ".join((annotator, *plain))
        return array("I", [crc32(whole.encode())]).tobytes()
    return array("I", sorted({crc32(f"{a} {b}".encode()) for a, b in pairwise(plain)})).tobytes()
