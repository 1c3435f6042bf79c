"""What amounts and the presence of a thing come to: little noise is good, little detail is bad."""

from qreasoning.metrics.claims.claim import Claim
from qreasoning.metrics.claims.entries import Head, Sense
from qreasoning.metrics.claims.frame import Frame
from qreasoning.metrics.claims.negation import Negation

Said = list[tuple[int, Sense]]
"""The terms of amount and presence that speak of a head, with their places."""


class Presence:
    """The heads of a clause that are said to be there or not, and how much of them.

    `bare` is the last defect that was only named, which a following clause may judge.
    """

    def __init__(self, frame: Frame, negation: Negation) -> None:
        self.frame = frame
        self.negation = negation
        self.bare: Claim | None = None

    def claim(self, j: int, said: Said) -> Claim | None:
        """What the amounts and the presence of the head at `j` claim, if anything."""
        head = self.frame.head(j)
        if self._only_general(j, head):
            return None
        for i, sense in said:
            operators = self.negation.operators(i, j)
            if sense.kind == "bother" and len(self.negation.operators(i, -1)) % 2:
                return self.frame.claim(head.dimension or "overall", 0, "image", "", i, j)
            if self._too_much(i, sense):
                return self._excess(i, j, head, operators)
        denials = self._denials(j, head, said)
        wish = self._wished(j, said)
        if not said and not denials and head.kind != "defect" and not self._had(j, wish):
            return None
        there, size = self._amount(j, head, said, denials, wish)
        seen = any(sense.kind == "seen" for _, sense in said) and head.seen
        dimension = seen or head.dimension
        if not dimension:
            return None
        value = there * size * (-1 if head.kind == "defect" else 1)
        if self.frame.clause.link == "despite" and value < 0:
            value = -1.0
        mode = head.mode if value < 0 else ""
        places = [j, *(i for i, _ in said), *denials]
        made = self.frame.claim(dimension, value, self.frame.locus(j, j, head), mode, *places)
        if not denials and head.kind == "defect" and j >= 0:
            self.bare = made
        return made

    def _only_general(self, j: int, head: Head) -> bool:
        """Whether `distortion` sums up other defects that the clause names."""
        others = (k for k in self.frame.heads if k != j)
        return head.name == "distortion" and any(
            self.frame.head(k).kind == "defect" for k in others
        )

    def _too_much(self, i: int, sense: Sense) -> bool:
        return self.frame.degree(i) == "too" and sense.kind == "much" and sense.value > 0

    def _excess(self, i: int, j: int, head: Head, denials: list[int]) -> Claim | None:
        if head.dimension is None:
            return None
        value = 1.0 if len(denials) % 2 else -2.5
        locus = self.frame.locus(i, j, head)
        return self.frame.claim(head.dimension, value, locus, "over", i, j, *denials)

    def _denials(self, j: int, head: Head, said: Said) -> list[int]:
        found = {k for k, first, end in self.negation.scopes if j >= 0 and first <= j < end}
        if not said and head.kind == "defect":
            found.update(self._never(j))
        for i, _ in said:
            found.update(self.negation.operators(i, j))
        return sorted(found)

    def _wished(self, j: int, said: Said) -> bool:
        wished = self.frame.wished
        return wished is not None and (
            j > wished or any(i > wished and self.frame.compared(i) for i, _ in said)
        )

    def _amount(
        self, j: int, head: Head, said: Said, denials: list[int], wish: bool
    ) -> tuple[float, float]:
        """Whether the head is there (1 or -1), and how much of it (1 to 3)."""
        there, size = 1.0, 2.0
        for i, sense in said:
            there *= 1 if sense.value > 0 else -1
            if sense.kind == "mild":
                size = 1.0
            elif self._small(i, j):
                size, there = 1.0, 1.0
            elif sense.kind == "much" and abs(sense.value) > 2:
                size = 3.0
            if self.frame.degree(i) == "very":
                size = min(3.0, size + 0.5)
            if self.frame.degree(i) == "slightly":
                size = 1.0
        compared = any(self.frame.compared(i) for i, _ in said)
        odd = len(denials) % 2 == 1
        if wish and odd and compared:
            return abs(there), 3.0
        if wish and head.kind != "defect" and not odd:
            there = -abs(there)
        elif wish and head.kind == "defect" and compared:
            there = 1.0
        return (-there if odd else there), size

    def _small(self, i: int, j: int) -> bool:
        """Whether `little` is no amount: `little squares`."""
        return (
            j > i and self.frame.items[i].word == "little" and self.frame.items[j].word[-1] == "s"
        )

    def _never(self, j: int) -> list[int]:
        """The negation of the verb whose subject the defect is: `flare never reaches the face`."""
        items = self.frame.items
        if j not in self.frame.subjects or any(item.kind == "E" for item in items):
            return []
        if "no" in self.frame.kinds[: j + 4]:
            return []
        near = range(j + 1, min(j + 4, len(items) - 1))
        return [k for k in near if self.frame.kinds[k] == "not" and items[k].word != "nor"][:1]

    def _had(self, j: int, wish: bool) -> bool:
        """Whether a wanted thing without a term is said to be there, or wished for."""
        if wish and self.frame.wished is not None and self.frame.wished >= 0:
            return self.frame.kinds[self.frame.wished] == "need"
        before = self.frame.items[j - 1]
        return before.kind == "have" and before.word not in ("with", "using", "use", "including")
