"""The pictures to predict for, read a few at a time so that memory does not grow with them."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow.parquet as pq

from qreasoning import images
from qreasoning.errors import DataError
from qreasoning.training.examples import split_files
from qreasoning.workspace import slug

CHUNK = 64
"""Pictures that are read from a Parquet file, or looked at, at once."""
LISTED = 10
"""Unreadable pictures that are named; the others are counted."""


@dataclass(frozen=True)
class Picture:
    """A picture to predict for."""

    image_id: str
    name: str
    content: bytes


@dataclass(frozen=True)
class Source:
    """Where pictures come from: a split of a dataset version, or a folder; `name` is for files."""

    data: Path
    split: str

    @property
    def is_dataset(self) -> bool:
        """Whether `data` is a dataset version; else it is a folder of pictures."""
        return (self.data / "data" / "chains").is_dir()

    @property
    def name(self) -> str:
        """`<name>-<version>-<split>`, or the folder's slug."""
        if self.is_dataset:
            return slug(f"{self.data.parent.name}-{self.data.name}-{self.split}")
        return slug(self.data.resolve().name)

    def rows(self) -> Iterator[Picture | None]:
        """The pictures in order, each read when it is asked for; None for a row without one.

        Raises DataError where there is no such split or folder.
        """
        if not self.is_dataset:
            for path in images.list_pictures(self.data):
                content = path.read_bytes()
                name = path.relative_to(self.data).as_posix()
                yield Picture(images.identity(content), name, content)
            return
        for file in split_files(self.data, self.split):
            # A buffered stream reads page by page, whatever the size of a row group.
            with pq.ParquetFile(file, buffer_size=1 << 20, pre_buffer=False) as table:
                columns = ["image_id", "name", "image"]
                for batch in table.iter_batches(batch_size=CHUNK, columns=columns):
                    for row in batch.to_pylist():
                        picture = (row["image"] or {}).get("bytes")
                        yield Picture(row["image_id"], row["name"], picture) if picture else None

    def pictures(self) -> Iterator[Picture]:
        """`rows` without those that have no picture."""
        return (row for row in self.rows() if row is not None)


@dataclass(frozen=True)
class Seen:
    """What is kept of a picture once it was decoded; `pixels` is its width times its height."""

    image_id: str
    name: str
    pixels: int


def look_through(source: Source) -> tuple[list[Seen], int]:
    """Decode every picture once; returns what they are and the number of rows without one.

    Raises DataError that lists the pictures which cannot be read, or where there is none at all.
    """
    seen: list[Seen] = []
    problems: list[str] = []
    without = 0
    rows = source.rows()
    with ThreadPoolExecutor() as pool:
        while some := list(islice(rows, CHUNK)):
            pictures = [row for row in some if row is not None]
            without += len(some) - len(pictures)
            looks = pool.map(lambda picture: look_at(picture.content, picture.name), pictures)
            for picture, (pixels, problem) in zip(pictures, looks, strict=True):
                seen.append(Seen(picture.image_id, picture.name, pixels))
                problems += [problem] if problem else []
    refuse(problems)
    if not seen:
        raise DataError(
            f"{source.data} holds no pictures to predict for. Name another folder or split."
        )
    return seen, without


def look_at(content: bytes, name: str) -> tuple[int, str | None]:
    """Decode a picture: its width times its height, and why it cannot be read, None if it can."""
    try:
        picture = images.decode(content, name)
    except DataError as error:
        return 0, str(error)
    return picture.width * picture.height, None


def refuse(problems: Sequence[str]) -> None:
    """Raises DataError listing what is wrong with the pictures, if anything is."""
    if problems:
        more = len(problems) - LISTED
        rest = f"\n… and {more} more." if more > 0 else ""
        count = "One picture" if len(problems) == 1 else f"{len(problems)} pictures"
        listed = "\n".join(problems[:LISTED])
        raise DataError(f"{count} cannot be read, so nothing was begun:\n{listed}{rest}")


def windows(source: Source, sizes: Sequence[int]) -> Iterator[list[Picture]]:
    """The pictures in successive lists of the given sizes."""
    pictures = source.pictures()
    for size in sizes:
        yield list(islice(pictures, size))
