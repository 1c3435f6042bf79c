"""Hashes of rows and of ids, a column at a time: a million rows take seconds."""

import hashlib
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Hashes = np.ndarray[Any, np.dtype[np.uint8]]
"""SHA-256 of n rows: (n, 32)."""
Codes = np.ndarray[Any, np.dtype[np.uint64]]
"""The first eight bytes of each of n hashes, as a number."""

_WIDTH = 32


def row_hashes(columns: Sequence[pa.Array]) -> Hashes:
    """SHA-256 of each row over its columns: numbers, booleans, texts and lists of texts."""
    return hashes_of(row_bytes(columns))


def row_bytes(columns: Sequence[pa.Array]) -> pa.Array:
    """The bytes of each row over its columns.

    Different rows give different bytes: numbers and the lengths of all texts come first, in fixed
    width (null differs from empty and from 0, all nan are one), then the texts.
    """
    texts = [
        _text(column)
        for column in columns
        if not _is_number(column.type) and column.null_count < len(column)
    ]
    prefix = _as_binary(fixed_bytes(columns))
    return pc.binary_join_element_wise(prefix, *texts, b"")


def hashes_of(values: pa.Array) -> Hashes:
    """SHA-256 of each value of a string or binary array without nulls."""
    return stretch_hashes(values, np.arange(1, len(values) + 1))


def stretch_hashes(values: pa.Array, ends: np.ndarray[Any, Any]) -> Hashes:
    """SHA-256 of the bytes of values next to each other, of which each stretch ends before one of
    `ends`, the last at the end of all."""
    values = values.cast(pa.large_binary())
    _, offsets, data = values.buffers()
    places = np.frombuffer(offsets, np.int64)[values.offset : values.offset + len(values) + 1]
    bounds = places[np.append(0, ends)].tolist()
    view = memoryview(data if data is not None else b"")
    made = b"".join([hashlib.sha256(view[start:end]).digest() for start, end in pairwise(bounds)])
    return np.frombuffer(made, np.uint8).reshape(-1, _WIDTH)


def codes(hashes: Hashes) -> Codes:
    """The first eight bytes of each hash as a number that sorts like the hash."""
    return np.ascontiguousarray(hashes[:, :8]).view(">u8").reshape(-1).astype(np.uint64)


def among(numbers: Codes, known: Codes) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which of `numbers` are in `known`, which is sorted: many are looked up without a sort."""
    if not len(known):
        return np.zeros(len(numbers), np.bool_)
    places = np.minimum(np.searchsorted(known, numbers), len(known) - 1)
    found: np.ndarray[Any, np.dtype[np.bool_]] = known[places] == numbers
    return found


def fixed_bytes(columns: Sequence[pa.Array]) -> Hashes:
    """What numbers, and the lengths of texts, say in each row: (n, width) bytes, the same for the
    same values."""
    parts = [part for column in columns for part in _fixed(column)]
    rows = np.empty(len(columns[0]), [(f"{place}", each.dtype) for place, each in enumerate(parts)])
    for place, each in enumerate(parts):
        rows[f"{place}"] = each
    return rows.view(np.uint8).reshape(len(rows), rows.itemsize)


def digest_of(hashes: Hashes) -> str:
    """SHA-256 over hashes in sorted order: the order of rows does not count."""
    words = np.ascontiguousarray(hashes).view(">u8").reshape(-1, _WIDTH // 8).astype(np.uint64)
    order = np.argsort(words[:, 0])
    first = words[order, 0]
    if (first[1:] == first[:-1]).any():  # rows of the same values, or by a rare chance
        order = np.lexsort(words[:, ::-1].T)
    return hashlib.sha256(np.ascontiguousarray(hashes[order]).tobytes()).hexdigest()


def as_column(hashes: Hashes) -> pa.Array:
    """Hashes (n, 32) as a column."""
    data = pa.py_buffer(np.ascontiguousarray(hashes))
    return pa.Array.from_buffers(pa.binary(32), len(hashes), [None, data])


def as_hashes(column: pa.ChunkedArray) -> Hashes:
    """A column of hashes as (n, 32)."""
    values = column.combine_chunks()
    data = np.frombuffer(values.buffers()[1], np.uint8) if len(values) else np.zeros(0, np.uint8)
    return data.reshape(-1, 32)[values.offset : values.offset + len(values)]


def digest_of_parts(parts: Iterable[tuple[str, str]]) -> str:
    """SHA-256 over named digests in sorted order."""
    lines = "".join(f"{name} {digest}\n" for name, digest in sorted(parts))
    return hashlib.sha256(lines.encode()).hexdigest()


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    )


def _fixed(column: pa.Array) -> list[np.ndarray[Any, Any]]:
    """What each row of a column says in fixed width: a number and whether it is there; of a text
    its length, of a list of texts also how many."""
    kind = column.type
    there = np.ones(len(column), np.uint8)
    if column.null_count:
        there = column.is_valid().to_numpy(zero_copy_only=False).astype(np.uint8)
    values: np.ndarray[Any, Any]
    if not there.any():
        values = np.zeros(len(column), "<i8")
    elif pa.types.is_floating(kind):
        values = column.fill_null(0.0).to_numpy(zero_copy_only=False).astype("<f8") + 0.0
        values = np.where(np.isnan(values), np.nan, values)
    elif _is_number(kind):
        values = column.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False).astype("<i8")
    else:
        values = pc.binary_length(_text(column)).to_numpy(zero_copy_only=False).astype("<i8")
    if not pa.types.is_list(kind):
        return [there, values]
    lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    return [there, values, lengths.astype("<i8")]


def _text(column: pa.Array) -> pa.Array:
    if pa.types.is_list(column.type):
        # A length before each text: the same letters in another division are another list.
        values = column.flatten()
        marked = pc.binary_join_element_wise(
            pc.binary_length(values).cast(pa.string()), values.cast(pa.string()), ":"
        )
        lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        column = pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), marked), "")
    return pc.fill_null(column.cast(pa.binary()), b"")


def _as_binary(rows: Hashes) -> pa.Array:
    count, width = rows.shape
    offsets = np.arange(count + 1, dtype=np.int32) * np.int32(width)
    data = pa.py_buffer(np.ascontiguousarray(rows))
    return pa.Array.from_buffers(pa.binary(), count, [None, pa.py_buffer(offsets), data])
