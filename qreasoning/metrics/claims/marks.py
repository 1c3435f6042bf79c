"""Marks given as numbers: `framing 5`, `noise: 2/5`, `content 7/10`."""


def mark(word: str) -> float | None:
    """The value of a mark from 1 to 5, or of one with its scale such as `7/10`."""
    part, _, whole = word.partition("/")
    try:
        stars = float(part) * (5 / float(whole) if whole else 1)
    except (ValueError, ZeroDivisionError):
        return None
    if not 0 < stars <= 5 or (not whole and stars < 1):
        return None
    return 0.0 if 2.5 <= stars <= 3.5 else stars - 3
