"""Words of scenes: a stripe is an artifact on the picture and none on a blanket.

What the lexicon lists `beside: picture` is read in sentences that speak of the picture: that judge,
name another quality, the lens or the screen, or have somebody look.
"""

from qreasoning.metrics.claims.items import UNKNOWN, Item

_LOOKED_AT = frozenset({"i", "me", "my", "you", "your", "lens", "sensor", "screen", "monitor"})
_QUALITIES = frozenset({"good", "defect", "neutral"})


def of_picture(sentence: list[Item]) -> list[Item]:
    """The sentence, with words of scenes unknown where nothing in it speaks of the picture."""
    if not any(item.entry.beside == "picture" for item in sentence):
        return sentence
    if any(_speaks_of_picture(sentence, place) for place in range(len(sentence))):
        return sentence
    return [
        item._replace(entry=UNKNOWN, kind="x") if item.entry.beside == "picture" else item
        for item in sentence
    ]


def _speaks_of_picture(sentence: list[Item], place: int) -> bool:
    item = sentence[place]
    if item.word in _LOOKED_AT:
        return True
    head, term = item.entry.head, item.entry.term
    if item.entry.beside:
        return item.entry.beside == "likeness"
    if head is not None and head.name == "image":
        # `Dirt all over the picture`, and not `a picture of dirt`.
        return any(each.entry.beside for each in sentence[:place])
    if head is not None:
        return head.kind in _QUALITIES
    return term is not None and term.generic is not None
