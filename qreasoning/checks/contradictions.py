"""Text that contradicts the ratings given: a simple check of English words for the dimensions.

Only what is plain is reported: the best or worst rating beside words of the other end, where none
of this end is used, and not where the words are negated, softened, or about the background. A text
in another language, or about dimensions of another schema, gives no finding.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from qreasoning.records import Annotation

_VERDICTS = (
    "terrible|awful|horrible|unusable|very (?:bad|poor)|(?:bad|poor) quality",
    "excellent|outstanding|superb|flawless|(?:high|great) quality",
)

_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "brightness": (
            r"too (?:dark|bright)|under-?exposed|over-?exposed|blown[- ]out",
            r"well[- ](?:exposed|lit)",
        ),
        "contrast": (
            r"low contrast|washed[- ]out|harsh contrast",
            r"(?:good|strong|rich) contrast",
        ),
        "colorfulness": (
            r"dull colou?rs|faded|desaturated|colou?r cast|washed[- ]out",
            r"vivid|vibrant|natural colou?rs",
        ),
        "sharpness": (r"blurr?(?:y|ed)|unsharp|out of focus|unfocused", r"sharp|crisp|in focus"),
        "noise": (r"noisy|grainy|strong noise|heavy grain", r"noise[- ]free|clean"),
        "artifacts": (
            r"(?:blocking|compression|jpeg) artifacts|blocky|banding|pixelated",
            r"artifact[- ]free",
        ),
        "composition": (
            r"(?:badly|poorly) (?:framed|composed)|careless framing",
            r"well[- ](?:framed|composed|balanced)",
        ),
    }
)
"""By dimension: what says 1 star, and what says 5."""

_SENTENCE = re.compile(r"[.!?;\n]+")
_TURNED = re.compile(
    r"\b(?:not?|never|none|neither|without|hardly|barely|almost|slightly|little|bit|somewhat|"
    r"mildly|less|isn't|aren't|wasn't|doesn't|don't)\b(?:\W+\w+){0,2}\W*$",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(r"\b(?:background|bokeh|could|would|should|if)\b", re.IGNORECASE)


def contradictions(annotation: Annotation) -> list[str]:
    """What the texts of an answer say against its ratings: `noise (5, but 'grainy')`."""
    whole = f"{annotation.caption}\n{annotation.reasoning}"
    found = []
    for name, (bad, good) in _PATTERNS.items():
        stars = annotation.overall if name == "overall" else annotation.ratings.get(name)
        if stars not in (1, 5):
            continue
        text = f"{whole}\n{annotation.notes.get(name) or ''}"
        against, with_it = (bad, good) if stars == 5 else (good, bad)
        word = _said(against, text)
        if word is not None and _said(with_it, text) is None:
            found.append(f"{name} ({stars}, but '{word}')")
    return found


def _said(pattern: re.Pattern[str], text: str) -> str | None:
    if pattern.search(text) is None:
        return None
    for sentence in _SENTENCE.split(text):
        for match in pattern.finditer(sentence):
            if not _TURNED.search(sentence[: match.start()]) and not _ELSEWHERE.search(sentence):
                return match.group().lower()
    return None


_PATTERNS: Mapping[str, tuple[re.Pattern[str], re.Pattern[str]]] = MappingProxyType(
    {
        name: (
            re.compile(rf"\b(?:{bad})\b", re.IGNORECASE),
            re.compile(rf"\b(?:{good})\b", re.IGNORECASE),
        )
        for name, (bad, good) in {**_WORDS, "overall": _VERDICTS}.items()
    }
)
