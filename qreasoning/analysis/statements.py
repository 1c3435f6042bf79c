"""What models claim about quality, against what people claim: per picture, and per dimension."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qreasoning.analysis.measure import Measure, Texts, mean_known
from qreasoning.analysis.processes import in_processes
from qreasoning.metrics import claims

Numbers = NDArray[np.float64]
OTHERS = 4
"""Other pictures that each picture's text is held against for the floor."""

_FIELDS = (
    ("claim_f1", "Claim F1", "f1", True),
    ("claim_precision", "Claim precision", "precision", True),
    ("claim_recall", "Claim recall", "recall", True),
    ("contradiction_rate", "Contradiction rate", "contradiction_rate", False),
    ("claim_coverage", "Texts with a claim", "coverage", True),
)
_NAMES = tuple(field for _, _, field, _ in _FIELDS)


@dataclass(frozen=True)
class Statements:
    """The measures, and what every model's texts say that people contradict.

    `contradicted[model][picture]` names dimensions. `per_dimension` has shape (dimensions, 2,
    pictures, models): F1 and contradiction rate; `dimensions` names the first axis.
    """

    measures: tuple[Measure, ...]
    contradicted: tuple[tuple[tuple[str, ...], ...], ...]
    dimensions: tuple[str, ...]
    per_dimension: Numbers


Compare = Callable[[str, Sequence[str]], claims.Comparison]


class Compared(NamedTuple):
    """What comparing gives for some pictures; the last axis of the arrays holds the figures.

    `dropped` is (pictures, models, people, figures), `per_dimension` (pictures, models, dimensions,
    2) with F1 and contradiction rate.
    """

    values: Numbers
    dropped: Numbers
    floor: Numbers
    fixed: Numbers
    ceiling: Numbers
    per_dimension: Numbers
    contradicted: list[list[tuple[str, ...]]]


def claim_measures(texts: Texts, compare: Compare) -> Statements:
    """Claim F1, precision, recall, contradiction rate and coverage of every model.

    The floor is the mean over at most `OTHERS` other pictures, spread evenly over their ids.
    """
    found = in_processes(partial(_compared, texts, compare), len(texts.humans), _work(texts))
    *arrays, contradicted = zip(*found, strict=True)
    values, dropped, floor, fixed, ceiling, per_dimension = map(np.concatenate, arrays)
    rows = [row for part in contradicted for row in part]
    measures = tuple(
        Measure(
            name=name,
            label=label,
            higher_is_better=higher,
            values=texts.only(values[..., place]),
            dropped=texts.only(dropped[..., place]),
            floor=texts.only(floor[..., place]),
            fixed=texts.elsewhere(fixed[..., place]),
            ceiling=ceiling[..., place],
        )
        for place, (name, label, _, higher) in enumerate(_FIELDS)
    )
    # (pictures, models, dimensions, 2) to (dimensions, 2, pictures, models)
    tables = per_dimension.transpose(2, 3, 0, 1)
    columns = tuple(zip(*rows, strict=True))
    return Statements(measures, columns, tuple(claims.DIMENSIONS), tables)


def _work(texts: Texts) -> int:
    """How many comparisons there are, about."""
    return len(texts.said) * len(texts.humans) * (1 + texts.most_people + OTHERS)


def _compared(texts: Texts, compare: Compare, places: range) -> Compared:
    """Everything about the pictures at `places`."""
    models, most = len(texts.said), texts.most_people
    others = others_of(texts.explained, OTHERS)
    figures = np.full((len(places), models, len(_NAMES)), np.nan)
    dropped = np.full((len(places), models, most, len(_NAMES)), np.nan)
    floor, fixed, ceiling = figures.copy(), figures[:, 0].copy(), figures[:, 0].copy()
    dimensions = np.full((len(places), models, len(claims.DIMENSIONS), 2), np.nan)
    contradicted: list[list[tuple[str, ...]]] = [[()] * models for _ in places]
    for row, place in enumerate(places):
        humans = texts.humans[place]
        if not humans:
            continue
        for model, said in enumerate(each[place] for each in texts.said):
            if not texts.applies[place, model]:
                continue
            whole = compare(said, humans)
            figures[row, model] = _figures(whole)
            dimensions[row, model] = _by_dimension(whole)
            contradicted[row][model] = whole.contradicted
            floor[row, model] = _wrong(said, others[place], texts, compare)
            if len(humans) > 1:
                for person in range(len(humans)):
                    rest = _without(humans, person)
                    dropped[row, model, person] = _figures(compare(said, rest))
        ceiling[row] = _people(humans, compare)
        if texts.fixed:
            fixed[row] = _figures(compare(texts.fixed, humans))
    return Compared(figures, dropped, floor, fixed, ceiling, dimensions, contradicted)


def _by_dimension(whole: claims.Comparison) -> list[tuple[float, float]]:
    each = (whole.dimensions[name] for name in claims.DIMENSIONS)
    return [(dimension.f1, dimension.contradiction_rate) for dimension in each]


def _figures(comparison: claims.Comparison) -> tuple[float, ...]:
    return tuple(getattr(comparison, name) for name in _NAMES)


_NOTHING = (float("nan"),) * len(_NAMES)


def _people(humans: Sequence[str], compare: Compare) -> tuple[float, ...]:
    """The mean over the people of a picture of comparing each with all the others."""
    if len(humans) < 2:
        return _NOTHING
    return _mean(
        [_figures(compare(text, _without(humans, place))) for place, text in enumerate(humans)]
    )


def _wrong(said: str, others: Sequence[int], texts: Texts, compare: Compare) -> tuple[float, ...]:
    """The mean over other pictures; of several people one is left out, as for the ceiling."""
    found = []
    for turn, other in enumerate(others):
        humans = texts.humans[other]
        references = _without(humans, turn % len(humans)) if len(humans) > 1 else humans
        found.append(_figures(compare(said, references)))
    return _mean(found) if found else _NOTHING


def _without(humans: Sequence[str], place: int) -> tuple[str, ...]:
    return (*humans[:place], *humans[place + 1 :])


def _mean(rows: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    return tuple(mean_known(np.array(rows).T).tolist())


def others_of(explained: NDArray[np.bool_], most: int) -> list[list[int]]:
    """Per explained picture the places of at most `most` others, spread evenly over their ids."""
    there = np.flatnonzero(explained)
    size = len(there)
    count = min(most, size - 1)
    steps = [1 + (step * (size - 1)) // count for step in range(count)] if count > 0 else []
    found: list[list[int]] = [[] for _ in explained]
    for rank, place in enumerate(there):
        found[place] = [int(there[(rank + step) % size]) for step in steps]
    return found
