"""Which pictures a project has: a folder's, or those of a list, and of these the sampled ones."""

from collections.abc import Callable, Sequence
from pathlib import Path

from qreasoning.annotation.names import read_names
from qreasoning.annotation.project import Project
from qreasoning.annotation.sampling import TENTHS, sample, tenth, tenth_name
from qreasoning.benchmark_sets import resolve
from qreasoning.errors import DataError
from qreasoning.images import list_pictures, picture_file
from qreasoning.score_tables import read_scores
from qreasoning.workspace import Workspace


def chosen(project: Project, say: Callable[[str], None]) -> list[str]:
    """The names of the pictures that the sampling plan takes, relative to the project's folder.

    Raises DataError for a name that cannot be used or that is listed and not there.
    """
    mos: dict[str, float] = {}
    source = project.manifest
    if not project.pictures.is_dir():
        raise nothing(project, f"The folder {project.pictures} is missing")
    if project.file.scores is not None:
        source = project.root / project.file.scores.file
        scores = resolve(project.file.scores, Workspace(project.root))
        mos = {each.name: each.mos for each in read_scores(scores, project.root)}
        listed = list(mos)
    elif project.manifest is not None:
        listed = sorted(set(read_names(project.manifest)))
    else:
        paths = list_pictures(project.pictures)
        listed = [path.relative_to(project.pictures).as_posix() for path in paths]
    taken = sample(listed, mos, project.file.sampling)
    if project.file.sampling.take != "all":
        say(f"The sampling plan takes {len(taken)} of {len(listed)} pictures")
    if project.file.sampling.take == "stratified":
        _say_empty_tenths(mos, say)
    _refuse_names(taken, project.pictures, source)
    return taken


def _say_empty_tenths(mos: dict[str, float], say: Callable[[str], None]) -> None:
    filled = {tenth(each) for each in mos.values()}
    empty = [tenth_name(number) for number in range(TENTHS) if number not in filled]
    if empty:
        say(f"No picture has a MOS (on 1 to 5) from {', '.join(empty)}")


def _refuse_names(names: Sequence[str], folder: Path, source: Path | None) -> None:
    for name in names:
        if not name.isprintable():  # also halves of surrogate pairs: names that are not UTF-8
            raise DataError(f"{folder} has a picture with the name {name!a}. Rename it.")
        if source is not None:
            picture_file(folder, name, source)
    missing = [name for name in names if source is not None and not (folder / name).is_file()]
    if missing:
        raise DataError(
            f"{len(missing)} of the {len(names)} pictures in {source} are missing, the first is "
            f"{folder / missing[0]}. Fetch them, or correct the list."
        )


def nothing(project: Project, problem: str) -> DataError:
    """The error of a project without pictures: where they are to be had, what to correct."""
    settings = [key for key in ("images", "manifest", "scores") if getattr(project.file, key)]
    source = f" {project.file.source.strip()}" if project.file.source else ""
    return DataError(
        f"{problem}.{source} Put the pictures there, or correct '{settings[0]}' in {project.path}."
    )
