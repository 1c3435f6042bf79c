"""Does the order of the models depend on one person who explained the pictures?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from qreasoning.analysis.judgement import order
from qreasoning.analysis.measure import Measure, Numbers
from qreasoning.analysis.pictures import Pictures
from qreasoning.metrics.bootstrap import means


@dataclass(frozen=True)
class Without:
    """The order of the models by one measure, best first, with all people and without each."""

    measure: str
    label: str
    order: tuple[str, ...]
    by_person: Mapping[str, tuple[str, ...]]

    def swapped(self, person: str) -> list[tuple[str, str]]:
        """The pairs of models that change places without a person, the better one first."""
        found = self.by_person[person]
        return [
            (one, other)
            for one, other in combinations(self.order, 2)
            if found.index(one) > found.index(other)
        ]

    @property
    def changed(self) -> tuple[str, ...]:
        """The people without whom the order is another one."""
        return tuple(person for person, found in self.by_person.items() if found != self.order)


def without_each_person(measure: Measure, models: Sequence[str], pictures: Pictures) -> Without:
    """Leave each person's chains out of the references in turn; a picture of theirs alone goes."""
    sign = 1.0 if measure.higher_is_better else -1.0
    return Without(
        measure=measure.name,
        label=measure.label,
        order=order(models, sign * _means(measure.values)),
        by_person={
            person: order(models, sign * _means(_without(measure, person, pictures)))
            for person in pictures.people
        },
    )


def _means(values: Numbers) -> Numbers:
    return means(values, repetitions=1).values


def _without(measure: Measure, person: str, pictures: Pictures) -> Numbers:
    values = np.array(measure.values)
    for place, annotators in enumerate(pictures.annotators):
        if person in annotators:
            values[place] = measure.dropped[place, :, annotators.index(person)]
    return values
