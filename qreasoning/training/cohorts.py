"""Rewards that compare pictures: each completion against the other pictures of its batch.

Pictures are compared only within one score set, so several sets train together without being
realigned. A picture of which fewer than two ratings can be read has no variance, so it is compared
with nobody and nobody with it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, variance

EPSILON = 1e-6
"""What keeps the roots of the rank reward and its division finite (VisualQuality-R1)."""


@dataclass(frozen=True)
class Rated:
    """One completion: its picture, that picture's score (None: no MOS), and the rating it gave.

    `mos` and `rating` are on [1, 5]; `rating` is None where it cannot be read. `deviation` is the
    standard deviation of the picture's human scores on that scale, None where it is unknown.
    """

    image_id: str
    mos_set: str | None
    mos: float | None
    rating: float | None
    deviation: float | None = None


@dataclass(frozen=True)
class _Picture:
    mos_set: str | None
    mos: float
    deviation: float | None
    mean: float
    variance: float


Comparison = Callable[[float, _Picture, _Picture], float]
"""The reward of one rating of the first picture against the second picture."""


def score_rank(rated: Sequence[Rated]) -> list[float | None]:
    """Mean fidelity of "this picture is better than that one" over the other pictures.

    For completion k of picture i: the mean over j ≠ i of √(p·p* + ε) + √((1 − p)(1 − p*) + ε) with
    p = Φ((q_ik − mean_k q_j) / √(var_k q_i + var_k q_j + ε)), unbiased variances, ε = 1e-6, and
    p* = 1, ½ or 0 as the MOS of i is above, equal to or below that of j. In [√ε, 1 + √ε], nearly.
    None without a MOS or without a picture to compare with, 0 for an unreadable rating.
    Source: VisualQuality-R1 (arXiv 2505.14460), Thurstone model and fidelity measure.
    """
    return _score(rated, _fidelity)


def score_margin(rated: Sequence[Rated], tau: float | None = 1.0) -> list[float | None]:
    """How well the distances to the other pictures' ratings are those of the MOS.

    For completion k of picture i: the mean over j ≠ i of exp(−½z²) with
    z = ((q_ik − mean_k q_j) − (s_i − s_j)) / τ; `tau` None is √(σ_i² + σ_j²) of the human scores.
    In [0, 1]. None without a MOS, a picture to compare with or, where it is asked for, a deviation
    of the human scores; 0 for an unreadable rating. Source: MR-IQA (arXiv 2606.29760).
    """
    if tau is None:
        rated = [each if each.deviation else _without_mos(each) for each in rated]

    def closeness(rating: float, own: _Picture, other: _Picture) -> float:
        width = tau or math.hypot(own.deviation or 0.0, other.deviation or 0.0)
        z = ((rating - other.mean) - (own.mos - other.mos)) / width
        return math.exp(-0.5 * z * z)

    return _score(rated, closeness)


def _without_mos(rated: Rated) -> Rated:
    return Rated(rated.image_id, rated.mos_set, None, rated.rating)


def _fidelity(rating: float, own: _Picture, other: _Picture) -> float:
    spread = math.sqrt(own.variance + other.variance + EPSILON)
    p = 0.5 * (1 + math.erf((rating - other.mean) / spread / math.sqrt(2)))
    above = 0.5 * (1 + (own.mos > other.mos) - (own.mos < other.mos))
    return math.sqrt(p * above + EPSILON) + math.sqrt((1 - p) * (1 - above) + EPSILON)


def _score(rated: Sequence[Rated], compare: Comparison) -> list[float | None]:
    pictures = _pictures(rated)
    return [_one(each, pictures, compare) for each in rated]


def _one(rated: Rated, pictures: dict[str, _Picture], compare: Comparison) -> float | None:
    if rated.mos is None:
        return None
    if rated.rating is None:
        return 0.0
    own = pictures.get(rated.image_id)
    others = [
        each
        for image_id, each in pictures.items()
        if image_id != rated.image_id and each.mos_set == rated.mos_set
    ]
    if own is None or not others:
        return None
    return fmean(compare(rated.rating, own, other) for other in others)


def _pictures(rated: Sequence[Rated]) -> dict[str, _Picture]:
    """The pictures that can be compared, by id."""
    groups: dict[str, list[Rated]] = {}
    for each in rated:
        groups.setdefault(each.image_id, []).append(each)
    found = {}
    for image_id, group in groups.items():
        ratings = [each.rating for each in group if each.rating is not None]
        mos = group[0].mos
        if mos is not None and len(ratings) > 1:
            found[image_id] = _Picture(
                group[0].mos_set, mos, group[0].deviation, fmean(ratings), variance(ratings)
            )
    return found
