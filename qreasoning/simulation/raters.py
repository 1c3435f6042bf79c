"""Simulated people who rate pictures: honest ones, and five who do something else.

For trying out how annotators are screened. Every number comes from a seeded generator, and no
simulated rating is ever shown as a human one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qreasoning.simulation.annotators import DIMENSIONS

FIELDS = (*DIMENSIONS, "overall")

Manner = Literal["honest", "random", "straight", "copier", "shifted", "fast"]

PLANTED: tuple[Manner, ...] = ("random", "straight", "copier", "shifted", "fast")


@dataclass(frozen=True)
class Rated:
    """One simulated answer: ratings are 1 to 5, `minute` says when, in the order of the study."""

    image: str
    annotator: str
    ratings: Mapping[str, int]
    seconds: float
    minute: float


@dataclass(frozen=True)
class Study:
    """How a simulated study is laid out."""

    images: int = 60
    per_image: int | None = None
    """Annotators per picture, drawn anew for each; None: everybody."""
    honest: int = 8
    shift: float = -1.5
    """How far the shifted one's scale lies from the others', in stars, before the scale ends."""
    bias: float = 0.25
    """Standard deviation of the honest ones' own bias, in stars."""
    noise: tuple[float, float] = (0.4, 0.8)
    """Standard deviation of an honest rating about what the person sees: from, to."""
    slips: float = 0.1
    """How often the straight-liner and the copier give another star."""


def rate(study: Study, seed: int) -> Iterator[Rated]:
    """The answers of `study.honest` honest people and of one of each of `PLANTED`.

    Annotators are called by their manner: `honest-1`, …, `random`, `straight`, `copier`, `shifted`,
    `fast`. The copier has the pictures of `honest-1` and answers each after them.
    """
    draw = np.random.default_rng([7, seed])
    people = [*(f"honest-{number + 1}" for number in range(study.honest)), *PLANTED]
    quality = draw.normal(3.2, 0.8, (study.images, 1))
    seen = quality + draw.normal(0, 0.6, (study.images, len(DIMENSIONS)))
    seen = np.column_stack([seen, seen.mean(axis=1)])
    assigned = _assigned(study, people, draw)
    honest = {name: _honest(study, seen, draw) for name in people}
    for name in people:
        manner = name.partition("-")[0]
        mine = _shifted(study, seen, draw) if manner == "shifted" else honest[name]
        stars = _manner(manner, study, mine, honest["honest-1"], draw)
        pace = np.exp(draw.normal(np.log(50), 0.35)) if manner != "fast" else 8.0
        start = 10_000.0 if manner == "copier" else draw.uniform(0, 5_000)
        order = draw.permutation(study.images)
        seconds = pace * np.exp(draw.normal(0, 0.5, study.images))
        for place, image in enumerate(order):
            if assigned[name][image]:
                ratings = {each: int(v) for each, v in zip(FIELDS, stars[image], strict=True)}
                when = start + float(place)
                yield Rated(f"{image:04}", name, ratings, round(float(seconds[image]), 1), when)


def _assigned(
    study: Study, people: list[str], draw: np.random.Generator
) -> dict[str, NDArray[np.bool_]]:
    """Which pictures each person has."""
    table: NDArray[np.bool_] = np.ones((study.images, len(people)), dtype=bool)
    if study.per_image is not None:
        ranks = draw.permuted(np.tile(np.arange(len(people)), (study.images, 1)), axis=1)
        table = ranks < study.per_image
    assigned = {name: table[:, number] for number, name in enumerate(people)}
    return {**assigned, "copier": assigned["honest-1"]}


def _honest(
    study: Study, seen: NDArray[np.float64], draw: np.random.Generator, shift: float = 0.0
) -> NDArray[np.float64]:
    """Stars of a person with a bias, a bias in each field, a width of scale and noise."""
    bias = draw.normal(0, study.bias) + draw.normal(0, 0.15, seen.shape[1])
    width = np.exp(draw.normal(0, 0.15))
    noise = draw.normal(0, draw.uniform(*study.noise), seen.shape)
    return np.clip(np.rint((seen - 3) * width + 3 + bias + shift + noise), 1, 5)


def _shifted(
    study: Study, seen: NDArray[np.float64], draw: np.random.Generator
) -> NDArray[np.float64]:
    return _honest(study, seen, draw, study.shift)


def _manner(
    manner: str,
    study: Study,
    own: NDArray[np.float64],
    source: NDArray[np.float64],
    draw: np.random.Generator,
) -> NDArray[np.float64]:
    slip = draw.random(own.shape) < study.slips
    if manner == "random":
        return draw.integers(1, 6, own.shape).astype(float)
    if manner == "straight":
        return np.where(slip, draw.integers(2, 5, own.shape), 3.0)
    if manner == "copier":
        return np.where(slip, own, source)
    return own
