"""Text that contradicts the ratings given, as the claim metric reads it.

Only what is plain is reported: 4 or 5 stars beside blame, 1 or 2 beside praise, where the text says
nothing of this end, and not what would be or could be. A text in another language, or about
dimensions of another schema, gives no finding.
"""

import re
from functools import cache

from qreasoning.metrics.claims import against_ratings, load_lexicon
from qreasoning.records import Annotation

_SUPPOSED = re.compile(r"\b(?:could|would|should|if)\b[^.!?;\n]*$", re.IGNORECASE)


def contradictions(annotation: Annotation) -> list[str]:
    """What the texts of an answer say against its ratings: `noise (5, but 'grainy')`."""
    notes = (note for note in annotation.notes.values() if note)
    text = "\n".join((annotation.caption, annotation.reasoning, *notes))
    given = {**annotation.ratings, "overall": annotation.overall}
    possible = {name: stars for name, stars in given.items() if stars and 1 <= stars <= 5}
    return [
        f"{each.dimension} ({each.rating:.0f}, but '{each.words.lower()}')"
        for each in against_ratings(text, possible)
        if not _SUPPOSED.search(text[: each.claim.span[0]])
    ]


@cache
def text_rule() -> str:
    """The version of this rule: findings of another version are not taken over."""
    return f"claims {load_lexicon().version}"
