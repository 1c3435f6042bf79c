"""The same words, denied: contradictions on what the lexicon does not know.

`The lens flares more than before` against `The lens flares less than before` is a contradiction,
whatever flaring is. Two sentences that share most of their words and differ in sign (an odd number
of negations or of words of the other end) contradict each other.
"""

from collections.abc import Iterable
from typing import NamedTuple

from qreasoning.metrics.claims.items import Item
from qreasoning.metrics.claims.lexicon import Lexicon

SHARED, SHARED_OF_CLAIMS = 0.5, 0.6
"""The share of the words of two sentences together that both must have; where both make claims."""

_NEGATIONS = frozenset({"not", "no", "free"})
_SIDES = frozenset({"good", "much", "seen"})
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
        elif item.kind == "E" and (side := _side(item)):
            sign *= side
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
    """-1 or 1 for a judgement or an amount; 0 for other words, which count by what they say."""
    term = item.entry.term
    for sense in term.senses.values() if term else ():
        if sense is not None and sense.kind in _SIDES and sense.value:
            return -1 if sense.value < 0 else 1
    return 0


def denied(mine: Iterable[Statement], theirs: Iterable[Statement]) -> int:
    """How many sentences of `theirs` a sentence of `mine` repeats with the opposite sign.

    Sentences of one word are left out.
    """
    own = {each for each in mine if len(each.words) > 1}
    found = 0
    for other in {each for each in theirs if len(each.words) > 1}:
        found += any(_contradicts(each, other) for each in own)
    return found


def _contradicts(one: Statement, other: Statement) -> bool:
    if one.sign == other.sign:
        return False
    shared = len(one.words & other.words)
    least = SHARED_OF_CLAIMS if one.claims and other.claims else SHARED
    return shared >= 2 and shared >= least * len(one.words | other.words)
