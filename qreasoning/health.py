"""One thing that was looked at, and how it stands: what `qr doctor` is made of."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Check:
    """What was looked at, how it stands, what was found, and what to do."""

    what: str
    """`python`, `annotation/konIQ.yaml`, …"""
    state: State
    """`note`: nothing is wrong, but something that some commands need is not there."""
    found: str
    """A version, a size, or a sentence about what is wrong."""
    remedy: str = ""
    """What to do; empty where there is nothing to do, or where `found` says it."""


def broken(what: str, error: Exception) -> Check:
    """The check of something that could not be looked at, or that an error describes."""
    return Check(what, "problem", str(error) or type(error).__name__)
