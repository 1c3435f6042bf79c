"""Identity and fingerprint of picture files, kept so that a file is read once and not each time."""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from pyarrow import parquet

from qreasoning.errors import DataError
from qreasoning.files import replacing
from qreasoning.fingerprints import FINGERPRINT, fingerprint
from qreasoning.images import decode, identity

_SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("size", pa.int64()),
        ("changed", pa.int64()),
        ("image_id", pa.string()),
        ("fingerprint", pa.binary()),
    ],
    metadata={"fingerprint": FINGERPRINT},
)
_SAID_EVERY = 1000
MIN_SIDE = 2
"""Pictures with a shorter side are refused: they are placeholders."""


class Hashed(NamedTuple):
    """A picture file that was found to decode: its id and its fingerprint (1 KiB)."""

    image_id: str
    fingerprint: bytes


def hash_pictures(
    files: Mapping[str, Path],
    kept: Path,
    say: Callable[[str], None] = lambda _: None,
    unusable: dict[str, str] | None = None,
) -> dict[str, Hashed]:
    """Id and fingerprint of picture files, by name.

    `kept` is the Parquet file that remembers those whose size and time of change stay the same.
    Where `unusable` is given, it takes the pictures that cannot be read, each with what is wrong;
    without it the first of them raises DataError with its path.
    """
    known = _read(kept)
    rows = {name: _stamp(file) for name, file in files.items()}
    found = {
        name: known[name][1] for name in rows if name in known and known[name][0] == rows[name]
    }
    new = [name for name in rows if name not in found]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for count, (name, hashed) in enumerate(
            zip(new, pool.map(_hash, new, [files[name] for name in new]), strict=True), start=1
        ):
            if isinstance(hashed, Hashed):
                found[name] = hashed
            elif unusable is None:
                raise DataError(f"{files[name]}{hashed.removeprefix(name)}")
            else:
                unusable[name] = hashed
            if count % _SAID_EVERY == 0:
                say(f"fingerprints: {count:,} of {len(new):,} new pictures")
    if len(found) != len(known) or any(name in found for name in new):
        _write(kept, [(name, *rows[name], *found[name]) for name in sorted(found)])
    return {name: found[name] for name in files if name in found}


def _hash(name: str, file: Path) -> Hashed | str:
    """What a file holds, or what is wrong with it: by its name, whatever the folder is called."""
    content = file.read_bytes()
    try:
        picture = decode(content, name)
    except DataError as error:
        return str(error)
    if min(picture.size) < MIN_SIDE:
        width, height = picture.size
        return (
            f"{name} has {width} x {height} pixels: nothing can be seen in it. "
            "Replace or remove it."
        )
    return Hashed(identity(content), fingerprint(picture).tobytes())


def _stamp(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_size, status.st_mtime_ns


def _read(path: Path) -> dict[str, tuple[tuple[int, int], Hashed]]:
    if not path.is_file() or parquet.read_schema(path) != _SCHEMA:
        return {}
    if (parquet.read_schema(path).metadata or {}).get(b"fingerprint") != FINGERPRINT.encode():
        return {}
    return {
        row["name"]: (
            (row["size"], row["changed"]),
            Hashed(row["image_id"], row["fingerprint"]),
        )
        for row in parquet.read_table(path).to_pylist()
    }


def _write(path: Path, rows: list[tuple[Any, ...]]) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in _SCHEMA]
    with replacing(path) as temporary:
        parquet.write_table(pa.table(columns, schema=_SCHEMA), temporary)
