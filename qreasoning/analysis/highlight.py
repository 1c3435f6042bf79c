"""A text cut at its claims, so that a page can mark them by polarity."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol


class Spoken(Protocol):
    """What is needed of a claim: its dimension, polarity and characters."""

    @property
    def dimension(self) -> str:
        """The dimension that is spoken of."""

    @property
    def polarity(self) -> int:
        """-1, 0 or 1."""

    @property
    def span(self) -> tuple[int, int]:
        """The first character, and the one behind the last."""


@dataclass(frozen=True)
class Piece:
    """A part of a text; `polarity` is None where nothing is claimed, `dimension` tells of what."""

    text: str
    polarity: int | None = None
    dimension: str = ""


def pieces(text: str, claims: Iterable[Spoken]) -> list[Piece]:
    """The text in pieces that joined give it back; where claims overlap, the shorter one counts."""
    ordered = sorted(claims, key=lambda each: (each.span[1] - each.span[0], each.span[0]))
    cuts = sorted({0, len(text), *(edge for each in ordered for edge in each.span)})
    found: list[tuple[Spoken | None, str]] = []
    for start, stop in pairwise(cuts):
        inside = (each for each in ordered if each.span[0] <= start and stop <= each.span[1])
        claim = next(inside, None)
        if found and found[-1][0] is claim:
            found[-1] = (claim, found[-1][1] + text[start:stop])
        else:
            found.append((claim, text[start:stop]))
    return [
        Piece(part) if claim is None else Piece(part, claim.polarity, claim.dimension)
        for claim, part in found
    ]
