"""The pictures of a project: listed, identified, checked and made ready before anything is
imported."""

import json
import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from qreasoning.annotation.listing import chosen, nothing
from qreasoning.annotation.preparing import Look, look
from qreasoning.annotation.project import Project
from qreasoning.errors import DataError
from qreasoning.files import write_json

KNOWN = "pictures.json"
"""Beside the log: what is known of a project's pictures."""

FEW = 16
"""So many pictures are looked at in this process: starting others takes longer."""

SAVED_EVERY = 500
"""Pictures after which what is known is saved, so that a run that was cut off goes on there."""

_FORMAT = 2
"""Of the file of what is known; raised when a prepared copy is made in another way."""


@dataclass(frozen=True)
class Picture:
    """A checked picture: the identity of its original, and its path in the project's folder."""

    image_id: str
    name: str
    prepared: str | None = None
    """The copy that is shown instead, a file of the project's folder `prepared`."""


@dataclass(frozen=True)
class Pictures:
    """The pictures of a project by rising name, each content once."""

    folder: Path
    pictures: tuple[Picture, ...]
    repeated: tuple[tuple[str, str], ...]
    """Names with the content of an earlier one (name, earlier name); these are not imported."""


def collect(
    project: Project, known: Path, say: Callable[[str], None], dry: bool = False
) -> Pictures:
    """List, sample and check a project's pictures, and prepare copies of those that browsers do not
    show as they are or that are larger than `long_side`.

    `known` is a file that remembers checked ones (by size and time of change), so that only new and
    changed ones are decoded; with many, on all processors. With `dry` neither that file nor a copy
    is written. Raises DataError naming the first picture that cannot be used (and how many cannot),
    and for no pictures at all where they are to be had.
    """
    names = chosen(project, say)
    if not names:
        raise nothing(project, f"There are no pictures in {project.pictures}")
    looks = _looks(names, project, known, say, dry)
    first: dict[str, Picture] = {}
    repeated = []
    for name, found in looks.items():
        picture = Picture(found.image_id, name, found.prepared(project.file.long_side))
        earlier = first.setdefault(found.image_id, picture)
        if earlier is not picture:
            repeated.append((name, earlier.name))
    _say_prepared(looks, first, project, say)
    return Pictures(project.pictures, tuple(first.values()), tuple(repeated))


def known_names(known: Path) -> dict[str, str]:
    """By image id, the names of the pictures that the project had when they were last collected."""
    names: dict[str, str] = {}
    for name, (_, found) in _remembered(known).items():
        names.setdefault(found.image_id, name)
    return names


def count_known(known: Path) -> int:
    """How many pictures the project had when they were last collected; 0 where it never was."""
    return len(known_names(known))


def _looks(
    names: Sequence[str], project: Project, known: Path, say: Callable[[str], None], dry: bool
) -> dict[str, Look]:
    """What is known of each picture, by name; what is not known yet is looked at."""
    remembered = _remembered(known)
    stamps = {name: _stamp(project.pictures / name) for name in names}
    found: dict[str, Look] = {}
    for name in names:
        stamp, kept = remembered.get(name, (None, None))
        if kept is not None and stamp == stamps[name] and _is_prepared(kept, project):
            found[name] = kept
    waiting = [name for name in names if name not in found]
    broken: list[DataError] = []
    for number, (name, result) in enumerate(_looked(waiting, project, dry), start=1):
        if isinstance(result, DataError):
            broken.append(result)
        else:
            found[name] = result
        if number % SAVED_EVERY == 0:
            if not dry:
                _remember(known, {**remembered, **_stamped(found, stamps)})
            say(f"Checked {number} of {len(waiting)} pictures")
    if broken:
        count = f"{len(broken)} pictures cannot be used; the first: " if len(broken) > 1 else ""
        raise DataError(f"{count}{broken[0]}")
    # Only now without pictures that the project no longer has.
    if not dry and remembered != _stamped(found, stamps):
        _remember(known, _stamped(found, stamps))
    return {name: found[name] for name in names}


def _looked(
    names: Sequence[str], project: Project, dry: bool
) -> Iterator[tuple[str, Look | DataError]]:
    folder = None if dry else project.prepared
    work = partial(look, folder=folder, long_side=project.file.long_side)
    paths = [project.pictures / name for name in names]
    if len(names) <= FEW:
        yield from zip(names, map(work, paths), strict=True)
        return
    # Spawned, not forked: threads of this process may hold locks.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(os.cpu_count(), context, _ignore_interrupts)
    try:
        yield from zip(names, pool.map(work, paths, chunksize=16), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)


def _ignore_interrupts() -> None:
    # Ctrl-C reaches all processes of a terminal; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _is_prepared(found: Look, project: Project) -> bool:
    name = found.prepared(project.file.long_side)
    return name is None or (project.prepared / name).is_file()


Stamp = tuple[int, int]


def _stamp(path: Path) -> Stamp:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def _remembered(known: Path) -> dict[str, tuple[Stamp, Look]]:
    content = json.loads(known.read_text(encoding="utf-8")) if known.is_file() else {}
    if content.get("format") != _FORMAT:
        return {}
    return {
        name: ((size, time), Look(image_id, side, tuple(reasons)))
        for name, (size, time, image_id, side, reasons) in content["pictures"].items()
    }


def _stamped(found: dict[str, Look], stamps: dict[str, Stamp]) -> dict[str, tuple[Stamp, Look]]:
    return {name: (stamps[name], each) for name, each in found.items()}


def _remember(known: Path, looks: dict[str, tuple[Stamp, Look]]) -> None:
    pictures = {
        name: [*stamp, each.image_id, each.side, list(each.reasons)]
        for name, (stamp, each) in looks.items()
    }
    write_json(known, {"format": _FORMAT, "pictures": pictures})


def _say_prepared(
    looks: dict[str, Look],
    pictures: dict[str, Picture],
    project: Project,
    say: Callable[[str], None],
) -> None:
    copies = [picture for picture in pictures.values() if picture.prepared is not None]
    if not copies:
        return
    causes = Counter(cause for each in copies for cause in looks[each.name].reasons or ("larger",))
    why = ", ".join(f"{cause} {count}" for cause, count in sorted(causes.items()))
    say(f"{len(copies)} of {len(pictures)} pictures are shown as prepared copies ({why})")
