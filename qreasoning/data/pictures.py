"""The pictures of a dataset: one entry per picture, with its score and its annotations."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from qreasoning import images
from qreasoning.data.projects import Checked, Project
from qreasoning.errors import DataError
from qreasoning.records import Annotation
from qreasoning.scores import Score, ScoreSet


@dataclass(frozen=True)
class Picture:
    """One picture. `file` is None where only its score is at hand; `place` names it in errors.

    `reference_id` and `published_split` come from the score list, None where it has none.
    """

    image_id: str
    name: str
    source: str
    place: str
    file: Path | None
    score: Score | None = None
    reference_id: str | None = None
    published_split: str | None = None
    annotations: tuple[Annotation, ...] = ()


def scored_pictures(
    score_set: ScoreSet, scores: Sequence[Score], root: Path, say: Callable[[str], None]
) -> list[Picture]:
    """The pictures of a score list, in its order.

    Every file is read and decoded. Raises DataError naming one that is missing or damaged.
    """
    pictures: list[Picture] = []
    for score in scores:
        place = f"{score_set.name}/{score.name}"
        file = None if score_set.images is None else root / score_set.images / score.name
        reference = None if score.reference is None else f"{score_set.name}/{score.reference}"
        if len(pictures) % 1000 == 999:
            say(f"{score_set.name}: {len(pictures) + 1:,} of {len(scores):,} pictures")
        pictures.append(
            Picture(
                image_id=f"name:{place}" if file is None else _identity(file),
                name=score.name,
                source=score_set.name,
                place=place,
                file=file,
                score=score,
                reference_id=reference,
                published_split=score.split,
            )
        )
    return pictures


def annotated_pictures(project: Project, kept: Iterable[Checked]) -> list[Picture]:
    """The pictures of a project with their kept annotations, sorted by id.

    Raises DataError naming a file that is missing, damaged or no longer the one that was annotated.
    """
    by_image: dict[str, list[Annotation]] = {}
    for checked in kept:
        by_image.setdefault(checked.annotation.image_id, []).append(checked.annotation)
    pictures = []
    for image_id, annotations in sorted(by_image.items()):
        name = annotations[0].name
        file = project.images / name
        if _identity(file) != image_id:
            raise DataError(
                f"{file} is not the picture that was annotated: its bytes have changed. "
                "Put the original back."
            )
        place = f"{project.name}/{name}"
        ordered = tuple(sorted(annotations, key=lambda each: (each.annotator, each.project)))
        pictures.append(Picture(image_id, name, project.name, place, file, annotations=ordered))
    return pictures


def merge(pictures: Iterable[Picture]) -> list[Picture]:
    """One entry per picture, sorted by id: those of the same bytes become one.

    The first entry gives name and source, so the score lists come first. Raises DataError naming
    both rows where two scores, or two published splits, are given to one picture.
    """
    merged: dict[str, Picture] = {}
    for picture in pictures:
        first = merged.setdefault(picture.image_id, picture)
        if first is picture:
            continue
        if first.score is not None and picture.score is not None:
            raise DataError(
                f"{_with_split(first)} and {_with_split(picture)} are the same picture, and each "
                "has a score. Remove one of the two rows from its score list."
            )
        annotations = sorted(
            (*first.annotations, *picture.annotations),
            key=lambda each: (each.annotator, each.project),
        )
        merged[picture.image_id] = replace(first, annotations=tuple(annotations))
    return [merged[image_id] for image_id in sorted(merged)]


def _with_split(picture: Picture) -> str:
    return (
        f"{picture.place} ({picture.published_split})" if picture.published_split else picture.place
    )


def _identity(file: Path) -> str:
    """The id of a picture file that was found to decode."""
    if not file.is_file():
        raise DataError(f"The picture {file} is missing. Put it there, or correct the list.")
    content = file.read_bytes()
    images.decode(content, str(file))
    return images.identity(content)
