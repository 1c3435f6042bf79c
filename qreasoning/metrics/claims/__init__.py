"""Claims: what a text says of the quality of a picture, dimension by dimension."""

from qreasoning.metrics.claims.compare import (
    Comparison,
    DimensionComparison,
    Stance,
    compare,
    stances,
)
from qreasoning.metrics.claims.grammar import Claim
from qreasoning.metrics.claims.lexicon import DIMENSIONS, Lexicon, load_lexicon
from qreasoning.metrics.claims.reading import extract

__all__ = [
    "DIMENSIONS",
    "Claim",
    "Comparison",
    "DimensionComparison",
    "Lexicon",
    "Stance",
    "compare",
    "extract",
    "load_lexicon",
    "stances",
]
