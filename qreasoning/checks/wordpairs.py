"""The words of many texts at once: how many, and which stand side by side.

The words are those of `scripts.words`, without case and punctuation, by a dictionary of the
different pieces: each is looked at once per batch, whatever its frequency.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qreasoning.arrow import numbers_of
from qreasoning.files import sha256_bytes
from qreasoning.scripts import words

Array = np.ndarray[Any, Any]

FEWEST_WORDS = 6
"""Shorter texts may well be equal by chance, and have few pairs: they count as a whole."""

_ODD = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class WordPairs:
    """The words of n texts.

    `count` (n,) words; `whole` (n,) uint64 a hash of all of them in order (0: no words); `offsets`
    (n + 1,) and `pairs` uint32: the set of neighbouring words of each text, sorted. A text of fewer
    than `FEWEST_WORDS` words has one number, of all its words, in place of pairs.
    """

    count: Array
    whole: Array
    offsets: Array
    pairs: Array


def word_pairs(texts: pa.Array) -> WordPairs:
    """The words of a string array; null counts as empty."""
    # Without a null nothing is filled: that would import pandas (see `qreasoning.arrow`).
    hashes, lengths = _words(pc.fill_null(texts, "") if texts.null_count else texts)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    rows = np.repeat(np.arange(len(lengths)), lengths)
    position = np.arange(len(hashes)) - starts[rows]
    whole = _sums(_mixed(hashes + (position.astype(np.uint64) + np.uint64(1)) * _ODD), starts)
    short = lengths < FEWEST_WORDS
    inner = (position < lengths[rows] - 1) & ~short[rows]
    first = np.flatnonzero(inner)
    numbers = _mixed(hashes[first] * _ODD + hashes[first + 1])
    few = np.flatnonzero(short & (lengths > 0))
    keys = np.concatenate([_keys(rows[first], numbers), _keys(few, _mixed(whole[few]))])
    keys = _unique(keys)
    offsets = np.searchsorted(keys, np.arange(len(lengths) + 1).astype(np.uint64) << np.uint64(32))
    pairs = (keys & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    return WordPairs(lengths, whole, offsets.astype(np.int64), pairs)


def _words(texts: pa.Array) -> tuple[Array, Array]:
    """A hash of each word of all texts, one after the other, and how many each text has."""
    pieces = pc.utf8_split_whitespace(texts)
    encoded = pieces.flatten().dictionary_encode()
    found = [_plain(piece) for piece in encoded.dictionary.to_pylist()]
    numbers = numbers_of(encoded.indices)
    per_piece = np.array([len(each) for each in found], np.int64)
    of_pieces = np.array([word for each in found for word in each], np.uint64)
    repeats = per_piece[numbers] if len(found) else np.zeros(0, np.int64)
    start = (np.cumsum(per_piece) - per_piece)[numbers] if len(found) else repeats
    ends = np.cumsum(repeats)
    inside = np.arange(repeats.sum()) - np.repeat(ends - repeats, repeats)
    hashes = of_pieces[np.repeat(start, repeats) + inside]
    before = np.concatenate([[0], ends])
    bounds = numbers_of(pieces.offsets)
    bounds = bounds - bounds[0]
    return hashes, np.diff(before[bounds])


@lru_cache(maxsize=1 << 16)
def _plain(piece: str) -> tuple[int, ...]:
    """Hashes of the words in what stands between white space, without case and punctuation."""
    plain = ("".join(filter(str.isalnum, word)).casefold() for word in words(piece))
    return tuple(int(sha256_bytes(word.encode())[:16], 16) for word in plain)


def _mixed(numbers: Array) -> Array:
    """Numbers of which every bit depends on every bit of the given (the end of splitmix64)."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    result: Array = numbers ^ (numbers >> np.uint64(31))
    return result


def _sums(numbers: Array, starts: Array) -> Array:
    """The sum of each stretch, modulo 2^64; 0 where it is empty."""
    running = np.concatenate([np.zeros(1, np.uint64), np.cumsum(numbers)])
    result: Array = running[starts[1:]] - running[starts[:-1]]
    return result


def _keys(rows: Array, numbers: Array) -> Array:
    return (rows.astype(np.uint64) << np.uint64(32)) | (numbers >> np.uint64(32))


def _unique(keys: Array) -> Array:
    keys = np.sort(keys)
    return keys[np.concatenate([[True], keys[1:] != keys[:-1]])] if len(keys) else keys
