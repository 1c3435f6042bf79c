"""The words of a text in any script, and which script it is written in."""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

Script = Literal[
    "Latin",
    "Cyrillic",
    "Greek",
    "Han",
    "Japanese",
    "Hangul",
    "Arabic",
    "Hebrew",
    "Devanagari",
    "Bengali",
    "Thai",
]

_LETTERS: Mapping[Script, tuple[str, ...]] = MappingProxyType(
    {
        "Latin": ("LATIN", "FULLWIDTH LATIN"),
        "Cyrillic": ("CYRILLIC",),
        "Greek": ("GREEK",),
        "Han": ("CJK",),
        "Japanese": ("CJK", "HIRAGANA", "KATAKANA"),
        "Hangul": ("HANGUL",),
        "Arabic": ("ARABIC",),
        "Hebrew": ("HEBREW",),
        "Devanagari": ("DEVANAGARI",),
        "Bengali": ("BENGALI",),
        "Thai": ("THAI",),
    }
)
"""How the Unicode names of a script's letters begin."""

_UNSPACED = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_PIECE = re.compile(f"[{_UNSPACED}]|[^\\s{_UNSPACED}]+")
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Characters that count as letters or symbols and show nothing."""


def words(text: str) -> list[str]:
    """The words of a text: what stands between white space and is not punctuation alone. In scripts
    without spaces (Chinese, Japanese, Thai) each character counts as a word.
    """
    return [piece for piece in _PIECE.findall(text) if any(map(str.isalnum, piece))]


def is_blank(text: str) -> bool:
    """Whether a text shows nothing: white space, control and zero-width characters only."""
    return all(_shows_nothing(character) for character in text)


def share_written_in(text: str, script: Script) -> float:
    """The share of a text's letters that belong to a script, 0 to 1; 0 where it has no letters."""
    letters = [character for character in text if character.isalpha()]
    if not letters:
        return 0.0
    return sum(_is_of(character, script) for character in letters) / len(letters)


@lru_cache(maxsize=4096)
def _shows_nothing(character: str) -> bool:
    return character in _BLANK or unicodedata.category(character)[0] in "ZC"


@lru_cache(maxsize=4096)
def _is_of(character: str, script: Script) -> bool:
    return unicodedata.name(character, "").startswith(_LETTERS[script])
