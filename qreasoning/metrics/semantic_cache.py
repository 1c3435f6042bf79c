"""What the semantic metrics keep on disk: pooled vectors of texts and scores of pairs.

One SQLite file per model and layer, so that several processes may share it and a process that dies
leaves it whole. Texts are kept as hashes. Token embeddings are not kept: they would be gigabytes.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qreasoning.errors import DataError
from qreasoning.metrics.encoder import Identity

Pair = tuple[float, float, float]

# Raised when the same text, model and layer would score differently.
_FORMAT = 1
_TABLES = """
create table if not exists vectors (text blob primary key, vector blob, cut integer) without rowid;
create table if not exists pairs (pair blob primary key, p real, r real, f real) without rowid;
"""


class Vector(NamedTuple):
    """A text's pooled vector, and whether the text was cut."""

    values: NDArray[np.float32]
    cut: bool


class Cache:
    """The cache of one model and layer in `folder`; without a folder, one in memory."""

    def __init__(self, folder: Path | None, identity: Identity) -> None:
        key = (_FORMAT, *identity._replace(name="", revision=None, layer_from=""))
        name = f"{identity.name.replace('/', '--')}-{_digest(repr(key)).hex()[:16]}.sqlite"
        self._path = None if folder is None else folder / name
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        try:
            self._file = sqlite3.connect(self._path or ":memory:", timeout=60)
            self._file.executescript(_TABLES)
        except sqlite3.DatabaseError as error:
            raise self._damaged(error) from None

    def vectors(self, texts: Sequence[str]) -> dict[int, Vector]:
        """The vectors that are known, by the text's place in `texts`."""
        places = {_digest(text): place for place, text in enumerate(texts)}
        rows = self._find("select text, vector, cut from vectors where text in", list(places))
        return {
            places[text]: Vector(np.frombuffer(vector, dtype=np.float32), bool(cut))
            for text, vector, cut in rows
        }

    def pairs(
        self, texts: Sequence[str], pairs: Sequence[tuple[int, int]]
    ) -> dict[tuple[int, int], Pair | None]:
        """The scores of `pairs` of places in `texts`; None for those that are not known."""
        digests = [_digest(text) for text in texts]
        keys = {digests[left] + digests[right]: (left, right) for left, right in pairs}
        found: dict[tuple[int, int], Pair | None] = dict.fromkeys(pairs)
        for key, p, r, f in self._find("select pair, p, r, f from pairs where pair in", list(keys)):
            found[keys[key]] = p, r, f
        return found

    def add(
        self,
        texts: Sequence[str],
        vectors: Mapping[int, Vector],
        pairs: Mapping[tuple[int, int], Pair],
    ) -> None:
        """Keep vectors and scores of texts by their places in `texts`, all of them or none."""
        if self._path is None:
            return
        digests = {place: _digest(texts[place]) for place in {*vectors, *_places(pairs)}}
        try:
            with self._file:
                self._file.executemany(
                    "insert or replace into vectors values (?, ?, ?)",
                    [
                        (digests[place], each.values.astype(np.float32).tobytes(), int(each.cut))
                        for place, each in vectors.items()
                    ],
                )
                self._file.executemany(
                    "insert or replace into pairs values (?, ?, ?, ?)",
                    [(digests[a] + digests[b], *scores) for (a, b), scores in pairs.items()],
                )
        except sqlite3.DatabaseError as error:
            raise self._damaged(error) from None

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _find(self, query: str, keys: Sequence[bytes]) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        try:
            for start in range(0, len(keys), 500):
                part = keys[start : start + 500]
                marks = ", ".join("?" * len(part))
                rows += self._file.execute(f"{query} ({marks})", part).fetchall()
        except sqlite3.DatabaseError as error:
            raise self._damaged(error) from None
        return rows

    def _damaged(self, error: Exception) -> DataError:
        return DataError(
            f"{self._path}: the cache cannot be used ({error}). Delete the file; what it held is "
            "computed again."
        )


def _places(pairs: Iterable[tuple[int, int]]) -> set[int]:
    return {place for pair in pairs for place in pair}


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
