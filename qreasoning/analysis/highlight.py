"""A text cut at its claims, so that a page can mark them by polarity."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
    """A part of a text; `polarity` is None where nothing is claimed, `dimensions` tells of what."""

    text: str
    polarity: int | None = None
    dimensions: str = ""


def pieces(text: str, claims: Iterable[Spoken]) -> list[Piece]:
    """The text in pieces that joined give it back; claims that overlap are one piece.

    A piece of claims with different polarities is 0, mixed.
    """
    found: list[Piece] = []
    end = 0
    for group in _groups(sorted(claims, key=lambda each: (each.span[0], -each.span[1]))):
        start, stop = group[0].span[0], max(each.span[1] for each in group)
        if start > end:
            found.append(Piece(text[end:start]))
        signs = {each.polarity for each in group}
        names = ", ".join(dict.fromkeys(each.dimension for each in group))
        found.append(Piece(text[start:stop], signs.pop() if len(signs) == 1 else 0, names))
        end = stop
    return [*found, Piece(text[end:])] if end < len(text) or not found else found


def _groups(claims: Sequence[Spoken]) -> list[list[Spoken]]:
    groups: list[list[Spoken]] = []
    reach = -1
    for each in claims:
        if groups and each.span[0] < reach:
            groups[-1].append(each)
        else:
            groups.append([each])
        reach = max(reach, each.span[1])
    return groups
