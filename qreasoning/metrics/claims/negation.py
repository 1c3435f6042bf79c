"""Negation: which items of a clause a negating word covers.

`not` covers what follows up to a comma, `no`, `without`, `free of` and `lack of` their noun phrase
with its list, up to the verb; `free` after a noun (`noise-free`) that noun.
"""

from qreasoning.metrics.claims.clauses import is_finite
from qreasoning.metrics.claims.frame import Frame
from qreasoning.metrics.claims.items import Item

_WHOLE = frozenset({"nothing", "none", "none of", "nobody", "neither"})
_NEGATIVES = ("no ", "not ", "without ", "zero ", "nothing", "never ")


class Negation:
    """The scopes of a clause's negating words: (operator, first, end) as indices of items."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.scopes = self._find()

    def _find(self) -> list[tuple[int, int, int]]:
        """(operator, first, end): which items a negation covers."""
        found: list[tuple[int, int, int]] = []
        for i, kind in enumerate(self.frame.kinds):
            if self.frame.items[i].word == "nor" and found:
                continue
            if kind == "not":
                found.append((i, i + 1, self._end_of_not(i)))
            elif (
                kind == "no"
                and i + 1 == len(self.frame.items)
                and self.frame.items[i].word == "none"
            ):
                if not found:  # `no grain either, none at all`
                    found.append((i, 0, i))
            elif kind == "no" and not self._wished_away(i):
                found.append((i, i + 1, self._end_of_no(i)))
            elif kind == "free" and i > 0 and self.frame.kinds[i - 1] == "H":
                found.append((i, i - 1, i))
            elif kind == "x" and self.frame.items[i].word == "to" and "too" in self.frame.kinds[:i]:
                found.append((i, i + 1, len(self.frame.items)))
        return found

    def _wished_away(self, i: int) -> bool:
        """Whether `without the noise` stands beside what would be, so that the noise is there."""
        following = self.frame.items[i + 1 : i + 2]
        definite = bool(following) and following[0].word in ("the", "that", "those", "this")
        return definite and self.frame.items[i].word == "without" and "modal" in self.frame.kinds

    def _end_of_not(self, i: int) -> int:
        for j in range(i + 1, len(self.frame.items)):
            if self.frame.kinds[j] == "," and not self._alternatives(j):
                return j
            if self.frame.kinds[j] == "not" and self._again(i, j):
                return j
            if self.frame.items[j].word == "for" and "E" in self.frame.kinds[i:j]:
                return j  # `hardly visible for lack of light`
        return len(self.frame.items)

    def _again(self, i: int, j: int) -> bool:
        """Whether the `not` at `j` denies something else: `not orange and not pale`."""
        return "E" in self.frame.kinds[i:j] or self.frame.kinds[j - 1] in ("and", ",")

    def _alternatives(self, j: int) -> bool:
        """Whether an `or` follows, so that a list goes on at the comma."""
        for item in self.frame.items[j + 1 :]:
            if item.word in ("or", "nor"):
                return True
            if is_finite(item):
                return False
        return False

    def _end_of_no(self, i: int) -> int:
        item = self.frame.items[i]
        if item.word in _WHOLE:
            return self._end_of_whole(i)
        following = self.frame.items[i + 1] if i + 1 < len(self.frame.items) else None
        if following is not None and following.word.endswith("ing") and is_finite(following):
            return len(self.frame.items)
        for j in range(i + 1, len(self.frame.items)):
            kind = self.frame.kinds[j]
            if is_finite(self.frame.items[j]) or kind in ("not", "no"):
                return j
            if kind == "E" and self.frame.items[j].word.startswith(_NEGATIVES):
                return j
            if kind == "," and not self._listed(j, item):
                return j
            # `no noise or banding in the sky`
            listed = self.frame.items[j - 1].word in ("or", "nor")
            if (
                kind == "E"
                and not listed
                and self._after_head(j, i)
                and self.frame.forward(j) is None
            ):
                return j
            if kind in ("and", ",") and self.frame.items[j].word != "or" and self._turns(j, item):
                return j
            if kind == "prep":
                return j
        return len(self.frame.items)

    def _end_of_whole(self, i: int) -> int:
        """`nothing wrong with the light, not too dark` denies both, each by itself."""
        kinds = self.frame.kinds
        for j in range(i + 2, len(kinds)):
            if kinds[j] in ("not", "no") and kinds[j - 1] == "," and "E" in kinds[i:j]:
                return j
        return len(kinds)

    def _listed(self, j: int, operator: Item) -> bool:
        """Whether the list of what is not there goes on after the comma at `j`."""
        following = self.frame.kinds[j + 1] if j + 1 < len(self.frame.items) else ""
        if following == "H" and self.frame.judged_after(j + 1):
            return self.frame.head(j + 1).kind == "defect"  # `no grain, colors natural`
        if operator.word.startswith("lack"):
            return following in ("H", "E", "and")
        return following in ("H", "and") or self._alternatives(j)

    def _after_head(self, j: int, i: int) -> bool:
        return any(kind == "H" for kind in self.frame.kinds[i:j])

    def _turns(self, j: int, operator: Item) -> bool:
        """Whether after `no noise and` something wanted follows, so that the negation has ended."""
        if operator.word.startswith(("lack", "los")):
            return False
        following = self.frame.items[j + 1] if j + 1 < len(self.frame.items) else None
        if following is None or following.kind not in ("E", "well"):
            return False
        target = self.frame.forward(j + 1)
        return target is None or self.frame.head(target).kind != "defect"

    def operators(self, i: int, j: int) -> list[int]:
        """The negations whose scope covers the term, or else its head."""
        own = [k for k, first, end in self.scopes if first <= i < end]
        if own or j < 0 or self.frame.items[i].word.startswith(_NEGATIVES):
            return own  # `no person, nothing that holds my attention`
        return [k for k, first, end in self.scopes if first <= j < end and self._belongs(k, i, j)]

    def _belongs(self, k: int, i: int, j: int) -> bool:
        return self.frame.kinds[k] != "free" or abs(i - j) < 3
