"""Which answers were there before, told a stretch at a time: most of a million need no own hash.

Answers come in an order that stays, with new ones among them. Where stretches end follows from the
answers alone, so a new one changes its own stretch and no other.
"""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qreasoning.data.hashing import Codes, Hashes, among, codes, hashes_of, stretch_hashes

EACH = 16
"""Answers in a stretch, on average."""
BLOCKS_SCHEMA = pa.schema([("block", pa.uint64()), ("codes", pa.list_(pa.uint64()))])
"""A stretch by the code of its bytes, and the codes of its answers."""


class Known(NamedTuple):
    """The answers of an earlier build: their sorted `codes`, and their stretches, sorted."""

    codes: Codes
    blocks: pa.Table


NOTHING = Known(np.zeros(0, np.uint64), BLOCKS_SCHEMA.empty_table())


class Told(NamedTuple):
    """Of a piece of answers which are `new`, the hashes of those, and all its stretches."""

    new: np.ndarray[Any, np.dtype[np.bool_]]
    hashes: Hashes
    blocks: pa.Table


def known_of(codes_before: Codes, blocks: pa.Table) -> Known:
    """What is known, from the codes of all answers and their stretches in any order."""
    return Known(codes_before, blocks.sort_by("block").combine_chunks())


def codes_of(blocks: pa.Table) -> Codes:
    """The codes of the answers of stretches, in their order."""
    found: Codes = blocks["codes"].combine_chunks().flatten().to_numpy()
    return found


def told(rows: pa.Array, known: Known) -> Told:
    """Tell new answers from known ones, by the bytes of each (`hashing.row_bytes`)."""
    ends = _ends(rows)
    sizes = np.diff(ends, prepend=0)
    blocks = codes(stretch_hashes(rows, ends))
    there = known.blocks["block"].to_numpy()
    old = among(blocks, there)
    new = np.repeat(~old, sizes)
    every = np.empty(len(rows), np.uint64)
    if old.any():
        found = known.blocks.take(pa.array(np.searchsorted(there, blocks[old])))
        every[~new] = codes_of(found)
    hashes = hashes_of(rows.filter(pa.array(new)))
    every[new] = codes(hashes)
    fresh = ~among(every[new], known.codes)
    new[new] = fresh
    lists = pa.ListArray.from_arrays(np.append(0, ends).astype(np.int32), pa.array(every))
    return Told(new, hashes[fresh], pa.table([pa.array(blocks), lists], schema=BLOCKS_SCHEMA))


def _ends(rows: pa.Array) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Where stretches end: after each answer whose length in bytes is a multiple of `EACH`."""
    lengths = pc.binary_length(rows).to_numpy()
    ends = np.flatnonzero(lengths % EACH == 0) + 1
    found: np.ndarray[Any, np.dtype[np.int64]] = np.unique(np.append(ends, len(rows)))
    return found
