"""Whose texts judges prefer: a value with an interval for each author, and which authors differ."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qreasoning.annotation.judge_form import CHOSEN, RATED
from qreasoning.annotation.judging import FIRST, SECOND
from qreasoning.annotation.signs import Interval
from qreasoning.annotation.table import Row
from qreasoning.metrics.bootstrap import Replicates, differences, intervals, means
from qreasoning.metrics.ranking import bradley_terry, told_apart

PEOPLE = "people"
"""The author of all texts that people wrote."""


@dataclass(frozen=True)
class Standing:
    """An author's value: mean stars, or the log strength of the Bradley-Terry model."""

    author: str
    value: Interval


@dataclass(frozen=True)
class Gap:
    """One author's value less another's, paired over the pictures."""

    first: str
    second: str
    difference: Interval
    p: float
    """Two-sided, adjusted (Holm) for all pairs of the ranking."""
    real: bool
    """Whether they differ: p below 0.05, and the interval on one side of 0."""


@dataclass(frozen=True)
class Ranking:
    """The authors in one respect, the best first."""

    field: str
    standings: tuple[Standing, ...]
    gaps: tuple[Gap, ...]


def rankings(rows: Sequence[Row]) -> tuple[Ranking, ...]:
    """A ranking for each field that was rated, or one of the choices.

    Answers of excluded judges and those with a finding count for nothing. The picture is what the
    intervals draw anew: judges of one picture do not count as several.
    """
    kept = [row for row in rows if not row.findings and "excluded" not in row.annotation.labels]
    authors = sorted({_author(each.author) for row in kept for each in row.shown})
    images = sorted({row.annotation.image_id for row in kept})
    if not kept:
        return ()
    if len(kept[0].shown) == 2:
        return (_ranking(CHOSEN, authors, bradley_terry(_wins(kept, images, authors)), images),)
    return tuple(
        _ranking(field, authors, means(_stars(kept, images, authors, field)), images)
        for field in RATED
    )


def _ranking(
    field: str, authors: Sequence[str], found: Replicates, images: Sequence[str]
) -> Ranking:
    values = intervals(found)
    standings = [
        Standing(author, Interval(each.value, each.low, each.high, each.n))
        for author, each in zip(authors, values, strict=True)
    ]
    order = sorted(range(len(authors)), key=lambda at: (-np.nan_to_num(values[at].value), at))
    rank = {at: place for place, at in enumerate(order)}
    gaps = []
    for each in differences(found):
        turn = 1 if rank[each.first] < rank[each.second] else -1
        better, worse = (each.first, each.second)[::turn]
        low, high = (turn * limit for limit in (each.low, each.high)[::turn])
        gap = Interval(turn * each.value, low, high, len(images))
        gaps.append(Gap(authors[better], authors[worse], gap, each.p_holm, told_apart(each)))
    gaps.sort(key=lambda gap: [rank[authors.index(name)] for name in (gap.first, gap.second)])
    return Ranking(field, tuple(standings[at] for at in order), tuple(gaps))


def _stars(
    rows: Sequence[Row], images: Sequence[str], authors: Sequence[str], field: str
) -> np.ndarray:
    """Mean stars (images, authors); nan where nobody judged."""
    total = np.zeros((len(images), len(authors)))
    count = np.zeros_like(total)
    place = {image: at for at, image in enumerate(images)}
    for row in rows:
        at = place[row.annotation.image_id], authors.index(_author(row.shown[0].author))
        total[at] += row.annotation.ratings[field] or 0
        count[at] += 1
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def _wins(rows: Sequence[Row], images: Sequence[str], authors: Sequence[str]) -> np.ndarray:
    """How often each author was preferred to each other one, (images, authors, authors)."""
    wins = np.zeros((len(images), len(authors), len(authors)))
    place = {image: at for at, image in enumerate(images)}
    for row in rows:
        at = place[row.annotation.image_id]
        names = sorted(each.author for each in row.shown)
        one, two = (authors.index(_author(name)) for name in names)
        choice = row.annotation.ratings[CHOSEN] or 0
        points = (SECOND - choice) / (SECOND - FIRST)
        wins[at, one, two] += points
        wins[at, two, one] += 1 - points
    return wins


def _author(author: str) -> str:
    return PEOPLE if author.startswith("human:") else author.removeprefix("model:")
