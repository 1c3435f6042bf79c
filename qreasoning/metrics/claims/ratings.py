"""What a text claims against the stars given beside it."""

from collections.abc import Mapping
from typing import NamedTuple

from qreasoning.metrics.claims.claim import Claim
from qreasoning.metrics.claims.compare import stances
from qreasoning.metrics.claims.lexicon import Lexicon
from qreasoning.metrics.claims.reading import extract

PLAIN, STRONG = 1.5, 3.0
"""A claim weaker than `PLAIN` (`slightly soft`, `some grain`) contradicts no rating; 2 and 4 stars
leave room for a flaw or a merit and are contradicted from `STRONG` on (`terribly grainy`)."""


class RatingContradiction(NamedTuple):
    """A dimension whose rating (1 to 5) the text denies, and the words that deny it most."""

    dimension: str
    rating: float
    claim: Claim
    words: str


def against_ratings(
    text: str, ratings: Mapping[str, float | None], lexicon: Lexicon | None = None
) -> tuple[RatingContradiction, ...]:
    """Where a text says the opposite of the stars: 1 or 2 beside praise, 4 or 5 beside blame.

    `ratings` are 1 to 5 by dimension id, `overall` allowed, None or nan where not rated; ids the
    metric does not know are passed over. A dimension of which the text says anything milder
    too is left alone. Raises ValueError for a rating outside 1 to 5.
    """
    claims = extract(text, lexicon)
    said = stances(claims)
    found = []
    for dimension, rating in ratings.items():
        if rating is None or rating != rating:
            continue
        if not 1 <= rating <= 5:
            raise ValueError(f"the rating of {dimension} is {rating}, it must be from 1 to 5")
        side = 1 if rating >= 4 else -1 if rating <= 2 else 0
        if side == 0 or dimension not in said or said[dimension].polarity != -side:
            continue
        denying = max(_of(claims, dimension), key=lambda claim: -side * claim.value)
        least = PLAIN if rating in (1, 5) else STRONG
        if all(-side * claim.value >= least for claim in _of(claims, dimension)):
            words = text[slice(*denying.span)]
            found.append(RatingContradiction(dimension, float(rating), denying, words))
    return tuple(found)


def _of(claims: tuple[Claim, ...], dimension: str) -> list[Claim]:
    return [claim for claim in claims if claim.dimension == dimension]
