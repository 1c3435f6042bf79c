"""What models claim about quality, against what people claim: per picture, and per dimension."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qreasoning.analysis.measure import Measure, Texts, mean_known
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
    """The measures, and every model's comparison with all people of a picture.

    `compared[model][picture]` is None where there is nothing to compare. `per_dimension` has shape
    (dimensions, 2, pictures, models): F1 and contradiction rate; `dimensions` names the first axis.
    """

    measures: tuple[Measure, ...]
    compared: tuple[tuple[claims.Comparison | None, ...], ...]
    dimensions: tuple[str, ...]
    per_dimension: Numbers


Compare = Callable[[str, Sequence[str]], claims.Comparison]


def claim_measures(texts: Texts, compare: Compare) -> Statements:
    """Claim F1, precision, recall, contradiction rate and coverage of every model.

    The floor is the mean over at most `OTHERS` other pictures, spread evenly over their ids.
    """
    pictures = range(len(texts.humans))
    compared = tuple(
        tuple(
            compare(said[place], texts.humans[place])
            if texts.applies[place, model] and texts.humans[place]
            else None
            for place in pictures
        )
        for model, said in enumerate(texts.said)
    )
    values = _table([[_figures(each) for each in column] for column in compared])
    dropped = _dropped(texts, compare)
    others = others_of(texts.explained, OTHERS)
    floor = _table(
        [
            [_wrong(said[place], others[place], texts, compare) for place in pictures]
            for said in texts.said
        ]
    )
    ceiling = np.array([_people(texts.humans[place], compare) for place in pictures])
    fixed = np.array(
        [
            _figures(compare(texts.fixed, humans) if humans and texts.fixed else None)
            for humans in texts.humans
        ]
    )
    measures = tuple(
        Measure(
            name=name,
            label=label,
            higher_is_better=higher,
            values=texts.only(values[..., place]),
            dropped=texts.only(dropped[..., place]),
            floor=texts.only(floor[..., place]),
            fixed=texts.elsewhere(fixed[:, place]),
            ceiling=ceiling[:, place],
        )
        for place, (name, label, _, higher) in enumerate(_FIELDS)
    )
    dimensions = tuple(claims.DIMENSIONS)
    return Statements(measures, compared, dimensions, _per_dimension(compared, dimensions))


def _figures(comparison: claims.Comparison | None) -> tuple[float, ...]:
    if comparison is None:
        return _NOTHING
    return tuple(getattr(comparison, name) for name in _NAMES)


_NOTHING = (float("nan"),) * len(_NAMES)


def _dropped(texts: Texts, compare: Compare) -> Numbers:
    """Every model against all people of a picture but one: (pictures, models, people, figures)."""
    shape = (len(texts.humans), len(texts.said), texts.most_people, len(_NAMES))
    found = np.full(shape, np.nan)
    for picture, humans in enumerate(texts.humans):
        if len(humans) < 2:
            continue
        for person in range(len(humans)):
            others = _without(humans, person)
            for model, said in enumerate(texts.said):
                found[picture, model, person] = _figures(compare(said[picture], others))
    return found


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


def _table(rows: Sequence[Sequence[tuple[float, ...]]]) -> Numbers:
    """(pictures, models, figures)"""
    return np.array(rows, dtype=np.float64).reshape(len(rows), -1, len(_NAMES)).transpose(1, 0, 2)


def _per_dimension(
    compared: Sequence[Sequence[claims.Comparison | None]], dimensions: Sequence[str]
) -> Numbers:
    nothing = (float("nan"), float("nan"))
    found = [
        [
            [
                nothing
                if each is None
                else (each.dimensions[name].f1, each.dimensions[name].contradiction_rate)
                for each in column
            ]
            for column in compared
        ]
        for name in dimensions
    ]
    # (dimensions, models, pictures, 2) to (dimensions, 2, pictures, models)
    return np.array(found, dtype=np.float64).transpose(0, 3, 2, 1)
