"""Cells of CSV files that people open in a spreadsheet."""

from typing import Any

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def literal(value: Any) -> Any:
    """`value`; a text that a spreadsheet would calculate, with a ' before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
