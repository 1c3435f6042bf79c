"""The claim, and what a clause takes over from the one before it."""

from typing import NamedTuple

from qreasoning.metrics.claims.lexicon import Head


class Claim(NamedTuple):
    """One thing that a text says of the quality of a picture.

    `dimension` is one of the eight or `overall`; `polarity` is -1 (bad), 0 (average, or no defect)
    or 1 (good: 5 stars are good in every dimension, so `noisy` is -1); `value` from -3 to 3 is its
    strength with the same sign; `locus` is `image`, `subject` or `background`; `mode` parts
    opposite errors of one sign (`under`, `over`); `span` is the place of the words in the text;
    `tier` is 1 for the lexicon, 2 for the learned tier.
    """

    dimension: str
    polarity: int
    value: float
    locus: str
    mode: str
    span: tuple[int, int]
    tier: int = 1


class Context(NamedTuple):
    """What a clause takes over from those before it in its sentence."""

    subject: Head | None
    bare: Claim | None
