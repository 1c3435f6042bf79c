"""How the models' ratings follow the MOS: per score set, in both conditions, with intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qreasoning.analysis.flat import PEOPLE, Place, Record, plain, record
from qreasoning.analysis.pictures import CONDITIONS, Answers, Pictures
from qreasoning.analysis.standing import part
from qreasoning.metrics import bootstrap, correlation
from qreasoning.metrics.agreement import rating_ceiling
from qreasoning.metrics.bootstrap import Estimate, Replicates, intervals

Numbers = NDArray[np.float64]
MEAN_OF_SETS = "mean of sets"
LEAST_RATERS_SHARED = 3


@dataclass(frozen=True)
class Correlations:
    """SRCC and PLCC over one score set, or the mean over several.

    `columns` are (model, condition); the replicates of both have them in this order.
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    srcc: Replicates
    plcc: Replicates

    def of(self, condition: str, metric: str = "srcc") -> tuple[list[str], Replicates]:
        """The models of a condition and their replicates."""
        places = [place for place, each in enumerate(self.columns) if each[1] == condition]
        chosen = self.srcc if metric == "srcc" else self.plcc
        return [self.columns[place][0] for place in places], part(chosen, places)

    def gap(self) -> tuple[list[str], tuple[Estimate, ...]]:
        """SRCC of the image condition minus that of the caption condition, paired."""
        images, captions = (dict(zip(*self._places(each), strict=True)) for each in CONDITIONS)
        models = [model for model in images if model in captions]
        left, right = (part(self.srcc, [side[m] for m in models]) for side in (images, captions))
        both = Replicates(
            left.values - right.values,
            left.draws - right.draws,
            np.minimum(left.n, right.n),
            np.maximum(left.n_left_out, right.n_left_out),
        )
        return models, intervals(both)

    def _places(self, condition: str) -> tuple[list[str], list[int]]:
        found = [(m, place) for place, (m, c) in enumerate(self.columns) if c == condition]
        return [model for model, _ in found], [place for _, place in found]


def correlations(
    answers: Sequence[Answers], pictures: Pictures, repetitions: int
) -> dict[str, Correlations]:
    """Per score set of the split; with several, `MEAN_OF_SETS` comes first."""
    columns = tuple((each.model, each.condition) for each in answers)
    ratings = np.array([each.ratings for each in answers]).T
    found = {}
    for seed, (name, places) in enumerate(pictures.score_sets.items()):
        table, mos = ratings[places], pictures.mos[places]
        found[name] = Correlations(
            name,
            columns,
            # A seed of its own: replicates of different sets must be independent.
            bootstrap.srcc(table, mos, repetitions=repetitions, seed=seed),
            bootstrap.plcc(table, mos, repetitions=repetitions, seed=seed),
        )
    if len(found) > 1:
        sets = list(found.values())
        return {MEAN_OF_SETS: _mean_of(sets, columns), **found}
    return found


def _mean_of(sets: Sequence[Correlations], columns: tuple[tuple[str, str], ...]) -> Correlations:
    srcc, plcc = (
        Replicates(
            np.mean([each.values for each in parts], axis=0),
            np.mean([each.draws for each in parts], axis=0),
            np.sum([each.n for each in parts], axis=0),
            np.sum([each.n_left_out for each in parts], axis=0),
        )
        for parts in ([each.srcc for each in sets], [each.plcc for each in sets])
    )
    return Correlations(MEAN_OF_SETS, columns, srcc, plcc)


def set_split(split: str, sets: Mapping[str, Correlations], name: str) -> str:
    """The `split` of a record: the split itself, or with a set of several `test/koniq`."""
    return split if len(sets) == 1 or name == MEAN_OF_SETS else f"{split}/{name}"


def correlation_records(sets: Mapping[str, Correlations], split: str) -> list[Record]:
    """PLCC, SRCC and their gap between the conditions, per score set."""
    found = []
    for name, each in sets.items():
        where, how = set_split(split, sets, name), "raw" if name != MEAN_OF_SETS else name
        for metric, replicates in (("plcc", each.plcc), ("srcc", each.srcc)):
            for (model, condition), estimate in zip(
                each.columns, intervals(replicates), strict=True
            ):
                found.append(record(Place(model, condition, where), metric, how, estimate))
        for model, estimate in zip(*each.gap(), strict=True):
            place = Place(model, "image - caption", where)
            found.append(record(place, "srcc_gap", how, estimate))
    return found


def further_records(answers: Sequence[Answers], pictures: Pictures) -> list[Record]:
    """KRCC, RMSE and the fitted PLCC per score set, without intervals."""
    found = []
    several = len(pictures.score_sets) > 1
    for name, places in pictures.score_sets.items():
        where = f"{pictures.split}/{name}" if several else pictures.split
        mos = pictures.mos[places]
        for each in answers:
            place, ratings = Place(each.model, each.condition, where), each.ratings[places]
            rank, error = correlation.krcc(ratings, mos), correlation.rmse(ratings, mos)
            fitted = correlation.logistic4(ratings, mos)
            found += [
                plain(place, "krcc", "raw", rank.value, rank.n, rank.n_left_out),
                plain(place, "rmse", "raw", error.value, error.n, error.n_left_out),
                plain(
                    place, "plcc", "4-parameter logistic", fitted.plcc, fitted.n, fitted.n_left_out
                ),
            ]
    return found


@dataclass(frozen=True)
class PeopleRatings:
    """A person's SRCC with the mean of the others, and each model's on the same subsets."""

    human: Estimate
    models: dict[str, Estimate]
    gap: dict[str, Estimate]


def people_ratings(answers: Sequence[Answers], pictures: Pictures) -> PeopleRatings | None:
    """The ceiling of ratings; None where too few pictures were rated by two people or more."""
    ratings = pictures.human_ratings
    shared = (~np.isnan(ratings)).sum(axis=1) > 1
    image = [each for each in answers if each.condition == "image"]
    if shared.sum() < LEAST_RATERS_SHARED or not image:
        return None
    models = np.array([each.ratings for each in image]).T
    found = rating_ceiling(ratings[shared], models[shared])
    names = [each.model for each in image]
    assert found.models is not None and found.gap is not None  # noqa: S101  (models were given)
    return PeopleRatings(
        intervals(found.human)[0],
        dict(zip(names, intervals(found.models), strict=True)),
        dict(zip(names, intervals(found.gap), strict=True)),
    )


def people_records(each: PeopleRatings | None, split: str) -> list[Record]:
    """The ceiling of ratings as records."""
    if each is None:
        return []
    name, how = "srcc_with_people", "leave_one_out"
    rows = [(PEOPLE, each.human), *each.models.items()]
    return [record(Place(who, "image", split), name, how, value) for who, value in rows]
