"""Texts that were copied: which of many share most of their word pairs with an earlier one.

Kept from one pull to the next: new texts are compared with all, and no text that is alike is missed
(`near_copies` says why). In memory lie the word pairs as numbers of 32 bits, and nothing else.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from qreasoning.arrow import array
from qreasoning.checks.near_copies import Array, Texts, find_copies
from qreasoning.checks.wordpairs import FEWEST_WORDS, word_pairs


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


class Copies:
    """The texts of a project by likeness. `share` is the least Jaccard index, above 0 to 1."""

    def __init__(self, share: float) -> None:
        self.share = share
        self.copies: dict[Key, Copy] = {}
        """The texts that are like an earlier one. Depends on the present texts alone, not on the
        order in which they came."""
        self._made: dict[Key, str] = {}
        """When the answer of each text was first made. The arrays have a row, or a stretch, for
        each."""
        self._group: Array = np.zeros(0, np.int32)
        self._sizes: Array = np.zeros(0, np.int32)
        self._pairs: Array = np.zeros(0, np.uint32)
        self._people: dict[str, int] = {}

    def update(self, changed: Mapping[Key, Text], gone: Iterable[Key] = ()) -> set[Key]:
        """Take over new and changed texts, and forget those that are gone.

        Returns the texts that are copies now or were, and may have another source than before.
        """
        leaving = {*gone, *changed}
        self._forget({key for key in leaving if key in self._made})
        orphans = {key for key, copy in self.copies.items() if copy.source in leaving} - leaving
        asked = np.array([key in orphans for key in self._made], np.bool_)
        asked = np.concatenate([asked, np.ones(len(changed), np.bool_)])
        self._add(changed)
        for key in leaving | orphans:
            self.copies.pop(key, None)
        return leaving | orphans | (self._find(asked) if asked.any() else set())

    def _forget(self, keys: Set[Key]) -> None:
        if keys:
            stay = np.array([key not in keys for key in self._made], np.bool_)
            self._made = {key: made for key, made in self._made.items() if key not in keys}
            self._pairs = self._pairs[np.repeat(stay, self._sizes)]
            self._group, self._sizes = self._group[stay], self._sizes[stay]

    def _add(self, texts: Mapping[Key, Text]) -> None:
        found = word_pairs(array([text.text for text in texts.values()], pa.string()))
        # Short texts may well be equal by chance: they are compared with the annotator's own only.
        people = [self._people.setdefault(key.annotator, len(self._people) + 1) for key in texts]
        group = np.where(found.count < FEWEST_WORDS, np.array(people, np.int32), 0)
        self._made |= {key: text.created for key, text in texts.items()}
        self._group = np.concatenate([self._group, group.astype(np.int32)])
        self._sizes = np.concatenate([self._sizes, np.diff(found.offsets).astype(np.int32)])
        self._pairs = np.concatenate([self._pairs, found.pairs])

    def _find(self, asked: Array) -> set[Key]:
        """Look for the sources of some texts, and for those that they are the source of."""
        keys = list(self._made)
        made = list(self._made.values())
        order = sorted(range(len(keys)), key=keys.__getitem__)
        order.sort(key=made.__getitem__)
        rank = np.empty(len(order), np.int32)
        rank[order] = np.arange(len(order))
        offsets = np.concatenate([[0], np.cumsum(self._sizes, dtype=np.int64)])
        found = find_copies(Texts(self._group, rank, offsets, self._pairs), self.share, asked)
        touched = set()
        for text, source, share in zip(
            found.text.tolist(), found.source.tolist(), found.share.tolist(), strict=True
        ):
            known = self.copies.get(keys[text])
            rival = made[source], keys[source]
            if known is None or rival < (self._made[known.source], known.source):
                self.copies[keys[text]] = Copy(keys[source], share)
                touched.add(keys[text])
        return touched
