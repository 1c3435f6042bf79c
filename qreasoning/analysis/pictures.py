"""The pictures of a split and what each model answered to them, as columns of one order."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qreasoning.chain import Chain
from qreasoning.errors import DataError

CONDITIONS = ("image", "caption")
NOT_PREDICTED = "not predicted"
Row = dict[str, Any]
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Pictures:
    """The pictures of one split in the order of their ids; every column has that order.

    `humans` are the texts of each picture's people and `annotators` who wrote them.
    """

    split: str
    rows: tuple[Row, ...]
    humans: tuple[tuple[str, ...], ...]
    annotators: tuple[tuple[str, ...], ...]
    prelabelled: int
    """Chains left out of `humans` because they were written upon a model's."""

    @property
    def ids(self) -> list[str]:
        """The pictures' ids."""
        return [row["image_id"] for row in self.rows]

    @cached_property
    def mos(self) -> Numbers:
        """The MOS on [1, 5], nan where there is none."""
        return np.array([number(row["mos"]) for row in self.rows])

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """How many people explained each picture."""
        return np.array([len(each) for each in self.humans], dtype=np.int64)

    @cached_property
    def people(self) -> tuple[str, ...]:
        """Everybody who explained a picture."""
        return tuple(sorted({each for names in self.annotators for each in names}))

    @cached_property
    def score_sets(self) -> dict[str, NDArray[np.int64]]:
        """Per score set (`mos_set`) the places of its pictures that have a MOS."""
        places: dict[str, list[int]] = {}
        for place, row in enumerate(self.rows):
            if not math.isnan(self.mos[place]):
                places.setdefault(row["mos_set"] or "unnamed", []).append(place)
        return {name: np.array(places[name]) for name in sorted(places)}

    @cached_property
    def human_ratings(self) -> Numbers:
        """Overall ratings of the people who explained, (pictures, people), nan for gaps."""
        columns = {name: place for place, name in enumerate(self.people)}
        found = np.full((len(self.rows), len(columns)), np.nan)
        for place, row in enumerate(self.rows):
            for chain in row["chains"]:
                found[place, columns[chain["annotator"]]] = number(chain["rating"])
        return found


def pictures_of(split: str, chains: Sequence[Row], *, prelabelled: bool = False) -> Pictures:
    """The pictures of `chains` rows; chains written upon a model's are left out unless let in."""
    kept, left_out = [], 0
    for row in chains:
        own = [each for each in row["chains"] if prelabelled or not each["prelabelled"]]
        left_out += len(row["chains"]) - len(own)
        kept.append({**row, "chains": own})
    return Pictures(
        split=split,
        rows=tuple(kept),
        humans=tuple(tuple(text_of(chain) for chain in row["chains"]) for row in kept),
        annotators=tuple(tuple(chain["annotator"] for chain in row["chains"]) for row in kept),
        prelabelled=left_out,
    )


@dataclass(frozen=True)
class Answers:
    """What one model answered in one condition, a place per picture of the split.

    `texts` are "" where a completion could not be read and None where a picture was not predicted;
    `ratings` are nan in both cases.
    """

    model: str
    condition: str
    split: str
    texts: tuple[str | None, ...]
    ratings: Numbers
    statuses: tuple[str, ...]
    raw: tuple[Row | None, ...]

    @cached_property
    def predicted(self) -> NDArray[np.bool_]:
        """Where there is an answer at all, readable or not."""
        return np.array([status != NOT_PREDICTED for status in self.statuses])

    @property
    def explains(self) -> bool:
        """Whether this is text to compare: some models give ratings only."""
        if self.condition != "image":
            return False
        read = [text for text, ok in zip(self.texts, self.statuses, strict=True) if ok == "ok"]
        return not read or any(read)


def answers_of(model: str, pictures: Pictures, predictions: Iterable[Row]) -> list[Answers]:
    """A model's answers per condition that it has a row for, image condition first.

    Raises DataError for a prediction of a picture that is not in the split.
    """
    by_key = {(row["condition"], row["image_id"]): row for row in predictions}
    known = set(pictures.ids)
    foreign = next((row for row in by_key.values() if row["image_id"] not in known), None)
    if foreign is not None:
        raise DataError(
            f"{model} has a prediction for {foreign['name']}, which is not in the {pictures.split} "
            "split. Predict on this dataset version again: qr predict"
        )
    found = []
    for condition in CONDITIONS:
        rows = [by_key.get((condition, image_id)) for image_id in pictures.ids]
        if any(row is not None for row in rows):
            found.append(
                Answers(
                    model=model,
                    condition=condition,
                    split=pictures.split,
                    texts=tuple(_text(row) for row in rows),
                    ratings=np.array([_rating(row) for row in rows]),
                    statuses=tuple(row["status"] if row else NOT_PREDICTED for row in rows),
                    raw=tuple(rows),
                )
            )
    return found


def text_of(row: Mapping[str, Any]) -> str:
    """Caption and reasoning of a chain as the one text that is compared."""
    return Chain(row["caption"], row["reasoning"], None).text


def number(value: float | None) -> float:
    """`value`, or nan for None."""
    return math.nan if value is None else float(value)


def _text(row: Row | None) -> str | None:
    if row is None:
        return None
    return text_of(row) if row["status"] == "ok" else ""


def _rating(row: Row | None) -> float:
    return number(row["rating"] if row and row["status"] == "ok" else None)
