"""From a text to its claims."""

from qreasoning.metrics.claims.clauses import clauses, sentences
from qreasoning.metrics.claims.grammar import Claim, Context, read
from qreasoning.metrics.claims.lexicon import Lexicon, load_lexicon
from qreasoning.metrics.claims.second import SecondTier


def extract(
    text: str, lexicon: Lexicon | None = None, *, second: SecondTier | None = None
) -> tuple[Claim, ...]:
    """The claims that a text makes on the quality of a picture, in the order of its words.

    `lexicon` is the shipped one by default; `second` is asked about clauses on which the lexicon is
    silent, off by default. Raises TypeError for anything but a str.
    """
    if not isinstance(text, str):
        raise TypeError(f"extract reads a str, not {type(text).__name__}")
    lexicon = lexicon or load_lexicon()
    found: list[Claim] = []
    for sentence in sentences(text, lexicon):
        context = Context(None, False)
        for clause in clauses(sentence):
            claims, context = read(clause, context)
            found += claims
            if second is not None and not claims:
                found += second.claims(text, clause)
    return tuple(found)
