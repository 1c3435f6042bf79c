"""From a text to its claims."""

from collections.abc import Iterable, Iterator

from qreasoning.metrics.claims.claim import Claim, Context
from qreasoning.metrics.claims.clauses import claims_with, clauses, may_claim, sentences
from qreasoning.metrics.claims.echo import Statement, statement
from qreasoning.metrics.claims.grammar import answered, read
from qreasoning.metrics.claims.items import Item
from qreasoning.metrics.claims.lexicon import Lexicon, load_lexicon
from qreasoning.metrics.claims.replies import asks, elided, excused, explained, replied
from qreasoning.metrics.claims.second import SecondTier


def extract(
    text: str, lexicon: Lexicon | None = None, *, second: SecondTier | None = None
) -> tuple[Claim, ...]:
    """The claims that a text makes on the quality of a picture, in the order of its words.

    `lexicon` is the shipped one by default; `second` is asked about dimensions on which the lexicon
    is silent, off by default. Raises TypeError for anything but a str.
    """
    lexicon = lexicon or load_lexicon()
    if second is None and isinstance(text, str) and not may_claim(text, lexicon):
        return ()
    read = list(_sentences(text, lexicon))
    found = [claim for _, claims in read for claim in claims]
    if second is not None:
        found = _with_second(text, read, found, second)
    return tuple(found)


def read_text(
    text: str, lexicon: Lexicon | None, second: SecondTier | None
) -> tuple[tuple[Claim, ...], tuple[Statement, ...]]:
    """The claims of a text and its sentences as statements to compare with those of others."""
    lexicon = lexicon or load_lexicon()
    read = list(_sentences(text, lexicon))
    found = [claim for _, claims in read for claim in claims]
    if second is not None:
        found = _with_second(text, read, found, second)
    said = (statement(sentence, lexicon, bool(claims)) for sentence, claims in read)
    return tuple(found), tuple(said)


_Read = tuple[list[Item], list[Claim]]


def _with_second(
    text: str, read: list[_Read], found: list[Claim], second: SecondTier
) -> list[Claim]:
    more = second.claims(text, [sentence for sentence, _ in read], found)
    return sorted(found + more, key=lambda claim: claim.span)


def _sentences(text: str, lexicon: Lexicon) -> Iterator[_Read]:
    """Each sentence with its claims; those of a question come with its answer."""
    if not isinstance(text, str):
        raise TypeError(f"a text is a str, not {type(text).__name__}")
    asked: tuple[list[Item], list[Claim]] | None = None
    for sentence in _joined(sentences(text, lexicon)):
        claims = _read(sentence)
        if asked is not None:
            question, meant = asked
            answer = None if claims else replied(meant, sentence)
            yield question, answer if answer is not None else [] if asks(question) else meant
            asked = None
        if sentence[-1].kind == "?":
            asked = sentence, claims
            continue
        yield sentence, claims
    if asked is not None:
        yield asked[0], [] if asks(asked[0]) else asked[1]


def _read(sentence: list[Item]) -> list[Claim]:
    if not any(claims_with(item.entry) for item in sentence):
        return []
    context = Context(None, None)
    found: list[Claim] = []
    for clause in clauses(sentence):
        claims, following = read(clause, context)
        context, before = following, context
        harmless = excused(clause, claims, found)
        if harmless is not None:
            found = harmless
            continue
        if clause.link != ":" and answered(claims, before) and before.bare in found:
            found.remove(before.bare)
        found += claims or elided(clause, found)
    return explained(found)


def _joined(found: Iterable[list[Item]]) -> Iterator[list[Item]]:
    """The sentences, a question of one word and its answer (`Noise? Hardly any.`) as one."""
    asked: list[Item] = []
    for sentence in found:
        if len(sentence) == 2 and sentence[0].kind == "H" and sentence[1].kind == "?" and not asked:
            asked = sentence[:1]
            continue
        yield asked + sentence
        asked = []
    if asked:
        yield asked
