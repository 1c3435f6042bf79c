"""A judge study beside the metrics: do they prefer the chains that people prefer?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qreasoning.analysis.flat import Place, Record, record
from qreasoning.analysis.judge_study import QUESTIONS, Choice, Judged, Study, mean
from qreasoning.analysis.scoring import Score
from qreasoning.metrics.bootstrap import (
    Difference,
    Estimate,
    Replicates,
    counts,
    differences,
    intervals,
    means,
)
from qreasoning.metrics.correlation import srcc

Numbers = NDArray[np.float64]
REPETITIONS = 1_000
"""Replicates of the clustered SRCC, each of which ranks all judged chains anew."""


@dataclass(frozen=True)
class Standings:
    """How people judge the authors: a mean per author over the pictures, and which differ.

    `without` holds, per judge left out, the order of the authors, best first.
    """

    authors: tuple[str, ...]
    estimates: tuple[Estimate, ...]
    pairs: tuple[Difference, ...]
    order: tuple[str, ...]
    without: Mapping[int, tuple[str, ...]]


def author_standings(given: Study, repetitions: int) -> dict[str, Standings]:
    """Standings by `rating` (1 to 5) and by `choice` (share of choices won), those there are."""
    found = {}
    if given.rated:
        found["rating"] = _standings(_ratings_table(given.rated), given.judges, repetitions)
    if given.choices:
        found["choice"] = _standings(_wins_table(given.choices), given.judges, repetitions)
    return found


Table = Callable[[int | None], tuple[tuple[str, ...], Numbers]]
"""Authors and their values (pictures, authors), without one judge or with all (None)."""


def _ratings_table(rated: Sequence[Judged]) -> Table:
    entries = [
        (each.image_id, each.author, judge, value)
        for each in rated
        for judge, value in each.by_judge.items()
    ]
    return lambda left_out: _pivot(entries, left_out)


def _wins_table(choices: Sequence[Choice]) -> Table:
    entries = [
        entry
        for each in choices
        for entry in (
            (each.image_id, each.first, each.judge, each.won),
            (each.image_id, each.second, each.judge, 1 - each.won),
        )
        if each.first != each.second
    ]
    return lambda left_out: _pivot(entries, left_out)


def _pivot(
    entries: Sequence[tuple[str, str, int, float]], left_out: int | None
) -> tuple[tuple[str, ...], Numbers]:
    authors = tuple(sorted({author for _, author, _, _ in entries}))
    pictures = {name: place for place, name in enumerate(sorted({e[0] for e in entries}))}
    total, count = (np.zeros((len(pictures), len(authors))) for _ in range(2))
    for picture, author, judge, value in entries:
        if judge != left_out and not np.isnan(value):
            place = pictures[picture], authors.index(author)
            total[place] += value
            count[place] += 1
    values = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    return authors, values


def _standings(table: Table, judges: int, repetitions: int) -> Standings:
    authors, values = table(None)
    drawn = means(values, repetitions=repetitions)
    return Standings(
        authors=authors,
        estimates=intervals(drawn),
        pairs=differences(drawn),
        order=order(authors, drawn.values),
        without={
            judge: order(authors, _column_means(table(judge)[1])) for judge in range(1, judges + 1)
        },
    )


def order(names: Sequence[str], values: Numbers) -> tuple[str, ...]:
    """Names from the highest value to the lowest; without a value last, ties by name."""
    known = [(-np.inf if np.isnan(value) else value) for value in values]
    return tuple(sorted(names, key=lambda name: (-known[list(names).index(name)], name)))


def _column_means(values: Numbers) -> Numbers:
    return means(values, repetitions=1).values


@dataclass(frozen=True)
class Follows:
    """How far one metric follows people: `pairs` maps a question (or `choice`) to the share of
    pairs of chains of one picture that it orders as people do, 0.5 by chance; `srcc` is over all
    judged chains with the mean of the questions."""

    metric: str
    pairs: Mapping[str, Estimate]
    srcc: Estimate | None


def follows(given: Study, scores: Mapping[str, Score], repetitions: int) -> list[Follows]:
    """Every metric against the judgements of a study."""
    found = []
    for name, score in scores.items():
        values = score([(each.image_id, each.text) for each in given.rated])
        pairs = {
            question: _concordance(_rated_pairs(given.rated, values, question), repetitions)
            for question in QUESTIONS
            if given.rated
        }
        if given.choices:
            pairs["choice"] = _concordance(_chosen_pairs(given.choices, score), repetitions)
        whole = _clustered_srcc(given.rated, values) if given.rated else None
        found.append(Follows(name, pairs, whole))
    return found


Pair = tuple[str, float, float]
"""A picture, by how much the metric prefers the first chain, and by how much people do."""


def _rated_pairs(rated: Sequence[Judged], values: Numbers, question: str) -> list[Pair]:
    by_picture: dict[str, list[tuple[float, float]]] = {}
    for each, value in zip(rated, values, strict=True):
        by_picture.setdefault(each.image_id, []).append((value, each.by_question[question]))
    return [
        (picture, one[0] - other[0], one[1] - other[1])
        for picture, chains in by_picture.items()
        for place, one in enumerate(chains)
        for other in chains[place + 1 :]
    ]


def _chosen_pairs(choices: Sequence[Choice], score: Score) -> list[Pair]:
    first = score([(each.image_id, each.first_text) for each in choices])
    second = score([(each.image_id, each.second_text) for each in choices])
    return [
        (each.image_id, float(gap), each.won - 0.5)
        for each, gap in zip(choices, first - second, strict=True)
    ]


def _concordance(pairs: Sequence[Pair], repetitions: int) -> Estimate:
    """Share of pairs ordered alike, per picture first; a tie of the metric counts half.

    Pairs that people do not tell apart, or that the metric has no value for, say nothing.
    """
    by_picture: dict[str, list[float]] = {picture: [] for picture, _, _ in pairs}
    for picture, metric, people in pairs:
        if people and not np.isnan(metric + people):
            by_picture[picture].append(0.5 + 0.5 * float(np.sign(metric) * np.sign(people)))
    shares = np.array([mean(each) for each in by_picture.values()])
    return intervals(means(shares, repetitions=repetitions))[0]


def _clustered_srcc(rated: Sequence[Judged], values: Numbers) -> Estimate:
    """SRCC over all chains; the pictures are drawn again, with all their chains."""
    judged = np.array([mean([v for v in each.by_question.values() if v == v]) for each in rated])
    names = {name: place for place, name in enumerate(sorted({e.image_id for e in rated}))}
    picture = np.array([names[each.image_id] for each in rated])
    draws = [
        srcc(*(np.repeat(side, times[picture].astype(int)) for side in (values, judged))).value
        for chunk in counts(len(names), REPETITIONS)
        for times in chunk.T
    ]
    whole = srcc(values, judged)
    drawn = Replicates(
        np.array([whole.value]),
        np.array(draws)[:, None],
        np.array([whole.n]),
        np.array([whole.n_left_out]),
    )
    return intervals(drawn)[0]


def judgement_records(
    project: str, standings: Mapping[str, Standings], followed: Sequence[Follows], split: str
) -> list[Record]:
    """How authors stand with the judges of a project, and how far each metric follows them."""
    found = [
        record(Place(author, "image", split), f"judges: {kind}", project, estimate)
        for kind, each in standings.items()
        for author, estimate in zip(each.authors, each.estimates, strict=True)
    ]
    for each in followed:
        place = Place(each.metric, "image", split)
        for question, estimate in each.pairs.items():
            found.append(record(place, f"pairs ordered as judges: {question}", project, estimate))
        if each.srcc is not None:
            found.append(record(place, "srcc with judges", project, each.srcc))
    return found
