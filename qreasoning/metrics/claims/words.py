"""Words: cutting a text into tokens with their places, and the inflected forms of a word."""

import re
from collections.abc import Iterator

_NO_WORD = r"|\d+(?:[.,/]\d+)*|\n|\.{2,}|(?<=\s)[-–—]+(?=\s)|—|[.!?;:,()…&+]"
TOKEN = re.compile(
    r"[Cc]an(?=not\b)|[^\W\d_]+?(?=n['’]t\b|['’]s\b)|n['’]t\b|['’]s\b|[^\W\d_]+(?:['’][^\W\d_]+)?"
    + _NO_WORD
)
# The same for texts without an apostrophe, and much faster.
PLAIN_TOKEN = re.compile(r"[Cc]an(?=not\b)|[^\W\d_]+" + _NO_WORD)

_IRREGULAR = {
    "lose": "lost losing loses",
    "hide": "hid hidden hides hiding",
    "steal": "stole stolen steals stealing",
    "eat": "ate eaten eats eating",
    "see": "saw seen sees seeing",
    "hold": "held holds holding",
    "keep": "kept keeps keeping",
    "find": "found finds finding",
    "show": "showed shown shows showing",
    "hurt": "hurts hurting",
    "read": "reads reading",
    "strip": "stripped strips stripping",
    "rob": "robbed robs robbing",
    "mar": "marred mars marring",
    "spot": "spotted spots spotting",
    "spoil": "spoiled spoilt spoils spoiling",
    "get": "gets got getting gotten",
    "become": "becomes became becoming",
    "feel": "feels felt feeling",
    "stand": "stands stood standing",
    "draw": "draws drew drawn drawing",
    "sit": "sits sat sitting",
    "lead": "leads led leading",
    "do": "does did done doing",
    "say": "says said saying",
    "think": "thinks thought thinking",
    "win": "wins won winning",
    "run": "runs ran running",
    "begin": "begins began beginning",
    "lie": "lies lay lying",
    "spread": "spreads spreading",
    "hang": "hangs hung hanging",
    "overwhelm": "overwhelms overwhelmed overwhelming",
    "vanish": "vanishes vanished vanishing",
    "freeze": "freezes froze frozen freezing",
}

_PLURAL_ONLY_OTHERWISE = {"leaf": "leaves", "person": "people", "man": "men", "woman": "women"}


def tokens(text: str) -> Iterator[tuple[str, int, int]]:
    """Each token in lower case with its place in the text, in linear time."""
    for match in _pattern(text).finditer(text):
        start, end = match.span()
        yield _lower(match.group()), start, end


def distinct(text: str) -> set[str]:
    """The different tokens of a text in lower case."""
    return {_lower(token) for token in set(_pattern(text).findall(text))}


def _pattern(text: str) -> re.Pattern[str]:
    return TOKEN if "'" in text or "’" in text else PLAIN_TOKEN


def _lower(token: str) -> str:
    return token.lower().replace("’", "'")


def plural(noun: str) -> str:
    """The regular plural of a noun; of a phrase, that of its last word."""
    head, _, last = noun.rpartition(" ")
    if last in _PLURAL_ONLY_OTHERWISE:
        last = _PLURAL_ONLY_OTHERWISE[last]
    elif last.endswith(("s", "x", "ch", "sh", "z")):
        last += "es"
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        last = last[:-1] + "ies"
    else:
        last += "s"
    return f"{head} {last}".strip()


def adjective_forms(word: str) -> dict[str, str]:
    """Comparative (`er`), superlative (`est`) and adverb (`ly`) of an adjective, made by rule."""
    if word.endswith("y"):
        stem, adverb = word[:-1] + "i", word[:-1] + "ily"
    elif word.endswith("le"):
        stem, adverb = word[:-1], word[:-1] + "y"
    elif word.endswith("e"):
        stem, adverb = word[:-1], word + "ly"
    else:
        stem = word + word[-1] if _doubles(word) else word
        adverb = word + ("ally" if word.endswith("ic") else "ly")
    return {stem + "er": "er", stem + "est": "est", adverb: "ly"}


def verb_forms(word: str) -> dict[str, str]:
    """Third person (`s`), past (`ed`) and participle (`ing`) of a verb or a phrase's first word."""
    first, _, rest = word.partition(" ")
    if first in _IRREGULAR:
        forms = {form: _form_name(form) for form in _IRREGULAR[first].split()}
    else:
        stem = first[:-1] if first.endswith("e") else first
        past = first[:-1] + "i" if first.endswith("y") and first[-2:-1] not in "aeiou" else stem
        double = stem[-1] if _doubles(stem) and stem == first else ""
        forms = {plural(first): "s", past + double + "ed": "ed", stem + double + "ing": "ing"}
    return {f"{form} {rest}".strip(): name for form, name in forms.items()}


def _form_name(form: str) -> str:
    return "ing" if form.endswith("ing") else "s" if form.endswith("s") else "ed"


def _doubles(word: str) -> bool:
    ends = re.fullmatch(r"[^aeiou]*[aeiou][bdgmnprt]", word)
    return ends is not None and len(word) > 2
