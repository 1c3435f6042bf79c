"""Text that contradicts the ratings given, as the claim metric reads it.

Only what is plain is reported: the best or worst rating beside claims of the other end, where the
text says nothing milder of the dimension, and not what is supposed or about the background. A text
in another language, or about dimensions of another schema, gives no finding.
"""

import re

from qreasoning.metrics.claims import against_ratings, shipped_version
from qreasoning.records import Annotation

_SUPPOSED = re.compile(r"\b(?:could|would|should|if)\b[^.!?;\n]*$", re.IGNORECASE)


def contradictions(annotation: Annotation) -> list[str]:
    """What the texts of an answer say against its ratings: `noise (5, but 'grainy')`."""
    given = {**annotation.ratings, "overall": annotation.overall}
    extreme = {name: stars for name, stars in given.items() if stars in (1, 5)}
    if not extreme:
        return []
    notes = (note for note in annotation.notes.values() if note)
    text = "\n".join((annotation.caption, annotation.reasoning, *notes))
    return [
        f"{each.dimension} ({each.rating:.0f}, but '{each.words.lower()}')"
        for each in against_ratings(text, extreme)
        if each.claim.locus != "background" and not _SUPPOSED.search(text[: each.claim.span[0]])
    ]


def text_rule() -> str:
    """The version of this rule: findings of another version are not taken over."""
    return f"claims {shipped_version()}"
