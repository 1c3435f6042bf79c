"""What is said by leaving it out: answers to questions, and `the sky is clean, the wall isn't`."""

from collections.abc import Iterable

from qreasoning.metrics.claims.claim import Claim
from qreasoning.metrics.claims.clauses import Clause
from qreasoning.metrics.claims.entries import Sense
from qreasoning.metrics.claims.grammar import UNSEEN
from qreasoning.metrics.claims.items import Item

SHORT = 6
"""Items of a sentence that can be no more than an answer, its closing mark included."""

_NAY = frozenset(
    {"no", "not", "none", "nowhere", "never", "hardly", "barely", "nothing", "scarcely"}
)
_LEFT = frozenset({"det", "pronoun", "H", "x", "be", "can", "not", "of", "modal", "very", "every"})
_AUXILIARIES = frozenset({"be", "can", "have", "modal", "verb", "not"})


def asks(sentence: list[Item]) -> bool:
    """Whether the sentence is a question that claims nothing itself: `Is there any grain?`."""
    if sentence[-1].kind != "?":
        return False
    return sentence[0].kind in _AUXILIARIES or sentence[0].word in ("does", "do", "did", "any")


def replied(asked: list[Claim], sentence: list[Item]) -> list[Claim] | None:
    """What a question claims with its answer: the opposite with `Hardly.`, itself with `Yes.`."""
    words = {item.word for item in sentence}
    if len(sentence) > SHORT:
        return None
    if words & _NAY or sentence[0].kind in ("no", "not"):
        return [opposite(claim) for claim in asked]
    return list(asked) if "yes" in words else None


def elided(clause: Clause, before: list[Claim]) -> list[Claim]:
    """What `but the mouth isn't` claims: the opposite of the claim before it."""
    items = clause.items
    if not before or len(items) < 2 or items[-1].kind != "not":
        return []
    if items[-2].kind not in ("be", "can", "verb") or any(i.kind not in _LEFT for i in items[:-2]):
        return []
    place = (items[0].start, items[-1].end)
    return [opposite(before[-1])._replace(span=place)]


def excused(clause: Clause, claims: list[Claim], before: list[Claim]) -> list[Claim] | None:
    """The claims before, the last one's flaw made nothing of: `but I can live with it`, `though not
    severe`. None where the clause, which makes `claims`, says something else."""
    if not before or before[-1].polarity > 0:
        return None
    flaw = before[-1]
    if any(claim.dimension not in ("overall", flaw.dimension) for claim in claims):
        return None
    heads = [item.entry.head for item in clause.items if item.entry.head is not None]
    terms = [item.entry.term for item in clause.items if item.entry.term is not None]
    denied = any(item.kind in ("not", "no") for item in clause.items)
    if not terms or any(denied or head.kind != "region" for head in heads):
        return None
    if not (terms[0].excuses if not denied else _slight(terms[0].senses.values())):
        return None
    return [
        claim._replace(polarity=0, value=0.0, mode="")
        if claim.dimension == flaw.dimension and claim.polarity < 0
        else claim
        for claim in before
    ]


def _slight(senses: Iterable[Sense | None]) -> bool:
    """Whether denying a term says that a flaw is small: `not disturbing`, `not terrible`."""
    return any(
        each.kind in ("bother", "much") or (each.kind == "good" and each.value <= -2)
        for each in senses
        if each is not None
    )


def opposite(claim: Claim) -> Claim:
    """The claim denied, on the whole picture."""
    value = -claim.value if abs(claim.value) <= 2 else (-2.0 if claim.value > 0 else 2.0)
    return claim._replace(polarity=-claim.polarity, value=value, mode="", locus="image")


def explained(found: list[Claim]) -> list[Claim]:
    """A sentence's claims: that nothing can be made out counts where no other flaw says why."""
    flawed = any(claim.polarity < 0 and claim.mode != UNSEEN for claim in found)
    seen = [claim for claim in found if claim.mode != UNSEEN or not flawed]
    return [claim._replace(mode="") if claim.mode == UNSEEN else claim for claim in seen]
