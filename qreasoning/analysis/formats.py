"""How numbers are written on the page."""

import math

from qreasoning.metrics.bootstrap import Estimate

NONE = "–"
_SPACE = "\N{NO-BREAK SPACE}"


def number(value: float | None, digits: int = 3) -> str:
    """A number for a table: `–` where it is undefined or does not apply."""
    if value is None or math.isnan(value):
        return NONE
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", "\N{MINUS SIGN}")


def signed(value: float | None, digits: int = 3) -> str:
    """A difference with its sign."""
    text = number(value, digits)
    plus = value is not None and text != NONE and value > 0 and float(text) != 0
    return f"+{text}" if plus else text


def percent(value: float | None, digits: int = 0) -> str:
    """A share as `71 %`."""
    text = number(None if value is None else 100 * value, digits)
    return text if text == NONE else f"{text}{_SPACE}%"


def interval(estimate: Estimate | None, digits: int = 3) -> str:
    """`[0.61, 0.66]`, empty where there is none."""
    if estimate is None or math.isnan(estimate.low + estimate.high):
        return ""
    return f"[{number(estimate.low, digits)},{_SPACE}{number(estimate.high, digits)}]"


def percents(estimate: Estimate) -> str:
    """An interval as `66 to 76 %`, empty where there is none."""
    if math.isnan(estimate.low + estimate.high):
        return ""
    return f"{number(100 * estimate.low, 0)} to {percent(estimate.high)}"
