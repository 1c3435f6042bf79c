"""The items of a text: its words and phrases, each with its entry in the lexicon."""

from typing import NamedTuple

from qreasoning.metrics.claims.entries import Entry

UNKNOWN = Entry("x", None, None, "", "")


class Item(NamedTuple):
    """A word or phrase of a text: its entry, its place and its lower-case words."""

    entry: Entry
    kind: str
    start: int
    end: int
    word: str
