"""The same words, denied: contradictions on what the lexicon does not know.

`The lens flares more than before` against `The lens flares less than before` is a contradiction,
whatever flaring is. Two sentences that share most of their words and differ in sign (an odd number
of negations or of words of the other end) contradict each other.
"""

from collections.abc import Iterable
from typing import NamedTuple

from qreasoning.metrics.claims.clauses import Item
from qreasoning.metrics.claims.lexicon import Lexicon

SHARED = 0.5
"""The share of the words of two sentences together that both must have."""

_NEGATIONS = frozenset({"not", "no", "free"})
_EMPTY = frozenset(
    {"det", "be", "and", ",", "prep", "of", "very", "because", "pronoun", "can", "but", "despite"}
    | {".", "!", "?", ";", ":", "\n", "(", ")", "have", "than", "modal", "slightly", "too", "well"}
)


class Statement(NamedTuple):
    """A sentence for comparison: its words of content, its sign, and whether it makes claims."""

    words: frozenset[str]
    sign: int
    claims: bool


def statement(sentence: list[Item], lexicon: Lexicon, claims: bool) -> Statement:
    """The statement of a sentence."""
    sign = 1
    words = set()
    for item in sentence:
        if item.kind in _NEGATIONS:
            sign = -sign
        elif item.kind == "E":
            sign *= _side(item)
        elif item.kind in ("badly", "less"):
            sign = -sign
        elif item.kind not in _EMPTY:
            opposite = lexicon.opposites.get(item.word)
            if opposite is None:
                words.add(lexicon.base(item.word))
            else:
                words.add(opposite[0])
                sign *= opposite[1]
    return Statement(frozenset(words), sign, claims)


def _side(item: Item) -> int:
    term = item.entry.term
    values = [sense.value for sense in term.senses.values() if sense is not None] if term else []
    return -1 if values and values[0] < 0 else 1


def denied(mine: Iterable[Statement], theirs: Iterable[Statement]) -> int:
    """How many sentences of `theirs` a sentence of `mine` repeats with the opposite sign.

    Only where the lexicon is silent on at least one of the two; sentences of one word are left out.
    """
    own = {each for each in mine if len(each.words) > 1}
    found = 0
    for other in {each for each in theirs if len(each.words) > 1}:
        found += any(_contradicts(each, other) for each in own)
    return found


def _contradicts(one: Statement, other: Statement) -> bool:
    if one.sign == other.sign or (one.claims and other.claims):
        return False
    shared = len(one.words & other.words)
    return shared >= 2 and shared >= SHARED * len(one.words | other.words)
