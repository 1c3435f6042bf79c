"""The pictures to predict for, read a few at a time so that memory does not grow with them."""

import os
import tarfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import pyarrow.parquet as pq

from qreasoning import images
from qreasoning.arrow import open_parquet
from qreasoning.errors import DataError
from qreasoning.files import sha256_bytes
from qreasoning.training.examples import split_files
from qreasoning.workspace import slug

CHUNK = 64
"""Pictures that are read from a Parquet file at once."""
LISTED = 10
"""Unreadable pictures that are named; the others are counted."""
WINDOW = 4
"""Batches whose pictures are in memory at once, and are sorted by size among themselves."""
SHARD = 4
"""Windows whose answers are written together: what an interruption may cost at most."""


@dataclass(frozen=True)
class Picture:
    """A picture to predict for."""

    image_id: str
    name: str
    content: bytes


@dataclass(frozen=True)
class Source:
    """Where pictures come from; `name` is for files.

    `data` is a dataset version (of which `split` is taken), a folder of pictures, a tar file or a
    folder of them, or a text file that lists pictures, a path a line, relative to the file.
    """

    data: Path
    split: str

    @property
    def is_dataset(self) -> bool:
        """Whether `data` is a dataset version."""
        return (self.data / "data" / "chains").is_dir()

    @property
    def name(self) -> str:
        """`<name>-<version>-<split>`, or the slug of the folder or file."""
        if self.is_dataset:
            return slug(f"{self.data.parent.name}-{self.data.name}-{self.split}")
        return slug(self.data.resolve().name)

    @cached_property
    def count(self) -> int:
        """The number of rows. Raises DataError where there is no such split, folder or file."""
        if self.is_dataset:
            return sum(rows for _, rows in self._tables)
        return len(self._members) if self._tars else len(self._names)

    def rows(self, start: int = 0, stop: int | None = None) -> Iterator[Picture | None]:
        """The pictures from `start` up to `stop` in order, each read when it is asked for; None for
        a row without one."""
        stop = self.count if stop is None else stop
        if self.is_dataset:
            yield from self._dataset_rows(start, stop)
        elif self._tars:
            yield from self._tar_rows(start, stop)
        else:
            for name in self._names[start:stop]:
                content = self._read(name)
                yield Picture(images.identity(content), name, content)

    @cached_property
    def _tables(self) -> list[tuple[Path, int]]:
        """The Parquet files of the split with their numbers of rows."""
        files = split_files(self.data, self.split)
        return [(file, pq.read_metadata(file).num_rows) for file in files]

    def _dataset_rows(self, start: int, stop: int) -> Iterator[Picture | None]:
        first = 0
        for file, count in self._tables:
            if first < stop and first + count > start:
                yield from _parquet_rows(file, max(0, start - first), min(count, stop - first))
            first += count

    @cached_property
    def _tars(self) -> list[Path]:
        if self.data.is_dir():
            # A folder with pictures is a folder of pictures.
            tars = sorted(self.data.glob("*.tar"))
            return [] if tars and images.list_pictures(self.data) else tars
        return [self.data] if self.data.suffix == ".tar" else []

    @cached_property
    def _members(self) -> list[tuple[int, str, int, int]]:
        """Which tar, name, first byte and length of each picture, in their order there."""
        return [
            (place, *member) for place, tar in enumerate(self._tars) for member in _tar_members(tar)
        ]

    def _tar_rows(self, start: int, stop: int) -> Iterator[Picture]:
        for place, name, first, length in self._members[start:stop]:
            with self._tars[place].open("rb") as file:
                file.seek(first)
                content = file.read(length)
            yield Picture(images.identity(content), f"{self._tars[place].name}/{name}", content)

    @cached_property
    def _names(self) -> list[str]:
        """Paths of pictures relative to the folder, or to the list."""
        if not self.data.is_file():
            return [
                path.relative_to(self.data).as_posix() for path in images.list_pictures(self.data)
            ]
        try:
            lines = self.data.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            raise DataError(
                f"{self.data} is no list of pictures. Give a folder, a .tar, or a text file with a "
                "path a line."
            ) from None
        return [line.strip() for line in lines if line.strip()]

    def _read(self, name: str) -> bytes:
        folder = self.data.parent if self.data.is_file() else self.data
        try:
            return Path(os.path.join(folder, name)).read_bytes()  # noqa: PTH118  (a million times)
        except (FileNotFoundError, IsADirectoryError):
            raise DataError(
                f"{name} is not there, and {self.data} has it. Correct the list, whose paths are "
                "relative to it, or run the command again."
            ) from None


def _parquet_rows(file: Path, start: int, stop: int) -> Iterator[Picture | None]:
    """Rows of a file; row groups before `start` are not read."""
    with open_parquet(file) as table:
        sizes = [table.metadata.row_group(g).num_rows for g in range(table.num_row_groups)]
        first, groups = 0, []
        for group, size in enumerate(sizes):
            if first + size > start and first < stop:
                groups.append((group, first))
            first += size
        if not groups:
            return
        row = groups[0][1]
        columns = ["image_id", "name", "image"]
        chosen = [group for group, _ in groups]
        for batch in table.iter_batches(batch_size=CHUNK, row_groups=chosen, columns=columns):
            low, high = max(0, start - row), min(len(batch), stop - row)
            row += len(batch)
            for each in batch.slice(low, max(0, high - low)).to_pylist():
                picture = (each["image"] or {}).get("bytes")
                yield Picture(each["image_id"], each["name"], picture) if picture else None
            if row >= stop:
                return


def _tar_members(path: Path) -> Iterator[tuple[str, int, int]]:
    """Name, first byte and length of each picture in a tar that is not compressed."""
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                # A tar remembers every member otherwise.
                tar.members = []  # type: ignore[attr-defined]
                if member.isfile() and Path(member.name).suffix.lower() in images.SUFFIXES:
                    yield member.name, member.offset_data, member.size
    except tarfile.TarError as error:
        raise DataError(f"{path} cannot be read as a tar file ({error}). Make it again.") from None


@dataclass(frozen=True)
class Shard:
    """Rows of a source that are answered together.

    `windows` has the hash of the pictures' ids in each window of it, so that what is read later is
    known to be the same; `pictures` and `without` count the rows with a picture and without one.
    """

    number: int
    start: int
    stop: int
    windows: tuple[str, ...]
    pictures: int
    without: int


def look_through(source: Source, batch_size: int) -> list[Shard]:
    """Decode every picture once; returns the shards of the source.

    Raises DataError that lists the pictures which cannot be read, or where there is none at all.
    """
    size = batch_size * WINDOW
    shards: list[Shard] = []
    problems: list[str] = []
    with ThreadPoolExecutor() as pool:
        for start in range(0, source.count, size * SHARD):
            stop = min(start + size * SHARD, source.count)
            rows, windows, count = source.rows(start, stop), [], 0
            while some := list(islice(rows, size)):
                pictures = [row for row in some if row is not None]
                windows.append(digest(pictures))
                count += len(pictures)
                looks = pool.map(lambda each: look_at(each.content, each.name), pictures)
                problems += [each for each in looks if each]
            without = stop - start - count
            shards.append(Shard(len(shards), start, stop, tuple(windows), count, without))
    refuse(problems)
    if not any(shard.pictures for shard in shards):
        raise DataError(
            f"{source.data} holds no pictures to predict for. Name another folder or split."
        )
    return shards


def windows(source: Source, shard: Shard, batch_size: int) -> Iterator[list[Picture]]:
    """The pictures of a shard, a window at a time.

    Raises DataError where they are not those that were looked through.
    """
    rows = source.rows(shard.start, shard.stop)
    for wanted in shard.windows:
        pictures = [row for row in islice(rows, batch_size * WINDOW) if row is not None]
        if digest(pictures) != wanted:
            first = f", {pictures[0].name} or one soon after it" if pictures else ""
            raise DataError(f"Pictures changed while they were read{first}. Run the command again.")
        yield pictures


def digest(pictures: Sequence[Picture]) -> str:
    """A hash of the pictures' ids, in order."""
    return sha256_bytes("\n".join(each.image_id for each in pictures).encode())


def look_at(content: bytes, name: str) -> str | None:
    """Decode a picture: why it cannot be read, None if it can."""
    try:
        images.decode(content, name)
    except DataError as error:
        return str(error)
    return None


def pixels_of(picture: Picture) -> int:
    """Width times height, from the picture's header."""
    with images.opened(picture.content, picture.name) as opened:
        return opened.width * opened.height


def refuse(problems: Sequence[str]) -> None:
    """Raises DataError listing what is wrong with the pictures, if anything is."""
    if problems:
        more = len(problems) - LISTED
        rest = f"\n… and {more} more." if more > 0 else ""
        count = "One picture" if len(problems) == 1 else f"{len(problems)} pictures"
        listed = "\n".join(problems[:LISTED])
        raise DataError(f"{count} cannot be read, so nothing was begun:\n{listed}{rest}")
