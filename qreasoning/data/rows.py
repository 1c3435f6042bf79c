"""The rows of a dataset's two configurations, without the pictures' bytes."""

import statistics
from collections.abc import Iterable
from typing import Any

from qreasoning.data.pictures import Picture
from qreasoning.records import Annotation

Row = dict[str, Any]


def chains_row(picture: Picture, split: str) -> Row:
    """The `chains` row of a picture; `image` is filled in when the row is written.

    The training target `mos` is the score list's, or the mean overall rating where there is none.
    The deviation of a single rating is undefined (nan); without ratings there is none (None).
    """
    ratings = [each.overall for each in picture.annotations if each.overall is not None]
    human_mos = statistics.fmean(ratings) if ratings else None
    return {
        "image_id": picture.image_id,
        "name": picture.name,
        "source": picture.source,
        "reference_id": picture.reference_id,
        "split": split,
        "image": None,
        **_target(picture, human_mos),
        "human_mos": human_mos,
        "human_n": len(ratings),
        "human_sd": _deviation(ratings),
        "chains": [_chain(each) for each in picture.annotations],
    }


def _target(picture: Picture, human_mos: float | None) -> Row:
    score = picture.score
    return {
        "mos": human_mos if score is None else score.mos,
        "mos_source": "annotators" if score is None else "benchmark",
        "mos_set": picture.source,
        "mos_raw": human_mos if score is None else score.mos_raw,
    }


def _deviation(ratings: list[int]) -> float | None:
    if not ratings:
        return None
    return statistics.stdev(ratings) if len(ratings) > 1 else float("nan")


def _chain(annotation: Annotation) -> Row:
    return {
        "annotator": annotation.annotator,
        "caption": annotation.caption,
        "reasoning": annotation.reasoning,
        "rating": None if annotation.overall is None else float(annotation.overall),
        "prelabelled": annotation.prelabelled,
    }


def by_split(rows: Iterable[tuple[str, Row]], splits: Iterable[str]) -> dict[str, list[Row]]:
    """Rows grouped by their split; every split is there, also an empty one."""
    grouped: dict[str, list[Row]] = {split: [] for split in splits}
    for split, row in rows:
        grouped[split].append(row)
    return grouped
