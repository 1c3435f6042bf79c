"""Claims: what a text says of the quality of a picture, dimension by dimension."""

from qreasoning.metrics.claims.claim import Claim
from qreasoning.metrics.claims.compare import (
    Comparison,
    DimensionComparison,
    Stance,
    compare,
    stances,
)
from qreasoning.metrics.claims.lexicon import DIMENSIONS, Lexicon, load_lexicon, shipped_version
from qreasoning.metrics.claims.ratings import RatingContradiction, against_ratings
from qreasoning.metrics.claims.reading import extract
from qreasoning.metrics.claims.second import SecondTier, load_second_tier

__all__ = [
    "DIMENSIONS",
    "Claim",
    "Comparison",
    "DimensionComparison",
    "Lexicon",
    "RatingContradiction",
    "SecondTier",
    "Stance",
    "against_ratings",
    "compare",
    "extract",
    "load_lexicon",
    "load_second_tier",
    "shipped_version",
    "stances",
]
