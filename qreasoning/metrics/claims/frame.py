"""The frame of a clause: its heads, verb and subject, and which heads a term speaks of.

Terms stand before their head (`heavy noise`), after a verb (`the noise is heavy`) or before an
object (`hides the detail`).
"""

from qreasoning.metrics.claims.claim import Claim, Context
from qreasoning.metrics.claims.clauses import Clause, is_finite
from qreasoning.metrics.claims.items import Item
from qreasoning.metrics.claims.lexicon import Head

SCENE = Head("image", "region", "overall", None, "image", "")
UNKNOWN = Head("?", "region", None, None, "image", "")
DEGREES = frozenset({"very", "slightly", "too", "well", "badly"})
ADJUNCTS = frozenset({"without", "lacking", "free of", "free from", "devoid of", "sans", "minus"})
_PEOPLE = frozenset({"i", "you", "we", "he", "she", "somebody", "nobody", "who"})
_COMPARATIVES = frozenset(
    {"more", "less", "fewer", "better", "higher", "lower", "greater", "worse"}
)
_SAYING = frozenset({"say", "call", "describe", "consider", "rate", "expect", "think", "guess"})
_PASSING = frozenset({"very", "slightly", "too", "well", "badly", "every", "transparent"})


class Frame:
    """Items of a clause, where its heads stand (compounds by their last word), verb and subjects.

    Heads are named by their index; -1 is the head taken over from the clause before, -2 an unknown
    thing. `wished` is the index from which on the clause says what should be and is not.
    """

    def __init__(self, clause: Clause, context: Context) -> None:
        self.clause = clause
        self.items = clause.items
        self.kinds = [item.kind for item in clause.items]
        self.context = context
        self.verb = next((i for i, item in enumerate(self.items) if is_finite(item)), None)
        self.heads = self._find_heads()
        self.subjects = self._find_subjects()
        self.wished = self._find_wish()

    def _find_heads(self) -> list[int]:
        """Where heads stand; of a compound (`image noise`), the last."""
        found = [i for i, kind in enumerate(self.kinds) if kind == "H"]
        return [
            i
            for i in found
            if i + 1 not in found or not self._joined(i) or self._is_hue(i) or self._same(i)
        ]

    def _joined(self, i: int) -> bool:
        """Whether the head at `i` and the next are one word after the other: no `across the`."""
        return self.items[i + 1].start - self.items[i].end < 2

    def _same(self, i: int) -> bool:
        # A defect is spoken of even where another head follows it: `noise detail`.
        head, following = self.head(i), self.head(i + 1)
        return head.kind == "defect" and following.kind in ("region", "defect")

    def _is_hue(self, i: int) -> bool:
        return self.head(i).name == "hue"

    def head(self, i: int | None) -> Head:
        """The head at an index; the one taken over for -1."""
        if i is None or i < 0:
            return self.context.subject or SCENE
        found = self.items[i].entry.head
        return found or UNKNOWN

    def _find_subjects(self) -> list[int]:
        """The heads that the verb speaks of."""
        if self.verb is None:
            return self.heads[:1]
        end = self.verb
        before = [i for i in self.heads if i < end]
        free = [i for i in before if not self.in_phrase(i)]
        if not free:
            return before[-1:]
        wanted = [i for i in free if self.head(i).kind != "region"] or free
        last = wanted[0]
        joined = [last]
        for i in wanted[1:]:
            if any(item.kind in ("and", ",") or item.word == "nor" for item in self.items[last:i]):
                joined.append(i)
        return joined

    def in_phrase(self, i: int) -> bool:
        """Whether a head belongs to a phrase with a preposition or `without`."""
        for j in range(i - 1, max(-1, i - 7), -1):
            kind = self.kinds[j]
            if kind in ("prep", "of"):
                return not (
                    kind == "of" and j > 0 and self.kinds[j - 1] in ("transparent", "E", "det")
                )
            if kind == "no":
                return self.items[j].word in ADJUNCTS
            if kind in ("H", ",") or is_finite(self.items[j]):
                return False
        return False

    def _find_wish(self) -> int | None:
        """From where on the clause says what should be and is not."""
        if self.clause.link == "if":
            return -1
        for i, item in enumerate(self.items):
            if item.kind == "need" and item.word.startswith("would") and "H" not in self.kinds[i:]:
                return -1  # `more light would help`
            if item.kind in ("if", "need"):
                return i
            if item.kind == "modal" and item.word not in ("may", "might"):
                rest = self.items[i + 1 : i + 5]
                seen = any(sense_kind(each) == "seen" or each.word in _SAYING for each in rest)
                if not seen or item.word.startswith("should"):
                    return i
        return None

    def _personal(self) -> bool:
        return any(item.word in _PEOPLE for item in self.items[:3])

    def carried(self) -> Head | None:
        """The subject that a following clause without one speaks of."""
        if self.subjects:
            return self.head(self.subjects[0])
        return self.context.subject

    def forward(self, i: int) -> int | None:
        """The head that the term at `i` stands before, as in `heavy and ugly noise`."""
        unknown, commas, count = 0, 0, len(self.items)
        j = i + 1
        while j < count:
            kind = self.kinds[j]
            if kind == "H":
                if self.head(j).name == "hue":
                    return j
                while j + 1 < count and self.kinds[j + 1] == "H" and self._joined(j):
                    j += 1
                return j
            if kind == "E":
                if is_finite(self.items[j]):
                    return None
            elif kind in ("and", ","):
                commas += kind == ","
                if j + 1 >= count or self.kinds[j + 1] not in ("E", *DEGREES) or commas > 1:
                    return None
            elif kind == "of":
                if self.kinds[j - 1] not in ("transparent", "E", "det"):
                    return None
            elif kind == "det":
                if self.kinds[j - 1] == "prep" or self.items[j - 1].word == "with":
                    pass
                elif self.kinds[j - 1] not in ("of", "E") or not self.takes_object(i):
                    return None
            elif kind == "prep" or self.items[j].word == "with":
                if j != i + 1 or not self._in_respect(i, j):
                    return None
            elif kind == "x":
                unknown += 1
                if unknown > 2:
                    return None
            elif kind not in _PASSING and not kind.startswith("participle"):
                return None
            j += 1
        return None

    def _in_respect(self, i: int, j: int) -> bool:
        """Whether a judgement names its object after it: `worse on sharpness`, `poor in detail`."""
        if self.items[j].word not in ("in", "on", "at", "with", "about", "for"):
            return False
        term = self.items[i].entry.term
        judged = (term is not None and term.generic is not None) or self.amount(i)
        following = [k for k in range(j + 1, min(j + 3, len(self.items))) if self.kinds[k] != "det"]
        if not judged or not following or self.kinds[following[0]] != "H":
            return False
        return self.head(following[0]).kind in ("good", "neutral")

    def takes_object(self, i: int) -> bool:
        """Whether a determiner may stand between the term and its head: `hides the detail`."""
        term = self.items[i].entry.term
        return (term is not None and term.verb) or self.amount(i)

    def amount(self, i: int) -> bool:
        """Whether the term is an amount."""
        return sense_kind(self.items[i]) in ("much", "mild")

    def bound(self, i: int) -> list[int]:
        """The heads that the term at `i` speaks of; -1 is taken over, -2 an unknown thing."""
        ahead = self.forward(i)
        if ahead is not None:
            return [ahead, *self._sharing(i, ahead)]
        if self._names_unknown(i):
            return [-2]
        if self.verb == i + 1 and self.kinds[i + 1] == "be" and not any(j < i for j in self.heads):
            named = [j for j in self.heads if self.head(j).kind != "region"]
            if named:
                return named[:1]  # `the best part is the framing`
        if self.verb is None:
            return self._beside(i)
        if self.subjects and self.subjects[0] < i:
            near = [j for j in self.heads if self.verb is not None and self.verb < j < i]
            if (
                near
                and sense_kind(self.items[i]) in ("seen", "much")
                and not self.in_phrase(near[-1])
            ):
                return near[-1:]
            return self.subjects
        before = [j for j in self.heads if j < i]
        return before[-1:] or [-2 if self._personal() else -1]

    def _beside(self, i: int) -> list[int]:
        """Without a verb, the heads between the commas: `contrast low, light fine`."""
        start = max((j for j in range(i) if self.kinds[j] == ","), default=-1)
        before = [j for j in self.heads if start < j < i and not self.in_phrase(j)]
        if not before and start >= 0 and not any(self.kinds[j] == "E" for j in range(start, i)):
            before = [j for j in self.heads if j < start][-1:]
        joined = before[-1:]
        while joined and joined[0] > 1 and self.kinds[joined[0] - 1] in ("and", ","):
            if self.kinds[joined[0] - 2] != "H" or self._judged(joined[0] - 2):
                break
            if self.kinds[joined[0] - 3 : joined[0] - 2] == ["no"]:
                break  # `no grain, colors natural`
            joined.insert(0, joined[0] - 2)
        return joined or [-2 if self._personal() else -1]

    def _sharing(self, i: int, head: int) -> list[int]:
        """Heads joined to one that a term stands before: `good contrast and colors`."""
        found = []
        j = head + 1
        while (
            j + 1 < len(self.items) and self.kinds[j] in ("and", ",") and self.kinds[j + 1] == "H"
        ):
            if self.kinds[j] == "," and self.judged_after(j + 1):
                break
            found.append(j + 1)
            j += 2
        return found

    def _judged(self, j: int) -> bool:
        """Whether the head has a term of its own before it: `proper colors, faces crisp`."""
        return j > 0 and self.kinds[j - 1] == "E"

    def judged_after(self, j: int) -> bool:
        """Whether the head has a term of its own after it, and nothing more."""
        rest = self.kinds[j + 1 : j + 3]
        return rest[:1] == ["E"] and rest[1:] in ([], [","], ["and"])

    def _names_unknown(self, i: int) -> bool:
        """Whether the term describes a thing not in the lexicon, as in `a dark suit`."""
        if i + 1 >= len(self.items) or self.kinds[i + 1] != "x":
            return False
        j = i - 1
        while j >= 0 and (self.kinds[j] in ("E", "and", ",") or self.kinds[j] in DEGREES):
            j -= 1
        return j < 0 or self.kinds[j] in ("det", "prep", "have", "of", "x", "every")

    def agents(self, i: int) -> list[int]:
        """The heads that do what the verb at `i` says; for a participle those after `by`."""
        entry = self.items[i].entry
        if entry.term is None or not entry.term.verb:
            return []
        after = self.items[i + 1].word if i + 1 < len(self.items) else ""
        if entry.form == "ed" and after in ("by", "in", "to"):
            return [j for j in self.heads if i < j <= i + 4][:1]
        before = [j for j in self.subjects if j < i]
        return before or [j for j in self.heads if j < i][-1:]

    def compared(self, i: int) -> bool:
        """Whether the term compares: `sharper`, `more noise`."""
        item = self.items[i]
        if item.entry.form == "er" or item.word in _COMPARATIVES:
            return True
        return i > 0 and self.items[i - 1].word in ("more", "less", "better")

    def manner(self, i: int) -> list[int]:
        """Where a word of manner stands beside the term: `well exposed`, `framed badly`."""
        after = i + 2 if self.kinds[i + 1 : i + 2] == ["very"] else i + 1
        near = [j for j in (i - 1, after) if 0 <= j < len(self.items)]
        return [
            j
            for j in near
            if self.kinds[j] in ("well", "badly")
            or self.items[j].word in ("better", "worse", "best")
            or (j < i and self.qualifies(j))
        ]

    def qualifies(self, j: int) -> bool:
        """Whether an adjective stands for an adverb, as learners write: `good exposed`."""
        following = self.kinds[j + 1] if j + 1 < len(self.items) else ""
        return self.items[j].word in ("good", "bad") and following.startswith("participle")

    def degree(self, i: int) -> str:
        """The kind of the word of degree before the term, or nothing."""
        if i and self.kinds[i - 1] in DEGREES:
            return self.kinds[i - 1]
        return ""

    def active(self, i: int) -> bool:
        """Whether a verb of seeing or showing has a subject of its own: `I see`, `it shows`."""
        item = self.items[i]
        return is_finite(item) and item.entry.form != "ed"

    def locus(self, i: int, j: int, head: Head) -> str:
        """Where in the picture the claim of a term on a head is made."""
        if head.locus != "image":
            return head.locus
        for k in self.heads:
            other = self.head(k)
            if other.locus == "background" and k > 0 and self._placed(k):
                return "background"
        for k in range(max(0, j - 1) if j >= 0 else 0, len(self.items)):
            if self.kinds[k] == "H" and self.head(k).locus == "subject" and k != j:
                return "subject"
        return "image"

    def _placed(self, k: int) -> bool:
        before = self.items[max(0, k - 2) : k]
        return any(item.word in ("in", "of", "throughout", "across", "at") for item in before)

    def claim(self, dimension: str, value: float, locus: str, mode: str, *places: int) -> Claim:
        """A claim whose words are those from the first to the last of `places`."""
        inside = [k for k in places if 0 <= k < len(self.items)]
        span = min(self.items[k].start for k in inside), max(self.items[k].end for k in inside)
        value = round(max(-3.0, min(3.0, value)), 2)
        polarity = (value > 0) - (value < 0)
        return Claim(dimension, polarity, value, locus, mode if value < 0 else "", span)


def sense_kind(item: Item) -> str:
    """`seen` for a term of presence; `much`, `mild` or `bother` for an amount; else nothing."""
    term = item.entry.term
    if term is None:
        return ""
    kinds = {sense.kind for sense in term.senses.values() if sense is not None}
    return next((kind for kind in ("seen", "much", "mild", "bother") if kind in kinds), "")
