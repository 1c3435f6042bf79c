"""From a text to its claims."""

from collections.abc import Iterable, Iterator

from qreasoning.metrics.claims.claim import Claim, Context
from qreasoning.metrics.claims.clauses import clauses, sentences
from qreasoning.metrics.claims.echo import Statement, statement
from qreasoning.metrics.claims.grammar import answered, read
from qreasoning.metrics.claims.items import Item
from qreasoning.metrics.claims.lexicon import Lexicon, load_lexicon
from qreasoning.metrics.claims.replies import asks, elided, explained, replied
from qreasoning.metrics.claims.second import SecondTier


def extract(
    text: str, lexicon: Lexicon | None = None, *, second: SecondTier | None = None
) -> tuple[Claim, ...]:
    """The claims that a text makes on the quality of a picture, in the order of its words.

    `lexicon` is the shipped one by default; `second` is asked about sentences on which the lexicon
    is silent, off by default. Raises TypeError for anything but a str.
    """
    lexicon = lexicon or load_lexicon()
    return tuple(claim for _, claims in _sentences(text, lexicon, second) for claim in claims)


def read_text(
    text: str, lexicon: Lexicon | None, second: SecondTier | None
) -> tuple[tuple[Claim, ...], tuple[Statement, ...]]:
    """The claims of a text and its sentences as statements to compare with those of others."""
    lexicon = lexicon or load_lexicon()
    found: list[Claim] = []
    said: list[Statement] = []
    for sentence, claims in _sentences(text, lexicon, second):
        said.append(statement(sentence, lexicon, bool(claims)))
        found += claims
    return tuple(found), tuple(said)


def _sentences(
    text: str, lexicon: Lexicon, second: SecondTier | None
) -> Iterator[tuple[list[Item], list[Claim]]]:
    """Each sentence with its claims; those of a question come with its answer."""
    if not isinstance(text, str):
        raise TypeError(f"a text is a str, not {type(text).__name__}")
    asked: list[Claim] = []
    for sentence in _joined(sentences(text, lexicon)):
        claims = _read(sentence)
        if asked and not claims:
            claims = replied(asked, sentence)
        asked = claims if sentence[-1].kind == "?" else []
        if asks(sentence):
            claims = []
        if second is not None:
            claims = claims + second.claims(text, sentence, claims)
        yield sentence, claims


def _read(sentence: list[Item]) -> list[Claim]:
    context = Context(None, None)
    found: list[Claim] = []
    for clause in clauses(sentence):
        claims, following = read(clause, context)
        if clause.link != ":" and answered(claims, context) and context.bare in found:
            found.remove(context.bare)
        found += claims or elided(clause, found)
        context = following
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
