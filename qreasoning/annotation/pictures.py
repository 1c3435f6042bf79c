"""The pictures of a project: listed, identified and checked before anything is imported."""

import csv
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from qreasoning.annotation.project import Project
from qreasoning.errors import DataError, SettingsError
from qreasoning.files import write_json
from qreasoning.images import decode, identity, list_pictures

SHOWN = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"})
"""What browsers show."""


@dataclass(frozen=True)
class Picture:
    """A checked picture: its identity, and its path relative to the project's folder."""

    image_id: str
    name: str


@dataclass(frozen=True)
class Pictures:
    """The pictures of a project by rising name, each content once."""

    folder: Path
    pictures: tuple[Picture, ...]
    repeated: tuple[tuple[str, str], ...]
    """Names with the content of an earlier one (name, earlier name); these are not imported."""


def collect(project: Project, known: Path, say: Callable[[str], None]) -> Pictures:
    """List and check a project's pictures. `known` is a file that remembers checked ones (by size
    and time of change), so that only new and changed ones are decoded.

    Raises DataError naming the first picture that cannot be read (and how many cannot), and for no
    pictures at all where they are to be had.
    """
    paths = _listed(project)
    if not paths:
        raise _nothing(project, f"There are no pictures in {project.pictures}")
    checked = _check(paths, project.pictures, known, say)
    first: dict[str, str] = {}
    repeated = []
    for name, image_id in checked.items():
        if image_id in first:
            repeated.append((name, first[image_id]))
        else:
            first[image_id] = name
    pictures = tuple(Picture(image_id, name) for image_id, name in first.items())
    return Pictures(project.pictures, pictures, tuple(repeated))


def _listed(project: Project) -> list[Path]:
    if not project.pictures.is_dir():
        raise _nothing(project, f"The folder {project.pictures} is missing")
    if project.manifest is None:
        return list_pictures(project.pictures)
    paths = [project.pictures / name for name in _names(project.manifest)]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise DataError(
            f"{len(missing)} of the {len(paths)} pictures in {project.manifest} are missing, the "
            f"first is {missing[0]}. Fetch them, or correct the list."
        )
    return sorted(set(paths))


def _names(manifest: Path) -> list[str]:
    try:
        text = manifest.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SettingsError(f"The list of pictures {manifest} is missing. Create it.") from None
    if manifest.suffix.lower() != ".csv":
        return [line.strip() for line in text.splitlines() if line.strip()]
    rows = csv.DictReader(text.splitlines())
    if "name" not in (rows.fieldnames or ()):
        found = ", ".join(rows.fieldnames or ()) or "none"
        raise SettingsError(
            f"{manifest} has no column 'name' (it has: {found}). Rename the column."
        )
    return [row["name"] for row in rows if row["name"]]


def _check(
    paths: Iterable[Path], folder: Path, known: Path, say: Callable[[str], None]
) -> dict[str, str]:
    remembered = json.loads(known.read_text(encoding="utf-8")) if known.is_file() else {}
    found: dict[str, list[object]] = {}
    broken: list[DataError] = []
    for number, path in enumerate(paths, start=1):
        name = path.relative_to(folder).as_posix()
        stat = path.stat()
        entry = remembered.get(name)
        if entry is not None and entry[:2] == [stat.st_size, stat.st_mtime_ns]:
            found[name] = entry
            continue
        try:
            found[name] = [stat.st_size, stat.st_mtime_ns, _identified(path)]
        except DataError as error:
            broken.append(error)
        if number % 1000 == 0:
            say(f"Checked {number} pictures")
    if broken:
        count = f"{len(broken)} pictures cannot be used; the first: " if len(broken) > 1 else ""
        raise DataError(f"{count}{broken[0]}")
    if found != remembered:
        write_json(known, found)
    return {name: str(entry[2]) for name, entry in found.items()}


def _identified(path: Path) -> str:
    if path.suffix.lower() not in SHOWN:
        raise DataError(f"{path} cannot be shown by browsers. Convert it to PNG.")
    content = path.read_bytes()
    decode(content, str(path))
    return identity(content)


def _nothing(project: Project, problem: str) -> DataError:
    setting = "images" if project.file.images is not None else "manifest"
    source = f" {project.file.source.strip()}" if project.file.source else ""
    return DataError(
        f"{problem}.{source} Put the pictures there, or correct '{setting}' in {project.path}."
    )
